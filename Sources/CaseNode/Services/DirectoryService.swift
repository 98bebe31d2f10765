import CaseModel
import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import RPC

/// `casecluster.v1.Directory`: who exists. Everything is a command of the system group.
struct DirectoryService: Sendable {
    static let name = "casecluster.v1.Directory"
    /// Names on a page where the caller does not say.
    static let pageSizeDefault = 100
    /// Names on a page, at most.
    static let pageSizeMax = 500

    let context: ServiceContext

    func register(in router: inout RPCRouter) {
        unary(&router, "PutPrincipal", PBPutPrincipalRequest.self, putPrincipal)
        unary(&router, "RemovePrincipal", PBNameRequest.self) { request throws(WireError) in
            .removePrincipal(PrincipalID(try named(request.name, "name")))
        }
        unary(&router, "PutTeam", PBPutTeamRequest.self) { request throws(WireError) in
            guard request.hasTeam else { throw WireError(RequestFault("team", "is required")) }
            return .putTeam(
                Team(
                    id: TeamID(try named(request.team.name, "team.name")),
                    title: request.team.displayName
                )
            )
        }
        unary(&router, "RemoveTeam", PBNameRequest.self) { request throws(WireError) in
            .removeTeam(TeamID(try named(request.name, "name")))
        }
        unary(&router, "PutQueue", PBPutQueueRequest.self, putQueue)
        unary(&router, "RemoveQueue", PBNameRequest.self) { request throws(WireError) in
            .removeQueue(QueueID(try named(request.name, "name")))
        }
        unary(&router, "RevokeToken", PBNameRequest.self) { request throws(WireError) in
            .revokeToken(try named(request.name, "name"))
        }
        router.unary(
            path("SetPresence"),
            PBSetPresenceRequest.self,
            PBDirectoryReceipt.self,
            calling: setPresence
        )
        router.unary(
            path("IssueToken"),
            PBIssueTokenRequest.self,
            PBIssueTokenResponse.self,
            calling: issueToken
        )
        list(&router, "ListPrincipals", PBListPrincipalsResponse.self) { state, page in
            let (items, more) = page.cut(state.principals, name: { $0.id.rawValue }) {
                PBPrincipal($0, presence: state.presence(of: $0.id))
            }
            return PBListPrincipalsResponse.with {
                $0.principals = items
                $0.more = more
            }
        }
        list(&router, "ListTeams", PBListTeamsResponse.self) { state, page in
            let (items, more) = page.cut(
                state.teams,
                name: { $0.id.rawValue },
                render: PBTeam.init
            )
            return PBListTeamsResponse.with {
                $0.teams = items
                $0.more = more
            }
        }
        list(&router, "ListQueues", PBListQueuesResponse.self) { state, page in
            let (items, more) = page.cut(
                state.queues,
                name: { $0.id.rawValue },
                render: PBQueue.init
            )
            return PBListQueuesResponse.with {
                $0.queues = items
                $0.more = more
            }
        }
        list(&router, "ListTokens", PBListTokensResponse.self) { state, page in
            let (items, more) = page.cut(
                state.tokens,
                name: { $0.id },
                render: PBToken.init
            )
            return PBListTokensResponse.with {
                $0.tokens = items
                $0.more = more
            }
        }
    }

    private func path(_ method: String) -> String { "/\(Self.name)/\(method)" }

    // MARK: Changes

    /// A method that turns its request into one system command.
    private func unary<Request: DirectoryRequest>(
        _ router: inout RPCRouter,
        _ method: String,
        _ type: Request.Type,
        _ command: @escaping @Sendable (Request) throws(WireError) -> SystemCommand
    ) {
        let path = path(method)
        router.unary(path, type, PBDirectoryReceipt.self) { [context] request, reply in
            context.answering(reply) { actor throws(WireError) in
                var plain = request
                plain.idempotencyKey = ""
                let scope = try context.scope(
                    actor,
                    method: path,
                    key: request.idempotencyKey,
                    request: plain
                )
                context.proposeSystem(try command(request), by: actor, scope: scope) { result in
                    switch result {
                    case .success(let receipt):
                        reply.complete(
                            PBDirectoryReceipt.with {
                                $0.directoryVersion = receipt.directoryVersion
                            }
                        )
                    case .failure(let error): reply.fail(RPCStatus(error))
                    }
                }
            }
        }
    }

