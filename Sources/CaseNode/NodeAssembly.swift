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

/// Log and store contradict each other: something that was synced is gone. Never started.
public enum RecoveryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A store holds entries that the log, which every entry passes through first, does not have.
    case storeAheadOfLog(group: String, applied: UInt64, lastIndex: UInt64)
    /// The log no longer has what the store has yet to apply.
    case logStartsAfterStore(group: String, applied: UInt64, firstIndex: UInt64)

    /// For people.
    public var description: String {
        switch self {
        case .storeAheadOfLog(let group, let applied, let last):
            "\(group): the store has applied entry \(applied), but the log ends at \(last): "
                + "the log has lost what it had synced. The node must not start; restore it from a backup."
        case .logStartsAfterStore(let group, let applied, let first):
            "\(group): the store has applied entry \(applied), but the log begins at \(first): "
                + "the store has lost what it had synced. The node must not start; restore it from a backup."
        }
    }
}

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
    let phases: PhaseReport?
    private let rawLog: ReplicationLog
    private let recovered: RecoveredLog
    private let systemStore: SystemStore
    private let systemMachine: SystemMachine
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
        rawLog = log
        self.recovered = recovered
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
        systemStore = try SystemStore(
            at: StoreLocation(directory: directory.storePath, name: "system")
        )
        systemMachine = try SystemMachine(store: systemStore)
        clock = SystemClock(floor: systemMachine.time)
        lanes = (0..<configuration.storeThreads).map { SerialLane(name: "store-\($0)") }
        group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loopThreads)
        readers = NIOThreadPool(numberOfThreads: max(2, configuration.storeThreads))
        readers.start()
    }

    /// Closes what was opened for a node that does not come to run.
    func abandon() async {
        do {
            for lane in lanes { lane.close() }
            checkpointLane.close()
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

    func makeSystem() throws -> ReplicaHost<SystemMachine> {
        try makeHost(group: .system, machine: systemMachine, position: 0)
    }

    func makeShards(count: Int) throws -> [ReplicaHost<ShardMachine>] {
        try (0..<count).map { position in
            let shard = ShardID(UInt16(position))
            let store = try ShardStore(
                at: StoreLocation(
                    directory: directory.storePath,
                    name: directory.shardStoreName(shard)
                ),
                shard: shard
            )
            return try makeHost(
                group: GroupID(shard: shard),
                machine: ShardMachine(store: store),
                position: position
            )
        }
    }

    private func makeHost<Machine: StateMachine>(
        group id: GroupID,
        machine: Machine,
        position: Int
    ) throws -> ReplicaHost<Machine> {
        var settings = RaftConfiguration(
            id: directory.nodeID,
            group: id,
            seed: ServiceContext.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
        )
        // One write of a group at a time: the next gathers meanwhile, and its receipt is unmistakable.
        settings.asyncStorageWrites = false
        var limits = DriverLimits()
        limits.proposalsMax = configuration.inFlightPerShardMax
        limits.payloadBytesMax =
            Self.logConfiguration(segmentBytes: configuration.logSegmentBytes).recordBytesMax
        return try ReplicaHost(
            settings: settings,
            limits: limits,
            recovered: try tail(of: id, applied: machine.applied),
            machine: machine,
            environment: ReplicaHost<Machine>.Environment(
                eventLoop: group.next(),
                clock: clock,
                log: log,
                storeLane: lanes[position % lanes.count],
                checkpointLane: checkpointLane,
                checkpointEntries: configuration.checkpointEntries,
                checkpointMilliseconds: configuration.checkpointMilliseconds,
                phases: phases,
                onFailure: onFailure
            ),
            onLeadership: { _ in }
        )
    }

    /// What the log holds behind the store, in memory; checked against the store.
    private func tail(
        of id: GroupID,
        applied: SnapshotID
    ) throws -> (log: MemoryLog, hardState: HardState) {
        let membership = Configuration(voters: [directory.nodeID])
        guard let found = recovered[id] else {
            guard applied.index == .zero else {
                throw RecoveryError.storeAheadOfLog(
                    group: "\(id)",
                    applied: applied.index.rawValue,
                    lastIndex: 0
                )
            }
            return (MemoryLog(configuration: membership), HardState())
        }
        guard applied.index <= found.last.index else {
            throw RecoveryError.storeAheadOfLog(
                group: "\(id)",
                applied: applied.index.rawValue,
                lastIndex: found.last.index.rawValue
            )
        }
        guard found.base.index <= applied.index else {
            throw RecoveryError.logStartsAfterStore(
                group: "\(id)",
                applied: applied.index.rawValue,
                firstIndex: found.base.index.next.rawValue
            )
        }
        var memory = MemoryLog(base: found.base, configuration: membership)
        var next = found.base.index.next
        while next <= found.last.index {
            let page = try rawLog.entries(
                id,
                from: next,
                through: found.last.index,
                bytesMax: Self.recoveryPageBytes
            )
            guard let last = page.last else { break }
            memory.append(page)
            next = last.index.next
        }
        precondition(memory.last == found.last, "the log gives all entries that it names")
        return (memory, found.hardState)
    }

    /// Bytes read from the log at once during recovery.
    private static let recoveryPageBytes = 4 << 20
}
