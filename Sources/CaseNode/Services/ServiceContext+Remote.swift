import CaseProtocol
import CaseStore
import ClusterPrimitives
import NIOCore
import NIOPosix
import ReplicaDriver
import Synchronization

// Shards that this node does not hold, or holds too old: asked at a node that has them, and answered to one that has not.
extension ServiceContext {
    /// Threads that wait for other nodes: each waits for a round trip, so that some dozens of them keep a few
    /// thousand reads a second going.
    static let remoteReaderThreads = 16
    /// Time for one question, in milliseconds: what an election takes, and a client's patience.
    static let remoteReadMilliseconds: Int64 = 3_000

    /// Reads that may wait for one of those threads, or for its answer; more are refused as overload.
    static let remoteReadsMax = 4_096

    /// Runs a read's body on questions to another node.
    func readElsewhere<Value: Sendable>(
        _ shard: GroupRoute<ShardMachine>,
        _ body: @escaping @Sendable (any ShardReading) throws -> Value,
        _ reply: @escaping @Sendable (Result<Value, WireError>) -> Void
    ) {
        let waiting = remoteReads.add(1, ordering: .relaxed).oldValue
        guard waiting < Self.remoteReadsMax else {
            remoteReads.subtract(1, ordering: .relaxed)
            let limit = Self.remoteReadsMax
            return reply(.failure(WireError(.overloaded(inFlight: waiting, limit: limit))))
        }
        let deadline = NIODeadline.now() + .milliseconds(Self.remoteReadMilliseconds)
        remoteReaders.submit { [self] state in
            defer { remoteReads.subtract(1, ordering: .relaxed) }
            guard state == .active else { return reply(.failure(WireError(.stopping))) }
            // Nobody waits for it any more: no reason to let the next ones wait.
            guard deadline > .now() else {
                return reply(.failure(wireError(.notLeader(leader: shard.leader))))
            }
            do {
                reply(.success(try body(remoteReader(of: shard))))
            } catch let error as WireError {
                reply(.failure(error))
            } catch {
                // An answer in a form of a newer program, which this one can't read.
                reply(.failure(.storage))
            }
        }
    }

    /// Waits for each answer: for `remoteReaders`' threads alone.
    func remoteReader(of shard: GroupRoute<ShardMachine>) -> RemoteShardReader {
        RemoteShardReader { [self] question in
            let answer = Awaited<Result<[UInt8], ReplicaFailure>>()
            let deadline = NIODeadline.now() + .milliseconds(Self.remoteReadMilliseconds)
            shard.ask(question.encodedBytes, by: deadline) { answer.give($0) }
            switch answer.wait() {
            case .success(let bytes): return bytes
            case .failure(let failure): throw wireError(failure)
            case nil: throw WireError(.stopping)
            }
        }
    }

    /// Answers another node about a shard that this one holds.
    func answer(
        _ question: ShardQuestion,
        of shard: ShardID,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        guard Int(shard.rawValue) < shards.count else {
            return reply(.failure(.notLeader(leader: nil)))
        }
        let route = shards[Int(shard.rawValue)]
        // One hop at most: what is not here is not asked for elsewhere.
        guard route.readsHere else { return reply(.failure(.notLeader(leader: route.leader))) }
        readHere(route) { reader in
            try question.answer(reader)
        } _: { result in
            // Whatever went wrong here, another replica may know.
            reply(result.mapError { _ in .notLeader(leader: nil) })
        }
    }
}
