import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import NIOCore
import NIOPosix
import ReplicaDriver
import SwiftProtobuf
import Synchronization

/// What every service works with: the replicas, the directory, the clock, a pool for reads.
final class ServiceContext: Sendable {
    /// Jobs that may wait for a reader thread; more are refused as overload.
    static let readJobsMax = 16_384

    let node: NodeID
    let shards: [GroupRoute<ShardMachine>]
    let system: GroupRoute<SystemMachine>
    let clock: SystemClock
    let readers: NIOThreadPool
    /// Threads that wait for other nodes' answers about shards that this one does not hold, or holds too old.
    let remoteReaders: NIOThreadPool
    /// Whether a node was heard from within the last seconds.
    let isAlive: @Sendable (NodeID) -> Bool
    private let readJobs = Atomic(0)
    let remoteReads = Atomic(0)
    let callers = KnownCallers()

    init(
        node: NodeID,
        shards: [GroupRoute<ShardMachine>],
        system: GroupRoute<SystemMachine>,
        clock: SystemClock,
        readers: NIOThreadPool,
        remoteReaders: NIOThreadPool,
        isAlive: @escaping @Sendable (NodeID) -> Bool
    ) {
        precondition(!shards.isEmpty && shards.count <= ShardID.countMax)
        self.node = node
        self.shards = shards
        self.system = system
        self.clock = clock
        self.readers = readers
        self.remoteReaders = remoteReaders
        self.isAlive = isAlive
    }

    /// The directory and settings, as of the last applied command of the system group.
    var directory: DirectoryView { DirectoryView(version: system.machine.version) }

    // MARK: Where a command goes

    func shard(of scope: IdempotencyScope) -> GroupRoute<ShardMachine> {
        shards[Int(scope.digest.prefix64 % UInt64(shards.count))]
    }

    /// Nil for an id whose shard this cluster does not have.
    func shard(of id: CaseID) -> GroupRoute<ShardMachine>? {
        let position = Int(id.shard.rawValue)
        return position < shards.count ? shards[position] : nil
    }

    /// The scope of a call's key. A call without one gets a random key, and can't be repeated safely.
    func scope(
        _ actor: Actor,
        method: String,
        key: String,
        request: some Message
    ) throws(WireError) -> IdempotencyScope {
        guard key.utf8.count <= CaseLimits.keyBytesMax else {
            throw WireError(
                RequestFault("idempotency_key", "has more than \(CaseLimits.keyBytesMax) bytes")
            )
        }
        let bytes: [UInt8]
        do {
            bytes = try request.serializedBytes()
        } catch {
            throw WireError(RequestFault("request", "can't be encoded again: \(error)"))
        }
        return IdempotencyScope(
            principal: actor.id,
            method: method,
            key: key.isEmpty ? Hex.encode(Self.randomBytes(16)) : key,
            requestHash: SHA256Digest(hashing: bytes)
        )
    }

    /// A command with what the directory says now.
    func command(
        _ actor: Actor,
        target: CaseID?,
        action: CaseAction,
        expectedVersion: UInt64? = nil
    ) -> CaseCommand {
        let version = system.machine.version
        var command = CaseCommand(
            actor: actor,
            target: target,
            action: action,
            expectedVersion: expectedVersion,
            salt: Self.randomBytes(CaseLimits.saltBytes),
            reopenWindow: version.state.settings.reopenWindow,
            queuesWhereCommentPends: version.state.queuesWhereCommentPends
        )
        switch action {
        case .escalate(_, .queue(let queue), _), .escalateByRule(_, .queue(let queue)):
            command.escalationQueue = version.state.queueFacts(queue)
        default: break
        }
        return command
    }

    static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }

    // MARK: Reads

    /// Runs a read on a reader thread, linearizable for the shard unless the caller does with an older state,
    /// and answers with its result.
    func read<Value: Sendable>(
        _ shard: GroupRoute<ShardMachine>,
        _ freshness: Freshness = .linearizable,
        _ body: @escaping @Sendable (any ShardReading) throws -> Value,
        _ reply: @escaping @Sendable (Result<Value, WireError>) -> Void
    ) {
        guard shard.readsHere else { return readElsewhere(shard, body, reply) }
        guard case .linearizable = freshness else { return readStore(shard, body, reply) }
        shard.grantRead { [self] grant in
            switch grant {
            case .here: readStore(shard, body, reply)
            case .behind: readElsewhere(shard, body, reply)
            case .refused(let failure): reply(.failure(wireError(failure)))
            }
        }
    }

    /// A linearizable read of this node's own store, whatever others have.
    func readHere<Value: Sendable>(
        _ shard: GroupRoute<ShardMachine>,
        _ body: @escaping @Sendable (any ShardReading) throws -> Value,
        _ reply: @escaping @Sendable (Result<Value, WireError>) -> Void
    ) {
        shard.read { [self] failure in
            if let failure { return reply(.failure(wireError(failure))) }
            readStore(shard, body, reply)
        }
    }

    private func readStore<Value: Sendable>(
        _ shard: GroupRoute<ShardMachine>,
        _ body: @escaping @Sendable (any ShardReading) throws -> Value,
        _ reply: @escaping @Sendable (Result<Value, WireError>) -> Void
    ) {
        let waiting = readJobs.add(1, ordering: .relaxed).oldValue
        guard waiting < Self.readJobsMax else {
            readJobs.subtract(1, ordering: .relaxed)
            let overload = ReplicaFailure.overloaded(inFlight: waiting, limit: Self.readJobsMax)
            return reply(.failure(WireError(overload)))
        }
        readers.submit { [self] state in
            readJobs.subtract(1, ordering: .relaxed)
            guard state == .active else { return reply(.failure(WireError(.stopping))) }
            guard let machine = shard.local?.machine else {
                return reply(.failure(wireError(.notLeader(leader: shard.leader))))
            }
            do {
                reply(
                    .success(
                        try machine.read { reader throws(StoreError) in
                            try Self.storeErrors { try body(reader) }
                        }.get()
                    )
                )
            } catch let error as WireError {
                reply(.failure(error))
            } catch {
                reply(.failure(.storage))
            }
        }
    }

    /// Keeps an error of the body's own apart from the store's.
    private static func storeErrors<Value>(
        _ body: () throws -> Value
    ) throws(StoreError) -> Result<Value, any Error> {
        do {
            return .success(try body())
        } catch let error as StoreError {
            throw error
        } catch {
            return .failure(error)
        }
    }
}

/// The directory as the protocol's mapping asks for it.
struct DirectoryView: DirectoryLookup {
    let version: SystemMachine.Version

    func queueFacts(named name: String) -> QueueFacts? {
        name.isEmpty
            ? version.state.defaultQueueFacts : version.state.queueFacts(QueueID(name))
    }

    func agentFacts(named name: String) -> AgentFacts? {
        version.state.agentFacts(PrincipalID(name))
    }

    func hasTeam(named name: String) -> Bool { version.state.team(TeamID(name)) != nil }

    func requesterPrincipal(address: String, phone: String) -> PrincipalID? {
        if !address.isEmpty { return version.state.requester(forAddress: address) }
        if !phone.isEmpty { return version.state.requester(forPhone: phone) }
        return nil
    }
}
