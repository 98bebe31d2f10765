import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives

// The same calls for callers that wait: intake and start-up, never the hot path.
extension ServiceContext {
    /// Proposes to a shard and waits for the result.
    func propose(
        _ command: ShardCommand,
        to shard: ReplicaHost<ShardMachine>
    ) async throws -> ShardResult {
        try await withCheckedThrowingContinuation { continuation in
            propose(command, to: shard) { continuation.resume(with: $0) }
        }
    }

    /// Reads a shard linearizably and waits for the value.
    func read<Value: Sendable>(
        _ shard: ReplicaHost<ShardMachine>,
        _ body: @escaping @Sendable (ShardReader) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            read(shard, body) { continuation.resume(with: $0) }
        }
    }
}
