import ClusterPrimitives
import CoordinatorCore
import HTTP2Transport
import Logging
import NIOCore
import NIOPosix
import RPC
import Synchronization

/// Everything of this node that other nodes see: its listener for them, its links to them.
final class PeerNetwork: Sendable {
    /// The pause before this node says again where clients reach it, in milliseconds.
    static let registrationMilliseconds: Int64 = 500

    let links: PeerLinks
    let receivers: ReceiverTable
    let routes: RouteService
    private let node: NodeID
    private let founders: [NodeID: String]
    private let listening: RPCServer.Configuration
    private let service: PeerService
    private let group: MultiThreadedEventLoopGroup
    private let server = Mutex<RPCServer?>(nil)
    private let mapVersion = Mutex<UInt64>(0)

    /// - Returns: nil for a node that is a whole cluster by itself.
    /// - Throws: naming the option, where a certificate or an address is missing or of no use.
    static func make(_ parts: NodeAssembly) throws -> PeerNetwork? {
        let configuration = parts.configuration
        let known = parts.knownMembers
        var addresses: [NodeID: String] = [:]
        for member in configuration.initialMembers { addresses[member.id] = member.peerAddress }
        if known.count > 1 {
            for member in known { addresses[member.id] = member.peerAddress }
        }
        guard !addresses.isEmpty else { return nil }
        guard let own = addresses[parts.directory.nodeID], let target = RPCTarget(own) else {
            throw ConfigurationError(option: "initial-members", reason: "does not name this node")
        }
        guard configuration.hasPeerTLS || configuration.plaintext else {
            throw ConfigurationError(
                option: "peer-certificate",
                reason: "this node has peers, which it may only speak to with a certificate"
            )
        }
        let member = InitialMember(id: parts.directory.nodeID, peerAddress: own)
        let port = configuration.peerListenPort > 0 ? configuration.peerListenPort : target.port
        let tls = try Self.contexts(configuration)
        var listening = RPCServer.Configuration(
            host: configuration.peerHost(of: member),
            port: port,
            tls: tls?.server
        )
        listening.http2 = PeerLimits.http2
        listening.rpc = PeerLimits.rpc
        return PeerNetwork(parts, addresses, listening, tls?.client)
    }

    private static func contexts(
        _ configuration: NodeConfiguration
    ) throws -> (server: TLSContext, client: TLSContext)? {
        guard configuration.hasPeerTLS else { return nil }
        let certificate = PEMSource.file(configuration.peerCertificatePath)
        let key = PEMSource.file(configuration.peerKeyPath)
        let roots = PEMSource.file(configuration.peerRootsPath)
        return (
            try TLSContext(
                .server(
                    certificate: certificate,
                    key: key,
                    clientRoots: roots,
                    clients: .required
                )
            ),
            try TLSContext(.client(roots: roots, certificate: certificate, key: key))
        )
    }

    private init(
        _ parts: NodeAssembly,
        _ founders: [NodeID: String],
        _ listening: RPCServer.Configuration,
        _ tls: TLSContext?
    ) {
        node = parts.directory.nodeID
        self.founders = founders
        self.listening = listening
        group = parts.group
        let handshake = PeerHandshake(
            cluster: parts.directory.clusterID,
            node: node,
            token: parts.configuration.clusterToken,
            requiresCertificate: tls != nil
        )
        let links = PeerLinks(
            handshake: handshake,
            tls: tls,
            group: parts.group,
            files: parts.readers,
            logger: parts.logger
        )
        let receivers = ReceiverTable()
        service = PeerService(
            handshake: handshake,
            receivers: receivers,
            snapshots: SnapshotIntake(
                handshake: handshake,
                receivers: receivers,
                files: parts.readers
            ),
            logger: parts.logger,
            knows: { [weak links] in links?.knows($0) ?? false }
        )
        self.links = links
        self.receivers = receivers
        routes = RouteService(peers: service)
        parts.peers = links
    }

    /// Listens for others, and goes looking for them.
    func start() async throws {
        var router = RPCRouter()
        service.register(in: &router)
        routes.register(in: &router)
        let started = try await RPCServer.start(listening, router: router, group: group)
        server.withLock { $0 = started }
        links.update(founders)
    }

    /// Keeps to the members on record from now on.
    func follow(_ machine: SystemMachine) {
        machine.listen { [weak self] state in self?.update(state) }
        update(machine.state)
    }

    private func update(_ state: SystemState) {
        let isNewer = mapVersion.withLock { known in
            guard state.mapVersion > known else { return false }
            known = state.mapVersion
            return true
        }
        guard isNewer else { return }
        var addresses: [NodeID: String] = [:]
        for member in state.activeMembers { addresses[member.id] = member.peerAddress }
        links.update(addresses)
    }

    /// Tells the cluster where clients reach this node, until it knows.
    func register(_ context: ServiceContext, clientAddress: String) -> Task<Void, Never> {
        let node = node
        return Task {
            while !Task.isCancelled {
                guard let known = context.system.machine.state.member(node)?.member else { return }
                var wanted = known
                wanted.clientAddress = clientAddress
                wanted.versionKnown = SystemLimits.clusterVersionKnown
                guard wanted != known else { return }
                let command = StampedSystemCommand(at: .zero, command: .updateMember(wanted))
                let isDone = await withCheckedContinuation { continuation in
                    context.system.propose(command) { outcome in
                        if case .success = outcome {
                            continuation.resume(returning: true)
                        } else {
                            continuation.resume(returning: false)
                        }
                    }
                }
                if isDone { return }
                do {
                    try await Task.sleep(for: .milliseconds(Self.registrationMilliseconds))
                } catch {
                    return  // The node stops.
                }
            }
        }
    }

    /// Ends all links, then listens no more.
    func stop() async {
        await links.stop()
        let running = server.withLock { server in
            defer { server = nil }
            return server
        }
        await running?.drain(within: .zero)
        receivers.clear()
    }
}