    private func putPrincipal(_ request: PBPutPrincipalRequest) throws(WireError) -> SystemCommand {
        guard request.hasPrincipal else {
            throw WireError(RequestFault("principal", "is required"))
        }
        let found = request.principal
        let role: CaseModel.Role
        do throws(RequestFault) {
            role = try found.role.model("principal.role")
        } catch { throw WireError(error) }
        var contacts: [String] = []
        for (position, address) in found.addresses.enumerated() {
            guard let uri = ContactURI.mail(address) else {
                throw WireError(
                    RequestFault("principal.addresses[\(position)]", "is no mail address")
                )
            }
            contacts.append(uri)
        }
        for (position, phone) in found.phones.enumerated() {
            guard let uri = ContactURI.phone(phone) else {
                throw WireError(
                    RequestFault("principal.phones[\(position)]", "is no international number")
                )
            }
            contacts.append(uri)
        }
        let mayOwn = role == .agent || role == .supervisor || role == .aiAgent
        return .putPrincipal(
            DirectoryEntry(
                id: PrincipalID(try named(found.name, "principal.name")),
                role: role,
                title: found.displayName,
                teams: found.teams.map { TeamID($0) },
                queues: found.queues.map { QueueID($0) },
                contacts: contacts,
                caseMaximum: mayOwn ? Self.caseMaximumDefault : 0
            )
        )
    }

    /// Kept with an agent for the day when load limits are enforced.
    private static let caseMaximumDefault: UInt32 = 20

    private func putQueue(_ request: PBPutQueueRequest) throws(WireError) -> SystemCommand {
        guard request.hasQueue else { throw WireError(RequestFault("queue", "is required")) }
        let found = request.queue
        var recipients: [String] = []
        for (position, address) in found.addresses.enumerated() {
            guard let uri = ContactURI.normalized(address) else {
                throw WireError(
                    RequestFault(
                        "queue.addresses[\(position)]",
                        "is no mail address, international number or widget:NAME"
                    )
                )
            }
            recipients.append(uri)
        }
        return .putQueue(
            WorkQueue(
                id: QueueID(try named(found.name, "queue.name")),
                title: found.displayName,
                team: TeamID(try named(found.team, "queue.team")),
                recipients: recipients,
                commentPends: found.commentPends
            )
        )
    }

    @Sendable
    private func setPresence(
        _ request: PBSetPresenceRequest,
        _ reply: MessageReply<PBDirectoryReceipt>
    ) {
        context.answering(reply) { [self] actor throws(WireError) in
            guard let raw = UInt8(exactly: request.presence.rawValue),
                let presence = Presence(rawValue: raw)
            else { throw WireError(RequestFault("presence", "must be available, away or offline")) }
            var plain = request
            plain.idempotencyKey = ""
            let scope = try context.scope(
                actor,
                method: path("SetPresence"),
                key: request.idempotencyKey,
                request: plain
            )
            let isMe = request.name.isEmpty || request.name == "me"
            let command = SystemCommand.setPresence(
                isMe ? actor.id : PrincipalID(request.name),
                presence
            )
            context.proposeSystem(command, by: actor, scope: scope) { result in
                switch result {
                case .success(let receipt):
                    reply.complete(
                        PBDirectoryReceipt.with { $0.directoryVersion = receipt.directoryVersion }
                    )
                case .failure(let error): reply.fail(RPCStatus(error))
                }
            }
        }
    }

