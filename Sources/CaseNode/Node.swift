import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import Foundation
import HTTP2Transport
import Logging
import NIOCore
import NIOPosix
import RPC
import RaftCore
import ReplicaDriver
import ReplicationLog
import ServiceLifecycle
import Synchronization

/// One node: the data directory, the log, the replicas, the services, the coordinator.
///
/// Promises: what a client was told is accepted is in the log on stable storage; a failed sync or a failed
/// apply ends the process (`NodeExit.storage`) before anything else is answered.
public final class Node: Service, Sendable {
    /// How long calls may go on after a stop was asked for, in seconds.
    static let drainSeconds: Int64 = 10
    /// Bytes of one request: the largest raw contact, and room for what stands around it.
    static let requestBytesMax = CaseLimits.rawBytesMax + (64 << 10)

    /// The address that clients reach it at.
    public let address: String
    /// Where its first admin token stands.
    public let adminTokenPath: String
    /// Where probes and metrics are served; nil for nowhere.
    public let operationsAddress: String?

    private let configuration: NodeConfiguration
    private let directory: DataDirectory
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let readers: NIOThreadPool
    private let log: LogWriter
    private let lanes: [SerialLane]
    private let checkpointLane: SerialLane
    private let snapshotLane: SerialLane
    private let ticker: ReplicaTicker
    private let network: PeerNetwork?
    private let registration: Task<Void, Never>?
    private let clocks: ClockExchange?
    private let roster: ShardRoster
    private let mover: Task<Void, Never>
    private let removal: Removal
    private let context: ServiceContext
    private let coordinator: CoordinatorHost
    private let watch: WatchService
    private let server: RPCServer
    private let health: HealthService
    private let operations: Operations
    private let phases: PhaseReport?
    private let certificates: CertificateWatch

    /// Opens or makes the data directory, recovers, founds a new cluster, and listens.
    /// - Parameters:
    ///   - configuration: what this process is told.
    ///   - logFiles: the replication log's files; another file system is for tests.
    ///   - logger: where it reports; ids only, never a case's content.
    /// - Returns: the node, listening.
    /// - Throws: typed errors that say what to do; nothing was changed where the directory is foreign or newer.
    public static func start(
        _ configuration: NodeConfiguration,
        logFiles: any LogFileSystem = POSIXFileSystem(),
        logger: Logger
    ) async throws -> Node {
        var configuration = configuration
        if configuration.listenPort == 0 {
            configuration.listenPort = try await freePort(configuration.listenHost)
        }
        // Found out before anything is made or founded.
        try await requireFree(configuration.listenHost, configuration.listenPort)
        let directory = try openDirectory(configuration)
        let operations: Operations
        do {
            operations = try await Operations.start(configuration, logger: logger)
        } catch {
            directory.release()
            throw error
        }
        do {
            let assembly = try NodeAssembly(configuration, directory, fileSystem: logFiles, logger)
            do {
                return try await Node(assembly, operations)
            } catch {
                await assembly.abandon()
                throw error
            }
        } catch {
            await operations.stop()
            throw error
        }
    }

    private static func openDirectory(
        _ configuration: NodeConfiguration
    ) throws(DataDirectoryError) -> DataDirectory {
        let node = configuration.nodeID > 0 ? NodeID(UInt64(configuration.nodeID)) : nil
        let members = configuration.initialMembers
        let founded =
            members.isEmpty
            ? nil : InitialMembers.clusterID(token: configuration.clusterToken, members)
        let cluster =
            founded ?? (configuration.join.isEmpty ? nil : Hex.decode(configuration.clusterID))
        return try DataDirectory(
            path: configuration.dataDirectory,
            newNodeID: node ?? NodeID(1),
            newClusterID: cluster ?? ServiceContext.randomBytes(16),
            joins: !configuration.join.isEmpty,
            expectedNode: node,
            expectedCluster: cluster
        )
    }

    private static func requireFree(_ host: String, _ port: Int) async throws {
        do {
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get().close()
        } catch {
            // Not the configuration's fault: whoever has the port may be about to end.
            throw RPCStatus(
                .unavailable,
                "can't listen on \(host):\(port): \(TransportError.systemWords(error))"
            )
        }
    }

