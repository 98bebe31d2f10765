import CaseModel
import CaseStore
import ClusterPrimitives
import Foundation
import NIOCore
import NIOPosix
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization
import Testing

@testable import CaseNode

/// Carries messages between the hosts of one process, unless a node is cut off.
final class DirectTransport: PeerTransport {
    private struct State {
        var hosts: [NodeID: ReplicaHost<ShardMachine>] = [:]
        var cut: Set<NodeID> = []
        var snapshots = 0
    }

    private let state = Mutex(State())
    private let lane = SerialLane(name: "transfer")

    /// Snapshots that arrived.
    var snapshots: Int { state.withLock { $0.snapshots } }

    func connect(_ host: ReplicaHost<ShardMachine>) {
        state.withLock { $0.hosts[host.node] = host }
    }

    func disconnect(_ node: NodeID) { state.withLock { $0.hosts[node] = nil } }

    func cut(_ node: NodeID) { _ = state.withLock { $0.cut.insert(node) } }

    func mend(_ node: NodeID) { _ = state.withLock { $0.cut.remove(node) } }

    func close() { lane.close() }

    private func target(_ message: Message) -> ReplicaHost<ShardMachine>? {
        state.withLock { state in
            guard !state.cut.contains(message.from), !state.cut.contains(message.to) else {
                return nil
            }
            return state.hosts[message.to]
        }
    }

    func send(_ messages: [Message], group: GroupID) {
        for message in messages { target(message)?.receive(message) }
    }

    func sendSnapshot(
        _ message: Message,
        group: GroupID,
        path: String,
        reply: @escaping @Sendable (Bool) -> Void
    ) {
        lane.submit { [self] in
            guard let target = target(message), let place = target.beginSnapshot() else {
                return reply(false)
            }
            do {
                try FileManager.default.copyItem(atPath: path, toPath: place)
            } catch {
                target.abandonSnapshot()
                return reply(false)
            }
            target.receivedSnapshot(message) { [self] isTaken in
                if isTaken { state.withLock { $0.snapshots += 1 } }
                reply(isTaken)
            }
        }
    }
}

/// Hears who leads, and lets a test wait for it.
final class LeadershipBoard: Sendable {
    private typealias Condition = @Sendable ([NodeID: Leadership]) -> NodeID?

    private struct State {
        var leaderships: [NodeID: Leadership] = [:]
        var waiters: [(Condition, CheckedContinuation<NodeID, Never>)] = []
    }

    private let state = Mutex(State())

    func note(_ node: NodeID, _ leadership: Leadership?) {
        let ready = state.withLock { state in
            state.leaderships[node] = leadership
            var ready: [(CheckedContinuation<NodeID, Never>, NodeID)] = []
            state.waiters.removeAll { waiter in
                guard let found = waiter.0(state.leaderships) else { return false }
                ready.append((waiter.1, found))
                return true
            }
            return ready
        }
        for (continuation, node) in ready { continuation.resume(returning: node) }
    }

    /// The node that leads in the latest term and may serve, other than `excluded`.
    func leader(besides excluded: NodeID? = nil) async -> NodeID {
        await withCheckedContinuation { continuation in
            let condition: Condition = { leaderships in
                leaderships.filter { $0.key != excluded && $0.value.isReady }
                    .max { $0.value.term < $1.value.term }?.key
            }
            let found = state.withLock { state in
                let found = condition(state.leaderships)
                if found == nil { state.waiters.append((condition, continuation)) }
                return found
            }
            if let found { continuation.resume(returning: found) }
        }
    }
}

/// One replica of a shard, with a real log and a real store, on real threads.
final class GroupNode: Sendable {
    static let shard = ShardID(0)
    static let group = GroupID(shard: shard)

    let id: NodeID
    let host: ReplicaHost<ShardMachine>
    let log: LogWriter
    private let lanes: [SerialLane]
    private let failures = Locked<[String]>([])

    /// Why the host said that the node must end.
    var failed: [String] { failures.withLock { $0 } }

    /// Settings that make rare things happen often.
    struct Options {
        var checkpointEntries = 1_000_000
        var retainedBytes = 1 << 20
        var segmentBytes = 4 << 20
        /// Faults of a node's log.
        var faults: [NodeID: FileFaults] = [:]
    }

    /// Opens the log, as of the first start or a later one.
    static func openLog(
        _ path: String,
        _ id: NodeID,
        _ options: Options = Options()
    ) throws -> (log: ReplicationLog, recovered: RecoveredLog) {
        try ReplicationLog.open(
            directory: path + "/log",
            fileSystem: options.faults[id].map { FaultyFileSystem($0) as any LogFileSystem }
                ?? POSIXFileSystem(),
            configuration: .small(segmentBytes: options.segmentBytes),
            identity: LogIdentity(cluster: Array(1...16), node: id)
        )
    }

    static func location(_ path: String) -> StoreLocation {
        StoreLocation(directory: path, name: "shard-0")
    }

