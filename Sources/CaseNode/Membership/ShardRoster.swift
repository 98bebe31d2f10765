import CaseStore
import ClusterPrimitives
import CoordinatorCore
import Logging
import RaftCore
import ReplicaDriver
import Synchronization

/// The shards that this node holds: opens the replicas that the shard map gives it, and lets go of those that
/// the map takes away.
///
/// The map as applied here is enough to go by, though it lags: a shard's target changes only while the
/// shard's leader has reported that the shard is where it was to be (`Placement.changes`), and a leader moves
/// members only after it has read the map linearizably (`GroupMover`). So who is in no target and in no report
/// belongs to the group no more. Work is done on a lane of its own, in order: opening reads files.
final class ShardRoster: Sendable {
    private struct State {
        var mapVersion: UInt64?
        var leaving: Set<ShardID> = []
        var isStopped = false
    }

    let routes: [GroupRoute<ShardMachine>]
    private let factory: ReplicaFactory
    private let network: PeerNetwork?
    private let system: SystemMachine
    private let logger: Logger
    private let lane = SerialLane(name: "roster")
    private let left: LeftShards
    private let state = Mutex(State())
    private let listener = Mutex<(any ShardListener)?>(nil)

    /// Opens what this node holds already, or founds. Nothing runs yet.
    init(
        _ factory: ReplicaFactory,
        system: SystemMachine,
        peers: any GroupAsking,
        network: PeerNetwork?,
        logger: Logger
    ) throws {
        self.factory = factory
        self.network = network
        self.system = system
        self.logger = logger
        left = LeftShards(directory: factory.directory)
        let (state, node) = (system.state, factory.directory.nodeID)
        let log = factory.log
        let left = left
        routes = try state.shardMap.map { placement in
            let shard = placement.shard
            return GroupRoute(
                GroupID(shard: shard),
                replica: try Self.known(placement, state, factory, left, log),
                node: node,
                eventLoop: factory.group.next(),
                peers: peers
            ) { [system] in system.state.placement(of: shard)?.voters ?? [] }
        }
    }

    /// What log and store have of a shard; a founder's beginning; nil where the node has no part in it yet.
    private static func known(
        _ placement: ShardPlacement,
        _ state: SystemState,
        _ factory: ReplicaFactory,
        _ left: LeftShards,
        _ log: LogWriter
    ) throws -> ReplicaHost<ShardMachine>? {
        let (shard, node) = (placement.shard, factory.directory.nodeID)
        guard !left.isLeaving(shard) else {
            // A retirement was cut short.
            if factory.isKnown(shard) { try log.forget(GroupID(shard: shard)) }
            let location = factory.location(of: shard)
            try SnapshotInstaller(location: location, kind: .shard(shard)).removeStore()
            try left.finish(shard)
            return nil
        }
        let first = state.firstVoters(of: shard)
        guard factory.isKnown(shard) || first.contains(node) && !left.hasLeft(shard) else {
            return nil
        }
        return try factory.recovered(
            shard,
            of: state.shardCount,
            founding: Configuration(voters: first)
        )
    }

    /// Lets the replicas run, tells `listener` of what they apply, and keeps to the map from now on.
    func start(_ listener: any ShardListener) {
        self.listener.withLock { $0 = listener }
        for route in routes {
            if let replica = route.local { run(replica) }
        }
        system.listen { [weak self] state in self?.follow(state) }
        follow(system.state)
    }

    private func run(_ replica: ReplicaHost<ShardMachine>) {
        if let listener = listener.withLock({ $0 }) { replica.machine.listen(listener) }
        network?.receivers.add(replica, group: replica.group)
        replica.start()
    }

    private func follow(_ state: SystemState) {
        let isNewer = self.state.withLock { known in
            guard known.mapVersion.map({ state.mapVersion > $0 }) ?? true else { return false }
            known.mapVersion = state.mapVersion
            return true
        }
        if isNewer { look() }
    }

    private func look() { lane.submit { [self] in settle(system.state) } }

    private func settle(_ map: SystemState) {
        let node = factory.directory.nodeID
        for (route, placement) in zip(routes, map.shardMap) {
            let isFree = state.withLock { !$0.isStopped && !$0.leaving.contains(placement.shard) }
            guard isFree else { continue }
            let belongs = map.belongs(node, to: placement)
            if belongs, route.local == nil {
                open(route, of: map.shardCount)
            } else if !belongs, let replica = route.close() {
                release(replica)
            }
            route.local?.prefer(placement.target.first)
        }
    }

    private func open(_ route: GroupRoute<ShardMachine>, of count: Int) {
        do {
            let replica = try factory.fresh(route.shard, of: count)
            logger.info("holds a shard from now on", metadata: ["shard": "\(route.shard)"])
            run(replica)
            route.open(replica)
        } catch {
            factory.onFailure(error)
        }
    }

    // MARK: Letting go

    /// Behind everything that was given to the log and to each lane: then the files are nobody's.
    private func release(_ replica: ReplicaHost<ShardMachine>) {
        let shard = replica.machine.shard
        state.withLock { _ = $0.leaving.insert(shard) }
        logger.info("holds a shard no more", metadata: ["shard": "\(shard)"])
        do {
            try left.begin(shard)
        } catch {
            return factory.onFailure(error)
        }
        network?.receivers.remove(replica.group)
        replica.retire { [self] in
            let job = LogWriter.Job(remove: replica.group) { [self] in
                factory.checkpointLane.submit { [self] in
                    factory.snapshotLane.submit { [self] in
                        factory.lane(of: shard).submit { [self] in remove(replica) }
                    }
                }
            }
            factory.log.submit(job)
        }
    }

    private func remove(_ replica: ReplicaHost<ShardMachine>) {
        let shard = replica.machine.shard
        do {
            try replica.machine.close()
            let location = factory.location(of: shard)
            try SnapshotInstaller(location: location, kind: .shard(shard)).removeStore()
            try left.finish(shard)
        } catch {
            return factory.onFailure(error)
        }
        state.withLock { _ = $0.leaving.remove(shard) }
        // The map may have given it back meanwhile.
        look()
    }

    /// Opens and releases nothing any more; returns when nothing of that is under way.
    func stop() {
        state.withLock { $0.isStopped = true }
        lane.close()
    }
}

extension LogWriter.Job {
    /// Has the log forget a group; `removed` hears when that is durable.
    init(remove group: GroupID, removed: (@Sendable () -> Void)? = nil) {
        self.init()
        remove = group
        self.removed = removed
    }
}
