import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import RPC

// The same calls for callers that wait: intake and start-up, never the hot path.
extension ServiceContext {
    /// Proposes to a shard and waits for the result.
    func propose(
        _ command: ShardCommand,
        to shard: GroupRoute<ShardMachine>
    ) async throws -> ShardResult {
        try await withCheckedThrowingContinuation { continuation in
            propose(command, to: shard) { continuation.resume(with: $0) }
        }
    }

    /// Reads a shard linearizably and waits for the value.
    func read<Value: Sendable>(
        _ shard: GroupRoute<ShardMachine>,
        _ body: @escaping @Sendable (any ShardReading) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            read(shard, .linearizable, body) { continuation.resume(with: $0) }
        }
    }

    /// The caller, by a directory that is new enough to refuse one.
    func authenticated(_ call: RPCContext) async throws -> Actor {
        try await withCheckedThrowingContinuation { continuation in
            attempt(call) { actor in
                continuation.resume(returning: actor)
            } orElse: { error in
                continuation.resume(throwing: error)
            }
        }
    }
}
