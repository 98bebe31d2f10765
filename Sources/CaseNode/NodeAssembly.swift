import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization

/// The parts of a node, opened and recovered, not yet running.
final class NodeAssembly {
    let configuration: NodeConfiguration
    let directory: DataDirectory
    let logger: Logger
    let group: MultiThreadedEventLoopGroup
    let readers: NIOThreadPool
    let log: LogWriter
    let clock: SystemClock
    let lanes: [SerialLane]
    let checkpointLane = SerialLane(name: "checkpoint")
    let snapshotLane = SerialLane(name: "snapshot")
    let ticker: ReplicaTicker
    /// What carries the replicas' messages. Set before replicas are made.
    var peers: any PeerTransport = NoPeers()
    let phases: PhaseReport?
    private let recovery: ReplicaRecovery
    private let systemStore: SystemStore
    let systemMachine: SystemMachine
    private let onFailure: @Sendable (any Error) -> Void

    init(
        _ configuration: NodeConfiguration,
        _ directory: DataDirectory,
        fileSystem: any LogFileSystem,
        _ logger: Logger
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.logger = logger
        phases =
            configuration.phaseReportPath.isEmpty
            ? nil : PhaseReport(path: configuration.phaseReportPath)
        let phases = phases
        let isFounded = access(directory.foundedPath, F_OK) == 0
        let (log, recovered) = try ReplicationLog.open(
            directory: directory.logPath,
            fileSystem: fileSystem,
            configuration: Self.logConfiguration(segmentBytes: configuration.logSegmentBytes),
            identity: LogIdentity(cluster: directory.clusterID, node: directory.nodeID),
            opening: isFounded ? .existing : .createIfMissing,
            phaseObserver: phases.map { phases in { phases.observe($0, $1) } }
        )
        if let tail = recovered.report.tornTail {
            logger.notice(
                "cut an unfinished batch off the log's end; nothing of it was acknowledged",
                metadata: [
                    "file": "\(tail.file)", "offset": "\(tail.offset)", "bytes": "\(tail.bytes)",
                ]
            )
        }
        let onFailure: @Sendable (any Error) -> Void = { error in
            // Nothing may be answered after a failed write: leave at once, without unwinding.
            logger.critical(
                "the disk failed: the node stops so that nothing unsafe is acknowledged",
                metadata: ["error": "\(error)"]
            )
            _exit(NodeExit.storage)
        }
        self.onFailure = onFailure
        self.log = LogWriter(log: log, onFailure: onFailure) { isFull in
            if isFull {
                logger.error(
                    "the disk is full: writes are refused until there is room, reads go on"
                )
            } else {
                logger.notice("the disk has room again: writes go on")
            }
        }
        recovery = ReplicaRecovery(node: directory.nodeID, recovered: recovered, log: self.log)
        let systemLocation = StoreLocation(directory: directory.storePath, name: "system")
        try recovery.finishInstallation(of: .system, at: systemLocation, .system)
        systemStore = try SystemStore(at: systemLocation)
        systemMachine = try SystemMachine(store: systemStore)
        clock = SystemClock(floor: systemMachine.time)
        lanes = (0..<configuration.storeThreads).map { SerialLane(name: "store-\($0)") }
        group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loopThreads)
        ticker = ReplicaTicker(eventLoop: group.next())
        readers = NIOThreadPool(numberOfThreads: max(2, configuration.storeThreads))
        readers.start()
    }

    /// The members on record when the node starts; none in a new cluster.
    var knownMembers: [Member] { systemMachine.state.activeMembers }

    /// Where the first admin's token stands, on the node that founds the cluster.
    var adminTokenPath: String {
        configuration.adminTokenPath.isEmpty
            ? directory.adminTokenPath : configuration.adminTokenPath
    }

    /// Closes what was opened for a node that does not come to run.
    func abandon() async {
        do {
            ticker.stop()
            for lane in lanes { lane.close() }
            checkpointLane.close()
            snapshotLane.close()
            log.close()
            try await readers.shutdownGracefully()
            try await group.shutdownGracefully()
        } catch {
            logger.error("not everything closed cleanly", metadata: ["error": "\(error)"])
        }
        directory.release()
    }

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

    // MARK: Replicas

    /// The system group's replica. `founding` is its membership if this node knows nothing of it yet: of a new
    /// cluster its first members, of a node that joins one nobody; nil for this node alone.
    func makeSystem(
        founding: Configuration? = nil
    ) throws -> ReplicaHost<SystemMachine> {
        try makeHost(
            group: .system,
            machine: systemMachine,
            position: 0,
            founding: founding,
            limits: limits(groups: 1)
        )
    }

    /// The shards' replicas, as many as there are shards. `founding` is a shard's membership if this node knows
    /// nothing of the shard yet.
    func makeShards(
        count: Int,
        founding: (ShardID) -> Configuration? = { _ in nil }
    ) throws -> [ReplicaHost<ShardMachine>] {
        try (0..<count).map { position in
            let shard = ShardID(UInt16(position))
            let location = StoreLocation(
                directory: directory.storePath,
                name: directory.shardStoreName(shard)
            )
            let group = GroupID(shard: shard)
            try recovery.finishInstallation(of: group, at: location, .shard(shard))
            let store = try ShardStore(at: location, shard: shard)
            return try makeHost(
                group: group,
                machine: ShardMachine(store: store),
                position: position,
                founding: founding(shard),
                limits: limits(groups: count + 1)
            )
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

    private func makeHost<Machine: StateMachine>(
        group id: GroupID,
        machine: Machine,
        position: Int,
        founding: Configuration?,
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
            recovered: try recovery.start(
                of: id,
                applied: machine.applied,
                membership: machine.file?.membership ?? [],
                founding: founding ?? Configuration(voters: [directory.nodeID])
            ),
            machine: machine,
            environment: ReplicaHost<Machine>.Environment(
                eventLoop: group.next(),
                clock: clock,
                log: log,
                storeLane: lanes[position % lanes.count],
                checkpointLane: checkpointLane,
                snapshotLane: snapshotLane,
                peers: peers,
                checkpointEntries: configuration.checkpointEntries,
                checkpointMilliseconds: configuration.checkpointMilliseconds,
                phases: phases,
                onFailure: onFailure
            ),
            onLeadership: { _ in }
        )
        ticker.add(host)
        return host
    }
}
