import RPC

/// What a read may miss.
enum Freshness: Sendable {
    /// Nothing that was acknowledged before it came.
    case linearizable
    /// What was acknowledged in the last milliseconds, so many.
    case stale(milliseconds: Int64)

    /// A caller that does with an older state says so with `1`.
    static let header = "casecluster-stale"
    /// With an answer from an older state: how long ago, in milliseconds, this replica last showed all that the shard's
    /// leader had committed. What was acknowledged since then may be missing.
    static let trailer = "casecluster-age-ms"

    /// What goes with the answer.
    var guidance: RPCMetadata {
        switch self {
        case .linearizable: [:]
        case .stale(let milliseconds): [Self.trailer: String(milliseconds)]
        }
    }
}

extension ServiceContext {
    /// What the caller asks for. A replica that was never known to be complete has no age to name: it is read by way of
    /// the leader.
    func freshness(_ call: RPCContext, _ shards: [GroupRoute<ShardMachine>]) -> Freshness {
        guard call.metadata[Freshness.header] == "1" else { return .linearizable }
        var oldest: Int64 = 0
        for shard in shards {
            guard let age = shard.local?.ageMilliseconds else {
                return .linearizable
            }
            oldest = max(oldest, age)
            // Whoever asks again finds what was put off until now.
            shard.local?.ports.bringStoreUp()
        }
        return .stale(milliseconds: oldest)
    }
}