    /// A port that nobody has now. Chosen before anything else, since a founding cluster records its members'
    /// addresses; should another process take it meanwhile, the start fails and says so.
    private static func freePort(_ host: String) async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: host, port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close()
        guard let port else {
            throw ConfigurationError(option: "listen-host", reason: "\(host) has no ports")
        }
        return port
    }

    private init(_ parts: NodeAssembly, _ operations: Operations) async throws {
        self.operations = operations
        operationsAddress = operations.address
        configuration = parts.configuration
        directory = parts.directory
        logger = parts.logger
        group = parts.group
        readers = parts.readers
        log = parts.log
        lanes = parts.lanes
        checkpointLane = parts.checkpointLane
        snapshotLane = parts.snapshotLane
        ticker = parts.ticker
        phases = parts.phases
        certificates = parts.certificates
        adminTokenPath = parts.adminTokenPath
        let startedAt = SystemClock.monotonicMilliseconds()
        let network = try PeerNetwork.make(parts)
        self.network = network
        let removal = Removal(node: directory.nodeID)
        self.removal = removal
        network?.links.whenRemoved { removal.happened() }
        let system = try await Self.system(parts, network)
        let asking: any GroupAsking = network.map { PeerCalls(links: $0.links) } ?? NobodyToAsk()
        roster = try await Self.roster(parts, network, system, asking)
        context = Self.context(parts, network, system, roster.routes, asking)
        network?.serve(context)
        coordinator = CoordinatorHost(
            context: context,
            node: directory.nodeID,
            calls: network.map { PeerCalls(links: $0.links) },
            meters: parts.meters,
            logger: logger
        )
        let coordinator = coordinator
        network?.routes.hear { coordinator.heard($0, $1) }
        let watch = WatchService(context: context) { shard, due in
            coordinator.dueTimeSet(shard, due)
        }
        self.watch = watch
        roster.start(watch)
        var router = RPCRouter()
        let cases = CasesService(context: context)
        cases.register(in: &router)
        ListService(cases: cases).register(in: &router)
        watch.register(in: &router)
        IntakeService(context: context).register(in: &router)
        DirectoryService(context: context).register(in: &router)
        ClusterService(
            context: context,
            node: directory.nodeID,
            log: log,
            startedAt: startedAt,
            calls: network.map { PeerCalls(links: $0.links) }
        ).register(in: &router)
        LoadService(context: context, health: operations.health).register(in: &router)
        health = HealthService()
        health.set("", serving: true)
        for name in Self.services { health.set(name, serving: true) }
        health.register(in: &router)
        guard let descriptors = Data(base64Encoded: ProtocolDescriptors.fileDescriptorSet) else {
            preconditionFailure("the generated descriptors are base 64")
        }
        try ReflectionService(fileDescriptorSet: [UInt8](descriptors)).register(in: &router)
        var listening = RPCServer.Configuration(
            host: configuration.listenHost,
            port: configuration.listenPort,
            tls: try NodeTLS.context(configuration, directory)
        )
        listening.rpc.messageBytesMax = Self.requestBytesMax
        certificates.add(listening.tls)
        listening.observer = parts.meters.calls
        server = try await RPCServer.start(listening, router: router, group: group)
        address = "\(configuration.listenHost):\(server.port)"
        registration = network?.register(context, clientAddress: configuration.clientAddress)
        let served = context
        clocks = network.map {
            ClockExchange(
                links: $0.links,
                context: served,
                successors: parts.successors,
                logger: parts.logger
            )
        }
        clocks?.start(on: group.next())
        certificates.start(on: group.next(), files: readers)
        coordinator.start()
        let moving = GroupMover(context: context, logger: parts.logger)
        mover = Task { await moving.run() }
        let pulse = Pulse(loops: group, log: log, meters: parts.meters)
        operations.health.started(
            NodeHealth.Running(
                pulse: pulse,
                context: context,
                metrics: MetricSources(
                    meters: parts.meters,
                    context: context,
                    log: log,
                    links: network?.links,
                    clocks: clocks,
                    health: operations.health,
                    connections: { [server] in server.connections },
                    watches: { [watch] in watch.count },
                    dataDirectory: configuration.dataDirectory,
                    startedAt: Double(SystemClock.wall().rawValue) / 1_000
                )
            )
        )
        operations.watch(pulse)
    }

    static let services = [
        CasesService.name, IntakeService.name, DirectoryService.name, ClusterService.name,
    ]

    /// Serves until a graceful shutdown is asked for, then stops cleanly.
    public func run() async throws {
        let (log, clock, logger) = (log, context.clock, logger)
        let marking = group.next().scheduleRepeatedTask(
            initialDelay: .milliseconds(LogWriter.idleMarkMilliseconds),
            delay: .milliseconds(LogWriter.idleMarkMilliseconds)
        ) { _ in
            log.tick()
            guard let behind = clock.changedAlarm() else { return }
            if behind > TimeSpan(milliseconds: 0) {
                logger.error(
                    "the clock is behind what was stamped: time does not go back with it",
                    metadata: ["behind": "\(behind)"]
                )
            } else {
                logger.notice("the clock has caught up with what was stamped")
            }
        }
        do {
            try await removal.orGracefulShutdown()
        } catch {
            marking.cancel()
            // Removed: it leads nothing, and nobody speaks to it.
            await stop(handsOver: false)
            throw error
        }
        marking.cancel()
        await stop(handsOver: network?.hasCompany == true)
    }

    private func stop(handsOver: Bool) async {
        logger.info("stopping", metadata: ["node": "\(directory.nodeID)"])
        operations.health.stops()
        network?.leadsNoMore()
        health.shutDown()
        coordinator.stop()
        mover.cancel()
        await mover.value
        registration?.cancel()
        // Others take over first, while every call is still served: who leads nothing can go unnoticed.
        if handsOver { await HandOver(context: context).run(logger) }
        clocks?.stop()
        certificates.stop()
        watch.stop()
        await server.drain(within: .seconds(Self.drainSeconds))
        roster.stop()
        for shard in context.shards { shard.local?.stop() }
        context.system.replica.stop()
        await network?.stop()
        ticker.stop()
        await operations.leaveAlone()
        do {
            for lane in lanes { lane.close() }
            checkpointLane.close()
            snapshotLane.close()
            log.close()
            try await readers.shutdownGracefully()
            try await context.remoteReaders.shutdownGracefully()
            for shard in context.shards { try shard.local?.machine.close() }
            try context.system.machine.close()
            try await group.shutdownGracefully()
        } catch {
            logger.error("not everything closed cleanly", metadata: ["error": "\(error)"])
        }
        directory.release()
        await operations.stop()
        logger.info("stopped", metadata: ["node": "\(directory.nodeID)"])
    }
}

