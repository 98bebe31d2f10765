import CaseModel
import CaseProtocol
import ClusterPrimitives
import NIOPosix
import RPC

/// `casecluster.v1.Cluster/Checksums`: what this node's own replicas hold, without asking anybody else.
struct ChecksumService: Sendable {
    /// Readings of one shard, at most, where writes come in between: then the last one stands.
    static let triesMax = 3

    let context: ServiceContext

    func register(in router: inout RPCRouter) {
        router.unary(
            "/\(ClusterService.name)/Checksums",
            PBChecksumsRequest.self,
            PBChecksumsResponse.self,
            calling: checksums
        )
    }

    @Sendable
    private func checksums(
        _ request: PBChecksumsRequest,
        _ reply: MessageReply<PBChecksumsResponse>
    ) {
        context.answering(reply) { actor throws(WireError) in
            guard actor.role == .admin else { throw .forbidden(actor.role, needs: "an admin") }
            let count = context.shards.count
            for (position, shard) in request.shards.enumerated() where Int(shard) >= count {
                throw WireError(RequestFault("shards[\(position)]", "there are \(count) shards"))
            }
            let chosen =
                request.shards.isEmpty
                ? context.shards : request.shards.map { context.shards[Int($0)] }
            // Those that this node holds.
            compute(chosen.compactMap { $0.local?.machine }, reply)
        }
    }

    /// On a reader thread, one shard after the other: every row is read.
    private func compute(
        _ shards: [ShardMachine],
        _ reply: MessageReply<PBChecksumsResponse>
    ) {
        context.readers.submit { [context] state in
            guard state == .active else { return reply.fail(RPCStatus(WireError(.stopping))) }
            do {
                let found = try shards.map { shard in
                    // Of one state: nothing was applied while the rows were read, or the next try may have it.
                    var applied: LogIndex
                    var digest: SHA256Digest
                    var tries = 0
                    repeat {
                        applied = shard.applied.index
                        digest = try shard.replicaChecksum()
                        tries += 1
                    } while shard.applied.index != applied && tries < Self.triesMax
                    return PBShardChecksum.with {
                        $0.shard = UInt32(shard.shard.rawValue)
                        $0.appliedIndex = applied.rawValue
                        $0.checksum = .init(digest.bytes)
                    }
                }
                reply.complete(
                    PBChecksumsResponse.with {
                        $0.nodeID = context.node.rawValue
                        $0.shards = found
                    }
                )
            } catch {
                reply.fail(RPCStatus(WireError.storage))
            }
        }
    }
}
