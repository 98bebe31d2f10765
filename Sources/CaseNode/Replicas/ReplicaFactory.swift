import CaseStore
import ClusterPrimitives
import NIOPosix
import RaftCore
import ReplicaDriver
import ReplicationLog

/// Makes replicas, when a node starts and when it is given a shard later.
struct ReplicaFactory: Sendable {
    let configuration: NodeConfiguration
    let directory: DataDirectory
    let group: MultiThreadedEventLoopGroup
    let clock: SystemClock
    let successors: Successors
    let log: LogWriter
    let lanes: [SerialLane]
    let checkpointLane: SerialLane
    let snapshotLane: SerialLane
    let ticker: ReplicaTicker
    let peers: any PeerTransport
    let phases: PhaseReport?
    let meters: NodeMeters
    let recovery: ReplicaRecovery
    let onFailure: @Sendable (any Error) -> Void

    /// A record must hold the largest command: a raw message of 4 MiB with its text. Small segments, as
    /// tests use them, take smaller ones, and what does not fit is refused.
    static func logConfiguration(segmentBytes: Int) -> LogConfiguration {
        segmentBytes >= 32 << 20
            ? LogConfiguration(
                segmentBytes: segmentBytes,
                batchBytesMax: 8 << 20,
                recordBytesMax: 6 << 20
            )
            : .small(segmentBytes: segmentBytes)
    }

    /// The system group's replica. `founding` is its membership if this node knows nothing of it yet: of a new
    /// cluster its first members, of a node that joins one nobody.
    func system(
        _ machine: SystemMachine,
        founding: Configuration
    ) throws -> ReplicaHost<SystemMachine> {
        let start = try recovery.start(
            of: .system,
            applied: machine.applied,
            membership: machine.membership,
            founding: founding
        )
        // Every node checks rights by its own replica of this group: it learns at once what is committed.
        var limits = limits(groups: 1)
        limits.noticesAreHeld = false
        return try host(.system, machine, start, lane: lanes[0], limits: limits)
    }

    /// Whether the log held something of a shard when the node started.
    func isKnown(_ shard: ShardID) -> Bool { recovery.recovered[GroupID(shard: shard)] != nil }

    /// A shard's file.
    func location(of shard: ShardID) -> StoreLocation {
        StoreLocation(
            directory: directory.storePath,
            name: directory.shardStoreName(shard)
        )
    }

    /// The lane that a shard's store works on.
    func lane(of shard: ShardID) -> SerialLane { lanes[Int(shard.rawValue) % lanes.count] }

    /// A shard's replica as log and store have it; `founding` is its membership if they know nothing of it.
    func recovered(
        _ shard: ShardID,
        of count: Int,
        founding: Configuration
    ) throws -> ReplicaHost<ShardMachine> {
        let (id, location) = (GroupID(shard: shard), location(of: shard))
        try recovery.finishInstallation(of: id, at: location, .shard(shard))
        let machine = try machine(of: shard, at: location)
        let start = try recovery.start(
            of: id,
            applied: machine.applied,
            membership: machine.membership,
            founding: founding
        )
        return try host(
            id,
            machine,
            start,
            lane: lane(of: shard),
            limits: limits(groups: count + 1)
        )
    }

    /// A replica of a shard that this node has nothing of: it waits for a leader to bring it everything.
    func fresh(_ shard: ShardID, of count: Int) throws -> ReplicaHost<ShardMachine> {
        let (id, location) = (GroupID(shard: shard), location(of: shard))
        // What an earlier attempt may have left, of which the log knows nothing.
        try SnapshotInstaller(location: location, kind: .shard(shard)).removeStore()
        let machine = try machine(of: shard, at: location)
        let nobody = Configuration()
        log.submit(LogWriter.Job(founding: nobody, of: id))
        let start = (log: MemoryLog(configuration: nobody), hardState: HardState())
        return try host(
            id,
            machine,
            start,
            lane: lane(of: shard),
            limits: limits(groups: count + 1)
        )
    }

    private func machine(
        of shard: ShardID,
        at location: StoreLocation
    ) throws(StoreError) -> ShardMachine {
        ShardMachine(store: try ShardStore(at: location, shard: shard)) { [onFailure] error in
            onFailure(DamagedStore(path: location.path, error: error))
        }
    }

    private func limits(groups: Int) -> DriverLimits {
        var limits = DriverLimits()
        limits.proposalsMax = configuration.inFlightPerShardMax
        limits.payloadBytesMax =
            Self.logConfiguration(segmentBytes: configuration.logSegmentBytes).recordBytesMax
        // Four times that at worst, while a follower of every group is there and far behind.
        limits.retainedBytes = min(
            limits.retainedBytes,
            configuration.retainedLogBytes / groups
        )
        limits.heldBytesMax = 4 * limits.retainedBytes
        return limits
    }

    private func host<Machine: StateMachine>(
        _ id: GroupID,
        _ machine: Machine,
        _ recovered: (log: MemoryLog, hardState: HardState),
        lane: SerialLane,
        limits: DriverLimits
    ) throws -> ReplicaHost<Machine> {
        var settings = RaftConfiguration(
            id: directory.nodeID,
            group: id,
            seed: ServiceContext.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
        )
        settings.electionTicks = ReplicaTicker.electionTicks
        settings.heartbeatTicks = ReplicaTicker.heartbeatTicks
        // One write of a group at a time: see the module's notes, Writes of one group.
        settings.asyncStorageWrites = false
        let host = try ReplicaHost(
            settings: settings,
            limits: limits,
            recovered: recovered,
            machine: machine,
            environment: ReplicaHost<Machine>.Environment(
                eventLoop: group.next(),
                clock: clock,
                successors: successors,
                log: log,
                storeLane: lane,
                checkpointLane: checkpointLane,
                snapshotLane: snapshotLane,
                peers: peers,
                checkpointEntries: configuration.checkpointEntries,
                checkpointMilliseconds: configuration.checkpointMilliseconds,
                phases: phases,
                meters: meters,
                onFailure: onFailure
            ),
            onLeadership: { _ in }
        )
        ticker.add(host)
        return host
    }
}

/// A store that could not be read.
struct DamagedStore: Error, CustomStringConvertible {
    let path: String
    let error: StoreError
    var description: String { "\(path): \(error)" }
}
