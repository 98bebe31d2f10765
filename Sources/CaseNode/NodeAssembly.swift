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
    let remoteReaders: NIOThreadPool
    let log: LogWriter
    let clock: SystemClock
    let successors = Successors()
    let lanes: [SerialLane]
    let checkpointLane = SerialLane(name: "checkpoint")
    let snapshotLane = SerialLane(name: "snapshot")
    let ticker: ReplicaTicker
    /// What carries the replicas' messages. Set before replicas are made.
    var peers: any PeerTransport = NoPeers()
    let phases: PhaseReport?
    let certificates: CertificateWatch
    let meters = NodeMeters()
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
        certificates = CertificateWatch(logger: logger)
        phases =
            configuration.phaseReportPath.isEmpty
            ? nil : PhaseReport(path: configuration.phaseReportPath)
        let (phases, metered) = (phases, meters.logObserver())
        let isFounded = access(directory.foundedPath, F_OK) == 0
        let (log, recovered) = try ReplicationLog.open(
            directory: directory.logPath,
            fileSystem: fileSystem,
            configuration: ReplicaFactory.logConfiguration(
                segmentBytes: configuration.logSegmentBytes
            ),
            identity: LogIdentity(cluster: directory.clusterID, node: directory.nodeID),
            opening: isFounded ? .existing : .createIfMissing,
            phaseObserver: { phase, edge in
                metered(phase, edge)
                phases?.observe(phase, edge)
            }
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
        let members = systemMachine.state
        let others = members.nodesForReplicas.filter {
            $0 != directory.nodeID && members.hasTakenPart($0)
        }
        clock = SystemClock(floor: systemMachine.time, isAlone: others.isEmpty)
        lanes = (0..<configuration.storeThreads).map { SerialLane(name: "store-\($0)") }
        group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loopThreads)
        ticker = ReplicaTicker(eventLoop: group.next())
        readers = NIOThreadPool(numberOfThreads: max(2, configuration.storeThreads))
        readers.start()
        remoteReaders = NIOThreadPool(numberOfThreads: ServiceContext.remoteReaderThreads)
        remoteReaders.start()
    }

    /// The members on record when the node starts; none in a new cluster.
    var knownMembers: [Member] { systemMachine.state.activeMembers }

    /// Where the first admin's token stands, on the node that founds the cluster.
    var adminTokenPath: String {
        configuration.adminTokenPath.isEmpty
            ? directory.adminTokenPath : configuration.adminTokenPath
    }

    /// What makes replicas on these parts. Taken when `peers` is set.
    func makeFactory() -> ReplicaFactory {
        ReplicaFactory(
            configuration: configuration,
            directory: directory,
            group: group,
            clock: clock,
            successors: successors,
            log: log,
            lanes: lanes,
            checkpointLane: checkpointLane,
            snapshotLane: snapshotLane,
            ticker: ticker,
            peers: peers,
            phases: phases,
            meters: meters,
            recovery: recovery,
            onFailure: onFailure
        )
    }

    /// Closes what was opened for a node that does not come to run.
    func abandon() async {
        do {
            ticker.abandon()
            for lane in lanes { lane.close() }
            checkpointLane.close()
            snapshotLane.close()
            log.close()
            try await readers.shutdownGracefully()
            try await remoteReaders.shutdownGracefully()
            try await group.shutdownGracefully()
        } catch {
            logger.error("not everything closed cleanly", metadata: ["error": "\(error)"])
        }
        directory.release()
    }
}
