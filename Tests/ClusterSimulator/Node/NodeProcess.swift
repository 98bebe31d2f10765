import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore
import ReplicaDriver
import ReplicationLog

/// Log and store contradict each other: something that was synced is gone.
struct RecoveryContradiction: Error {
    let group: GroupID
    let reason: String
}

/// One life of a node: opened and recovered as the server does it, then run by events.
final class NodeProcess {
    unowned let world: World
    let node: SimulatedNode
    private(set) var isAlive = true
    /// Nothing of it happens before this time.
    var pausedUntil: Int64 = 0
    /// The disk answers no sync before this time.
    var stalledUntil: Int64 = 0
    private var opened: ReplicationLog
    private(set) lazy var logWriter = SimulatedLogWriter(opened, self)
    private var keeper: TimeKeeper
    private(set) var system: SimulatedReplica<SimulatedSystemMachine>?
    private(set) var shards: [SimulatedReplica<SimulatedShardMachine>] = []
    private(set) var coordinator: CoordinatorShell?

    init(_ world: World, _ node: SimulatedNode) throws {
        self.world = world
        self.node = node
        keeper = TimeKeeper(
            wall: node.clock.wall(at: world.now),
            monotonicMilliseconds: node.clock.monotonicMilliseconds(at: world.now),
            floor: .zero
        )
        let (log, recovered) = try ReplicationLog.open(
            directory: node.logPath,
            fileSystem: SimulatedLogFiles(node.disk),
            configuration: world.options.logConfiguration,
            identity: LogIdentity(cluster: World.clusterID, node: node.id)
        )
        opened = log
        if recovered.report.tornTail != nil { world.coverage[.tornTailCut] += 1 }
        try recover(recovered)
    }

    private func recover(_ recovered: RecoveredLog) throws {
        for group in recovered.groups { logWriter.found(group.group, through: group.last.index) }
        let store = try SystemStore(at: location("system"), configuration: Self.storeLimits)
        let machine = try SimulatedSystemMachine(store)
        keeper.raise(to: machine.time)
        system = try SimulatedReplica(
            group: .system,
            machine: machine,
            recovered: try tail(of: .system, applied: machine.applied, recovered),
            self
        )
        for position in 0..<world.options.shards {
            try openShard(ShardID(UInt16(position)), recovered)
        }
        coordinator = CoordinatorShell(self)
        logWriter.start()
        planTick()
    }

    private func openShard(_ shard: ShardID, _ recovered: RecoveredLog) throws {
        let store = try ShardStore(
            at: location("shard-\(shard)"),
            shard: shard,
            configuration: Self.storeLimits
        )
        let machine = SimulatedShardMachine(store)
        let group = GroupID(shard: shard)
        let replica = try SimulatedReplica(
            group: group,
            machine: machine,
            recovered: try tail(of: group, applied: machine.applied, recovered),
            self
        )
        machine.onResults = { [weak self] result, entry in
            guard let self else { return }
            world.checks.timers.applied(shard, result, entry)
            if let due = result.dueAt { dueTimeSet(shard, due) }
        }
        shards.append(replica)
    }

    private func location(_ name: String) -> StoreLocation {
        StoreLocation(directory: node.storePath, name: name, vfs: SimulatedVFS.name)
    }

    /// Small caches: they are met, and a world has many stores.
    private static let storeLimits: StoreConfiguration = {
        var limits = StoreConfiguration()
        limits.writerCacheKiB = 256
        limits.readerCacheKiB = 64
        limits.readersMax = 1
        limits.walBytesMax = 256 << 10
        return limits
    }()

    /// What the log holds behind the store, in memory; checked against the store.
    private func tail(
        of group: GroupID,
        applied: SnapshotID,
        _ recovered: RecoveredLog
    ) throws -> (log: MemoryLog, hardState: HardState) {
        let membership = Configuration(voters: world.founders)
        let found = recovered[group]
        try world.checks.recovered(node.id, group, found, opened)
        guard let found else {
            guard applied.index == .zero else {
                throw RecoveryContradiction(group: group, reason: "the log knows nothing of it")
            }
            return (MemoryLog(configuration: membership), HardState())
        }
        guard applied.index <= found.last.index else {
            throw RecoveryContradiction(group: group, reason: "the store is ahead of the log")
        }
        guard found.base.index <= applied.index else {
            throw RecoveryContradiction(group: group, reason: "the store is behind the log's start")
        }
        if applied.index < found.last.index { world.coverage[.recoveredBehind] += 1 }
        var memory = MemoryLog(base: found.base, configuration: membership)
        var next = found.base.index.next
        while next <= found.last.index {
            let page = try opened.entries(
                group,
                from: next,
                through: found.last.index,
                bytesMax: 64 << 10
            )
            guard let last = page.last else { break }
            memory.append(page)
            next = last.index.next
        }
        world.checks.started(node.id, group, memory)
        return (memory, found.hardState)
    }

    /// All replicas, the system group's first.
    var replicas: [any ReplicaEndpoint] {
        var all: [any ReplicaEndpoint] = []
        if let system { all.append(system) }
        return all + shards
    }

    func replica(of group: GroupID) -> (any ReplicaEndpoint)? {
        guard let shard = group.shard else { return system }
        return shards[Int(shard.rawValue)]
    }

    // MARK: Time

    /// Does something later, if this life then still lasts; not while it is paused.
    func plan(after time: Int64, _ action: @escaping () -> Void) {
        world.plan(after: time) { [weak self] in
            guard let self, isAlive else { return }
            if pausedUntil > world.now {
                plan(after: pausedUntil - world.now, action)
            } else {
                action()
                if node.disk.isOff { world.powerWent(node) }
            }
        }
    }

    private func planTick() {
        plan(after: world.options.tick) { [self] in
            for replica in replicas { replica.tick() }
            coordinator?.tick()
            planTick()
        }
    }

    /// What would be stamped now.
    func time() -> Timestamp {
        keeper.now(
            wall: node.clock.wall(at: world.now),
            monotonicMilliseconds: node.clock.monotonicMilliseconds(at: world.now)
        )
    }

    func raiseTime(to floor: Timestamp) { keeper.raise(to: floor) }

    func loopTime() -> Int64 { world.draw(0...200) }

    func applyTime() -> Int64 { world.draw(world.options.applyTime) }

    func syncTime() -> Int64 {
        let time = world.draw(world.options.syncTime)
        return max(time, stalledUntil - world.now)
    }

    // MARK: The outside

    func send(_ message: Message, _ group: GroupID) {
        world.checks.sends(node, message, group)
        world.send(message, group, from: node.id)
    }

    func receive(_ message: Message, _ group: GroupID) {
        plan(after: 0) { [self] in replica(of: group)?.receive(message) }
    }

    /// Writing failed: the process ends at once, and what it has not said it never says.
    func failed(_ error: any Error) { world.processFailed(self, error) }

    /// Ends; nothing planned happens any more.
    func end() {
        isAlive = false
        system = nil
        shards = []
        coordinator = nil
    }

    private func dueTimeSet(_ shard: ShardID, _ due: Timestamp) {
        guard shards.indices.contains(Int(shard.rawValue)),
            shards[Int(shard.rawValue)].leadership.isReady
        else { return }
        world.announceDue(from: node.id, shard, due)
    }
}
