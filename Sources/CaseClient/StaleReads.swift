import CaseProtocol
import RPC
import SwiftProtobuf

/// What a read found, and how old it may be.
public struct Aged<Value: Sendable>: Sendable {
    /// What was found.
    public var value: Value
    /// How long before its answer the node last showed all that the shard's leader had committed: what was
    /// acknowledged since then may be missing. Zero: nothing that was acknowledged before the call is missing.
    public var age: Duration

    /// Puts an answer together.
    public init(value: Value, age: Duration) {
        self.value = value
        self.age = age
    }
}

/// Reads that any node answers from its own replica, without asking the shard's leader: they also work where
/// most nodes are out of reach, and spare the leader. What they miss is bounded by the age that comes along.
///
/// Each takes the greatest age that the caller does with; an older answer is dropped and the read is made
/// linearizable instead. Nil takes any.
extension CaseClient {
    /// Reads one case.
    public func getStale(
        _ caseID: String,
        ageMax: Duration? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> Aged<CaseRecord> {
        var request = PBGetRequest()
        request.caseID = try Self.checked(caseID)
        return try await stale(
            "/casecluster.v1.Cases/Get",
            request,
            CaseRecord.self,
            ageMax,
            options
        )
    }

    /// Reads one page of a list; its age is that of the oldest shard in it.
    public func listStale(
        _ query: CaseQuery = CaseQuery(),
        ageMax: Duration? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> Aged<CasePage> {
        try await stale("/casecluster.v1.Cases/List", query, CasePage.self, ageMax, options)
    }

    /// Reads one page of a history: entries above `number`, 100 where `pageSize` is zero, at most 500.
    public func historyStale(
        _ caseID: String,
        after number: UInt64 = 0,
        pageSize: UInt32 = 0,
        ageMax: Duration? = nil,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> Aged<CaseHistoryPage> {
        var request = PBHistoryRequest()
        request.caseID = try Self.checked(caseID)
        request.afterNumber = number
        request.pageSize = pageSize
        return try await stale(
            "/casecluster.v1.Cases/History",
            request,
            CaseHistoryPage.self,
            ageMax,
            options
        )
    }

    private func stale<In: Message, Out: Message>(
        _ path: String,
        _ request: In,
        _ reply: Out.Type,
        _ ageMax: Duration?,
        _ options: CaseCallOptions
    ) async throws(CaseClientError) -> Aged<Out> {
        let answer = try await answer(
            path,
            request,
            reply,
            options,
            staleness: StaleReads.request
        )
        let age = StaleReads.age(answer.metadata)
        if let ageMax, age > ageMax {
            return Aged(value: try await read(path, request, reply, options), age: .zero)
        }
        return Aged(value: answer.value, age: age)
    }
}

/// How a stale read looks on the wire; see `Protocol/wire.md`.
enum StaleReads {
    static let request: RPCMetadata = ["casecluster-stale": "1"]
    static let trailer = "casecluster-age-ms"

    /// Without the trailer the answer is linearizable after all. One that can't be read promises nothing.
    static func age(_ metadata: RPCMetadata) -> Duration {
        guard let text = metadata[trailer] else { return .zero }
        guard let milliseconds = Int64(text), milliseconds >= 0 else {
            return .milliseconds(Int64.max / 1_000_000)
        }
        return .milliseconds(milliseconds)
    }
}
