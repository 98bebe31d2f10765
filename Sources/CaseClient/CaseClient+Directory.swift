import CaseProtocol

/// The directory: principals, teams, queues, tokens. Needs an admin's token; reads also a
/// supervisor's.
extension CaseClient {
    /// Adds or replaces a principal. Returns the directory's new version, as all changes here do.
    @discardableResult
    public func put(
        _ principal: Principal,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        var request = PBPutPrincipalRequest()
        request.idempotencyKey = key(options)
        request.principal = principal
        return try await command(
            "/casecluster.v1.Directory/PutPrincipal",
            request,
            PBDirectoryReceipt.self,
            key: request.idempotencyKey,
            options
        ).directoryVersion
    }

    /// Adds or replaces a team.
    @discardableResult
    public func put(
        _ team: Team,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        var request = PBPutTeamRequest()
        request.idempotencyKey = key(options)
        request.team = team
        return try await command(
            "/casecluster.v1.Directory/PutTeam",
            request,
            PBDirectoryReceipt.self,
            key: request.idempotencyKey,
            options
        ).directoryVersion
    }

    /// Adds or replaces a queue.
    @discardableResult
    public func put(
        _ queue: WorkQueue,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        var request = PBPutQueueRequest()
        request.idempotencyKey = key(options)
        request.queue = queue
        return try await command(
            "/casecluster.v1.Directory/PutQueue",
            request,
            PBDirectoryReceipt.self,
            key: request.idempotencyKey,
            options
        ).directoryVersion
    }

    /// Removes a principal: its tokens end, its cases are released.
    @discardableResult
    public func removePrincipal(
        _ name: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        try await change("/casecluster.v1.Directory/RemovePrincipal", name, options)
    }

    /// Removes a team that nothing refers to.
    @discardableResult
    public func removeTeam(
        _ name: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        try await change("/casecluster.v1.Directory/RemoveTeam", name, options)
    }

    /// Says whether somebody takes cases now.
    ///
    /// - Parameters:
    ///   - presence: available, away or offline.
    ///   - name: whose, by the name in the directory; nil for the token's own principal.
    ///   - options: key, deadline and token of this call.
    /// - Returns: the directory's version after the change.
    /// - Throws: not permitted for another's presence, unless by a supervisor.
    @discardableResult
    public func setPresence(
        _ presence: Presence,
        of name: String? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        var request = PBSetPresenceRequest()
        request.idempotencyKey = key(options)
        request.presence = presence
        request.name = name ?? ""
        return try await command(
            "/casecluster.v1.Directory/SetPresence",
            request,
            PBDirectoryReceipt.self,
            key: request.idempotencyKey,
            options
        ).directoryVersion
    }

    /// Removes a queue that is not the default one.
    @discardableResult
    public func removeQueue(
        _ name: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        try await change("/casecluster.v1.Directory/RemoveQueue", name, options)
    }

    /// Ends a token.
    @discardableResult
    public func revokeToken(
        _ tokenID: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> UInt64 {
        try await change("/casecluster.v1.Directory/RevokeToken", tokenID, options)
    }

    /// Makes a token. The secret is shown this once; a call repeated under its key gets none.
    ///
    /// - Parameters:
    ///   - principal: whose, by its name in the directory.
    ///   - lifetime: as `30d` or `12h`; nil for ever.
    ///   - options: key, deadline and token of this call.
    /// - Returns: the token's id, its secret, and when it ends.
    /// - Throws: `not-found` for a name that is not in the directory.
    public func issueToken(
        for principal: String,
        lifetime: String? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> IssuedToken {
        var request = PBIssueTokenRequest()
        request.idempotencyKey = key(options)
        request.principal = principal
        request.lifetime = lifetime ?? ""
        return try await command(
            "/casecluster.v1.Directory/IssueToken",
            request,
            IssuedToken.self,
            key: request.idempotencyKey,
            options
        )
    }

    /// All principals, sorted by name.
    public func principals(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [Principal] {
        try await pages { (after) async throws(CaseClientError) in
            let page = try await self.read(
                "/casecluster.v1.Directory/ListPrincipals",
                after,
                PBListPrincipalsResponse.self,
                options
            )
            return (page.principals, page.more, page.principals.last?.name)
        }
    }

    /// All teams, sorted by name.
    public func teams(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [Team] {
        try await pages { (after) async throws(CaseClientError) in
            let page = try await self.read(
                "/casecluster.v1.Directory/ListTeams",
                after,
                PBListTeamsResponse.self,
                options
            )
            return (page.teams, page.more, page.teams.last?.name)
        }
    }

    /// All queues, sorted by name.
    public func queues(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [WorkQueue] {
        try await pages { (after) async throws(CaseClientError) in
            let page = try await self.read(
                "/casecluster.v1.Directory/ListQueues",
                after,
                PBListQueuesResponse.self,
                options
            )
            return (page.queues, page.more, page.queues.last?.name)
        }
    }

    /// All tokens, sorted by id, without secrets.
    public func tokens(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [AccessToken] {
        try await pages { (after) async throws(CaseClientError) in
            let page = try await self.read(
                "/casecluster.v1.Directory/ListTokens",
                after,
                PBListTokensResponse.self,
                options
            )
            return (page.tokens, page.more, page.tokens.last?.tokenID)
        }
    }

    /// Rows asked for at a time: the most that a server gives.
    private static let pageRows: UInt32 = 500

    private func change(
        _ path: String,
        _ name: String,
        _ options: CaseCallOptions
    ) async throws(CaseClientError) -> UInt64 {
        var request = PBNameRequest()
        request.idempotencyKey = key(options)
        request.name = name
        return try await command(
            path,
            request,
            PBDirectoryReceipt.self,
            key: request.idempotencyKey,
            options
        ).directoryVersion
    }

    /// Walks all pages. A page that is empty or does not move on ends the walk, whatever `more`
    /// says.
    private func pages<Row>(
        _ page: (PBListDirectoryRequest) async throws(CaseClientError) -> ([Row], Bool, String?)
    ) async throws(CaseClientError) -> [Row] {
        var request = PBListDirectoryRequest()
        request.pageSize = Self.pageRows
        var all: [Row] = []
        while true {
            let (rows, more, last) = try await page(request)
            all += rows
            guard more, let last, last != request.after else { return all }
            request.after = last
        }
    }
}