/// The exit codes of `casenode`.
public enum NodeExit {
    /// The configuration or the data directory can't be used.
    public static let configuration: Int32 = 78
    /// A disk failed while the node ran: what it was doing has no answer.
    public static let storage: Int32 = 74
    /// The log or a store is damaged: nothing was started.
    public static let damaged: Int32 = 65
    /// The node was a member, and was removed: nothing of it is needed any more.
    public static let removed: Int32 = 77
    /// Anything else.
    public static let failure: Int32 = 1
}

extension NodeExit {
    /// The exit code for an error that kept a node from starting or running.
    public static func code(for error: any Error) -> Int32 {
        switch error {
        case is ConfigurationError, is DataDirectoryError, is TransportError: configuration
        case let error as LogError: code(for: error)
        case is RecoveryError, is RaftError: damaged
        case is NodeRemoved: removed
        case let error as StoreError: code(for: error)
        default: failure
        }
    }

    private static func code(for error: LogError) -> Int32 {
        switch error {
        case .corrupted, .missing: damaged
        case .newerFormat, .foreign, .locked, .invalidConfiguration: configuration
        default: storage
        }
    }

    private static func code(for error: StoreError) -> Int32 {
        switch error {
        case .corrupt, .undecodableCommand, .gap: damaged
        case .foreignFile, .wrongShard, .newerFormat, .newerCommand: configuration
        default: storage
        }
    }
}
