import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import DiskSimulator
import RaftCore
import ReplicaDriver
import ReplicationLog

/// One life of a node: opened and recovered as the server does it, then run by events.
final class NodeProcess {
    unowned let world: World
    let node: SimulatedNode
    private(set) var isAlive = true
    /// Nothing of it happens before this time.
    var pausedUntil: Int64 = 0
    /// The disk answers no sync before this time.
    var stalledUntil: Int64 = 0
    private(set) var ticks = 0
    let opened: ReplicationLog
    private(set) lazy var logWriter = SimulatedLogWriter(opened, self)
    var keeper: TimeKeeper
    var system: SimulatedReplica<SimulatedSystemMachine>?
    var shards: [SimulatedReplica<SimulatedShardMachine>] = []
    var coordinator: CoordinatorShell?
    private(set) lazy var clocks = SimulatedClockExchange(self)

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
        do {
            try recover(recovered)
        } catch {
            end()
            throw error
        }
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

    func planTick() {
        plan(after: Int64(Double(world.options.tick) * node.tickFactor)) { [self] in
            ticks += 1
            for replica in replicas { replica.tick() }
            planTick()
        }
    }

    func planDuties() {
        plan(after: PlannerLimits.tickMillisecondsMax * 1_000) { [self] in
            coordinator?.tick()
            planDuties()
        }
    }

    /// What would be stamped now.
    func time() -> Timestamp {
        let median = clocks.median
        return keeper.now(
            wall: median ?? node.clock.wall(at: world.now),
            isMedian: median != nil,
            monotonicMilliseconds: node.clock.monotonicMilliseconds(at: world.now)
        )
    }

    func raiseTime(to floor: Timestamp) { keeper.raise(to: floor) }

    func loopTime() -> Int64 { world.draw(0...200) }

    func applyTime() -> Int64 { slowed(world.draw(world.options.applyTime)) }

    func checkpointTime() -> Int64 { slowed(world.draw(world.options.checkpointTime)) }

    private func slowed(_ time: Int64) -> Int64 { Int64(Double(time) * node.workFactor) }

    func syncTime() -> Int64 {
        let time = slowed(world.draw(world.options.syncTime))
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

    /// A snapshot's message and file, on a way of their own. Answered once while this process lives.
    func sendSnapshot(
        _ message: Message,
        _ group: GroupID,
        path: String,
        _ reply: @escaping (Bool) -> Void
    ) {
        world.sendSnapshot(message, group, path: path, from: self, reply)
    }

    /// Writing failed: the process ends at once, and what it has not said it never says.
    func failed(_ error: any Error) { world.processFailed(self, error) }

    /// Ends; nothing planned happens any more.
    func end() {
        isAlive = false
        world.bury(replicas)
        system = nil
        shards = []
        coordinator = nil
    }

    /// A new leader says when there is something to do: what its predecessor said may be lost.
    func announceFirstDue(of shard: ShardID, _ machine: SimulatedShardMachine) {
        do throws(StoreError) {
            let due = try machine.store.read { reader throws(StoreError) in
                try reader.nextDueAt()
            }
            if let due { dueTimeSet(shard, due) }
        } catch {
            failed(error)
        }
    }

    func dueTimeSet(_ shard: ShardID, _ due: Timestamp) {
        guard shards.indices.contains(Int(shard.rawValue)),
            shards[Int(shard.rawValue)].leadership.isReady
        else { return }
        world.announceDue(from: node.id, shard, due)
    }
}