    init(
        _ id: NodeID,
        _ path: String,
        founding: Configuration,
        transport: DirectTransport,
        board: LeadershipBoard,
        options: Options = Options()
    ) throws {
        self.id = id
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        let (log, recovered) = try Self.openLog(path, id, options)
        let failures = failures
        let onFailure: @Sendable (any Error) -> Void = { error in
            failures.withLock { $0.append("\(error)") }
        }
        self.log = LogWriter(log: log, onFailure: onFailure, onFull: { _ in })
        let recovery = ReplicaRecovery(node: id, recovered: recovered, log: self.log)
        let location = Self.location(path)
        try recovery.finishInstallation(of: Self.group, at: location, .shard(Self.shard))
        let store = try ShardStore(at: location, shard: Self.shard)
        let machine = ShardMachine(store: store, onDamage: onFailure)
        var settings = RaftConfiguration(id: id, group: Self.group, seed: id.rawValue)
        settings.asyncStorageWrites = false
        settings.electionTicks = ReplicaTicker.electionTicks
        settings.heartbeatTicks = ReplicaTicker.heartbeatTicks
        var limits = DriverLimits()
        limits.retainedBytes = options.retainedBytes
        limits.heldBytesMax = 4 * options.retainedBytes
        lanes = ["store", "checkpoint", "snapshot"].map { SerialLane(name: $0) }
        host = try ReplicaHost(
            settings: settings,
            limits: limits,
            recovered: try recovery.start(
                of: Self.group,
                applied: machine.applied,
                membership: machine.membership,
                founding: founding
            ),
            machine: machine,
            environment: ReplicaHost<ShardMachine>.Environment(
                eventLoop: NIOSingletons.posixEventLoopGroup.next(),
                clock: SystemClock(floor: .zero),
                log: self.log,
                storeLane: lanes[0],
                checkpointLane: lanes[1],
                snapshotLane: lanes[2],
                peers: transport,
                checkpointEntries: options.checkpointEntries,
                checkpointMilliseconds: 86_400_000,
                phases: nil,
                onFailure: onFailure
            ),
            onLeadership: { board.note(id, $0) }
        )
        transport.connect(host)
    }

    func close() throws {
        host.stop()
        for lane in lanes { lane.close() }
        log.close()
        try host.machine.close()
    }
}

/// Replicas of one shard on several nodes in one process.
final class ReplicaGroup {
    let transport = DirectTransport()
    let board = LeadershipBoard()
    private let temporary: TemporaryDirectory
    private let ticker: ReplicaTicker
    private let options: GroupNode.Options
    private let founders: Configuration
    private(set) var nodes: [NodeID: GroupNode] = [:]
    private var claims = 0

    init(founders: [UInt64], options: GroupNode.Options = GroupNode.Options()) throws {
        temporary = try TemporaryDirectory()
        ticker = ReplicaTicker(eventLoop: NIOSingletons.posixEventLoopGroup.next())
        self.options = options
        self.founders = Configuration(voters: founders.map { NodeID($0) })
        for founder in founders { try start(NodeID(founder)) }
    }

    func path(_ node: NodeID) -> String { "\(temporary.path)/node-\(node)" }

    /// Starts a founder anew, or a node that knows nothing yet.
    func start(_ id: NodeID) throws {
        let node = try GroupNode(
            id,
            path(id),
            founding: founders.contains(id) ? founders : Configuration(),
            transport: transport,
            board: board,
            options: options
        )
        nodes[id] = node
        ticker.add(node.host)
        node.host.start()
    }

    func stop(_ id: NodeID) throws {
        transport.disconnect(id)
        try nodes.removeValue(forKey: id)?.close()
        board.note(id, nil)
    }

    func node(_ id: NodeID) throws -> GroupNode { try #require(nodes[id]) }

    /// Claims a key at the leader, whoever that is by then. Gives up after 20 s.
    func claim(size: Int = 20) async throws -> LogIndex {
        claims += 1
        let key = "\(claims)-" + String(repeating: "x", count: size)
        let command = ShardCommand.claim(
            key: key,
            channel: PrincipalID("channel:mail"),
            contentHash: SHA256Digest(hashing: Array(key.utf8))
        )
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let leader = try node(await board.leader())
            let outcome = await withCheckedContinuation { continuation in
                leader.host.propose(command) { continuation.resume(returning: $0) }
            }
            switch outcome {
            case .success:
                // Its row may still be in the leader's open transaction; a read ends that.
                let failure = await withCheckedContinuation { continuation in
                    leader.host.read { continuation.resume(returning: $0) }
                }
                if failure == nil { return leader.host.machine.applied.index }
            case .failure(.notLeader), .failure(.outcomeUnknown), .failure(.diskFull): continue
            case .failure(let failure): throw failure
            }
        }
        throw ReplicaFailure.notLeader(leader: nil)
    }

    /// Waits until a node has applied what the leader has.
    func waitUntil(_ id: NodeID, hasApplied index: LogIndex) async throws {
        let host = try node(id).host
        let failure = await withCheckedContinuation { continuation in
            host.whenApplied(index) { continuation.resume(returning: $0) }
        }
        #expect(failure == nil)
    }

    /// Waits until all given nodes are at one index, and compares their rows.
    func expectEqual(_ ids: [UInt64]) async throws {
        let ids = ids.map { NodeID($0) }
        // An election between two looks moves some of them on: look again.
        for _ in 0..<10 {
            let index = try await claim()
            for id in ids { try await waitUntil(id, hasApplied: index) }
            let machines = try ids.map { try node($0).host.machine }
            let before = machines.map(\.applied)
            let sums = try machines.map { try $0.store.replicaChecksum() }
            guard Set(before).count == 1, machines.map(\.applied) == before else { continue }
            #expect(Set(sums).count == 1, "rows differ at \(index)")
            #expect(try ids.flatMap { try node($0).failed } == [])
            return
        }
        let stands = try ids.map { try node($0).host.machine.applied }
        Issue.record("the replicas never stood at one index: \(stands)")
    }

    func change(_ change: ConfigurationChange) async throws -> Configuration {
        let host = try node(await board.leader()).host
        return try await withCheckedContinuation { continuation in
            host.changeMembership(change) { continuation.resume(returning: $0) }
        }.get()
    }

    func status(_ id: NodeID) async throws -> RaftStatus {
        let host = try node(id).host
        return await withCheckedContinuation { continuation in
            host.status { continuation.resume(returning: $0) }
        }
    }

    func close() throws {
        ticker.stop()
        for id in nodes.keys.sorted() { try stop(id) }
        transport.close()
    }
}
