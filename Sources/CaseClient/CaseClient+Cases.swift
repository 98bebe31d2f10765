import CaseProtocol
import ClusterPrimitives

/// Cases: commands and reads.
extension CaseClient {
    /// Makes a case. Only `message` must be set; staff also name the requester.
    ///
    /// Sets the idempotency key unless the options or the message bring one.
    @discardableResult
    public func create(
        _ new: NewCase,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CaseReceipt {
        var new = new
        new.idempotencyKey = key(options, new.idempotencyKey)
        return try await command(
            "/casecluster.v1.Cases/Create",
            new,
            CaseReceipt.self,
            key: new.idempotencyKey,
            options
        )
    }

    /// Does one action on a case.
    ///
    /// - Parameters:
    ///   - action: what to do.
    ///   - caseID: 13 characters, as people read it out; checked before anything is sent.
    ///   - version: the version that the decision was made on; nil for whatever it is now.
    ///   - options: key, deadline and token of this call.
    /// - Returns: the case's version, status and owner after it.
    /// - Throws: `stale-version` with `currentVersion` when somebody was faster.
    @discardableResult
    public func execute(
        _ action: CaseAction,
        on caseID: String,
        expecting version: UInt64? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CaseReceipt {
        var request = PBExecuteRequest()
        request.idempotencyKey = key(options)
        request.caseID = try Self.checked(caseID)
        if let version { request.expectedVersion = version }
        request.action = action.wire
        return try await command(
            "/casecluster.v1.Cases/Execute",
            request,
            CaseReceipt.self,
            key: request.idempotencyKey,
            options
        )
    }

    /// Reads one case; linearizable.
    public func get(
        _ caseID: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CaseRecord {
        var request = PBGetRequest()
        request.caseID = try Self.checked(caseID)
        return try await read("/casecluster.v1.Cases/Get", request, CaseRecord.self, options)
    }

    /// Reads one page of a list. See `cases(_:)` for all pages.
    public func list(
        _ query: CaseQuery = CaseQuery(),
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CasePage {
        try await read("/casecluster.v1.Cases/List", query, CasePage.self, options)
    }

    /// Reads one page of a history: entries above `number`. See `entries(of:)` for all pages.
    public func history(
        _ caseID: String,
        after number: UInt64 = 0,
        pageSize: UInt32 = 0,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CaseHistoryPage {
        var request = PBHistoryRequest()
        request.caseID = try Self.checked(caseID)
        request.afterNumber = number
        request.pageSize = pageSize
        return try await read(
            "/casecluster.v1.Cases/History",
            request,
            CaseHistoryPage.self,
            options
        )
    }

    /// Has the cluster recompute a case's audit chain.
    public func verify(
        _ caseID: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> CaseVerification {
        var request = PBVerifyRequest()
        request.caseID = try Self.checked(caseID)
        return try await read(
            "/casecluster.v1.Cases/Verify",
            request,
            CaseVerification.self,
            options
        )
    }

    /// The raw message that came with entry `number`: at most 4 MiB.
    public func raw(
        _ caseID: String,
        entry number: UInt64,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [UInt8] {
        var request = PBGetRawRequest()
        request.caseID = try Self.checked(caseID)
        request.number = number
        let reply = try await read(
            "/casecluster.v1.Cases/GetRaw",
            request,
            PBGetRawResponse.self,
            options
        )
        return Array(reply.raw)
    }

    /// The canonical form of an id, or a typed error that says what is wrong with it.
    static func checked(_ caseID: String) throws(CaseClientError) -> String {
        do {
            return try CaseID(parsing: caseID).description
        } catch {
            throw CaseClientError(
                code: .invalidArgument,
                kind: "invalid-request",
                field: "case_id",
                message: "'\(caseID.prefix(40))' is not a case id: \(error)"
            )
        }
    }

    func key(_ options: CaseCallOptions, _ given: String = "") -> String {
        if let key = options.idempotencyKey, !key.isEmpty { return key }
        return given.isEmpty ? makeKey() : given
    }
}