    @Sendable
    private func issueToken(
        _ request: PBIssueTokenRequest,
        _ reply: MessageReply<PBIssueTokenResponse>
    ) {
        context.answering(reply) { [self] actor throws(WireError) in
            let principal = PrincipalID(try named(request.principal, "principal"))
            let expires = try expiry(request.lifetime)
            var plain = request
            plain.idempotencyKey = ""
            let scope = try context.scope(
                actor,
                method: path("IssueToken"),
                key: request.idempotencyKey,
                request: plain
            )
            let secret = TokenSecret.make()
            let token = NewToken(
                id: TokenSecret.makeID(),
                secretHash: secret.hash,
                principal: principal,
                expiresAt: expires
            )
            context.proposeSystem(.issueToken(token), by: actor, scope: scope) {
                [context] result in
                switch result {
                case .success(let receipt):
                    reply.complete(
                        PBIssueTokenResponse.with {
                            $0.tokenID = receipt.subject
                            // A repeated call finds the first one's token, whose secret nobody kept.
                            $0.secret = receipt.subject == token.id ? secret.text : ""
                            $0.expiresAt =
                                context.expiry(ofToken: receipt.subject)?.rawValue ?? 0
                        }
                    )
                case .failure(let error): reply.fail(RPCStatus(error))
                }
            }
        }
    }

    private func expiry(_ lifetime: String) throws(WireError) -> Timestamp? {
        guard !lifetime.isEmpty else { return nil }
        guard let span = TimeSpan(lifetime), span.milliseconds > 0 else {
            throw WireError(RequestFault("lifetime", "must be like 30d, 12h or 10m"))
        }
        return context.clock.now() + span
    }

    // MARK: Lists

    private func list<Response>(
        _ router: inout RPCRouter,
        _ method: String,
        _ type: Response.Type,
        _ build: @escaping @Sendable (SystemState, Page) -> Response
    ) where Response: ProtocolMessage {
        router.unary(path(method), PBListDirectoryRequest.self, type) { [context] request, reply in
            context.answering(reply) { actor throws(WireError) in
                guard actor.role == .admin || actor.role == .supervisor else {
                    throw WireError.forbidden(actor.role, needs: "an admin or a supervisor")
                }
                let page = try Page(after: request.after, size: request.pageSize)
                context.system.read { failure in
                    if let failure { return reply.fail(RPCStatus(context.wireError(failure))) }
                    reply.complete(build(context.system.machine.state, page))
                }
            }
        }
    }

    /// A page of names.
    struct Page: Sendable {
        let after: String
        let size: Int

        init(after: String, size: UInt32) throws(WireError) {
            guard size <= DirectoryService.pageSizeMax else {
                throw WireError(
                    RequestFault("page_size", "must be at most \(DirectoryService.pageSizeMax)")
                )
            }
            self.after = after
            self.size = size == 0 ? DirectoryService.pageSizeDefault : Int(size)
        }

        /// The page's items, and whether there are more behind them.
        func cut<Item, Rendered: ProtocolMessage>(
            _ items: [Item],
            name: (Item) -> String,
            render: (Item) -> Rendered
        ) -> (items: [Rendered], more: Bool) {
            let rest =
                after.isEmpty
                ? items[...]
                : items.drop { !after.utf8.lexicographicallyPrecedes(name($0).utf8) }
            var budget = PageBudget(itemsMax: size)
            var rendered: [Rendered] = []
            for item in rest {
                let message = render(item)
                guard budget.take(Self.bytes(of: message)) else { return (rendered, true) }
                rendered.append(message)
            }
            return (rendered, false)
        }

        private static func bytes(of message: some ProtocolMessage) -> Int {
            do {
                let bytes: [UInt8] = try message.serializedBytes()
                return bytes.count
            } catch {
                // Without extensions or required fields a message serialises; the answer would fail anyway.
                assertionFailure("a directory entry does not serialise: \(error)")
                return PageBudget.bytesMax
            }
        }
    }
}

extension ServiceContext {
    /// When a token ends, as the directory has it.
    fileprivate func expiry(ofToken id: String) -> Timestamp? {
        system.machine.state.tokens.first { $0.id == id }?.expiresAt
    }
}

/// A required name.
private func named(_ text: String, _ field: String) throws(WireError) -> String {
    guard !text.isEmpty else { throw WireError(RequestFault(field, "is required")) }
    return text
}
