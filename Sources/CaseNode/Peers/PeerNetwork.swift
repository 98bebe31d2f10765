import ClusterPrimitives
import CoordinatorCore
import Glibc
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
    private let addresses: PeerAddresses
    private let listening: RPCServer.Configuration
    private let service: PeerService
    private let group: MultiThreadedEventLoopGroup
    private let server = Mutex<RPCServer?>(nil)
    private let mapVersion = Mutex<UInt64>(0)

    /// - Returns: nil for a node that is a whole cluster by itself and can't speak to others.
    /// - Throws: naming the option, where a certificate or an address is missing or of no use.
    static func make(_ parts: NodeAssembly) throws -> PeerNetwork? {
        let configuration = parts.configuration
        let protection = try PeerCertificates.find(configuration, parts.directory)
        let addresses = try PeerAddresses(parts)
        guard let protection else {
            guard addresses.isAlone else {
                throw ConfigurationError(
                    option: "peer-certificate",
                    reason: "this node has peers, which it may only speak to with a certificate"
                )
            }
            return nil
        }
        let tls = try contexts(protection)
        parts.certificates.add(tls?.server)
        parts.certificates.add(tls?.client)
        var listening = RPCServer.Configuration(
            host: addresses.listenHost,
            port: addresses.listenPort,
            tls: tls?.server
        )
        listening.http2 = PeerLimits.http2
        listening.rpc = PeerLimits.rpc
        return PeerNetwork(parts, addresses, listening, tls?.client)
    }

    private static func contexts(
        _ protection: PeerCertificates.Protection
    ) throws -> (server: TLSContext, client: TLSContext)? {
        guard case .certificates(let certificate, let key, let roots) = protection else {
            return nil
        }
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
        _ addresses: PeerAddresses,
        _ listening: RPCServer.Configuration,
        _ tls: TLSContext?
    ) {
        node = parts.directory.nodeID
        self.addresses = addresses
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
            knows: { [weak links] in links?.knows($0) ?? false },
            isRemoved: { [system = parts.systemMachine] in
                system.state.member($0)?.isActive == false
            }
        )
        self.links = links
        self.receivers = receivers
        routes = RouteService(
            peers: service,
            system: parts.systemMachine,
            links: links,
            log: parts.log
        )
        parts.peers = links
    }

    /// Lets others ask for this node's groups.
    func serve(_ context: ServiceContext) {
        for shard in context.shards { routes.add(shard, shard.group) }
        routes.add(context.system, .system)
        routes.answer { [weak context] shard, question, reply in
            guard let context else { return reply(.failure(.stopping)) }
            context.answer(question, of: shard, reply: reply)
        }
    }

    /// From now on nobody gives leadership to this node.
    func leadsNoMore() { routes.leadsNoMore() }

    /// Listens for others, and goes looking for them.
    func start() async throws {
        var router = RPCRouter()
        service.register(in: &router)
        routes.register(in: &router)
        let started = try await listen(router)
        server.withLock { $0 = started }
        links.update(addresses.others)
    }

    private func listen(_ router: RPCRouter) async throws -> RPCServer {
        do {
            return try await RPCServer.start(listening, router: router, group: group)
        } catch {
            // Nobody has been told where an only node listens: another port is as good.
            guard addresses.mayTakeAnotherPort else { throw error }
            var listening = listening
            listening.port = 0
            return try await RPCServer.start(listening, router: router, group: group)
        }
    }

    /// Where other nodes reach this one. Known once it has started.
    var ownAddress: String {
        addresses.own
            ?? RPCTarget(
                host: addresses.listenHost,
                port: server.withLock { $0?.port } ?? listening.port
            ).description
    }

    /// Before this node takes part in anything: a founder without data asks another one whether it had some.
    /// - Throws: `.lost` if it had.
    func assertNothingLost(_ parts: NodeAssembly) async throws {
        guard access(parts.directory.foundedPath, F_OK) != 0 else { return }
        let calls = PeerCalls(links: links)
        let time = TimeAmount.milliseconds(Self.registrationMilliseconds)
        // Alone in the list there is nobody to ask, and nobody who could have been told anything.
        while !links.peers.isEmpty {
            guard !links.isRemoved else { throw NodeRemoved(node: node) }
            var answers = 0
            for peer in links.peers {
                let knows = await withCheckedContinuation { continuation in
                    calls.look(at: peer, within: time) { response, _, _ in
                        continuation.resume(returning: response?.knowsCaller)
                    }
                }
                if knows == true {
                    throw DataDirectoryError.lost(path: parts.directory.path, node: node)
                }
                if knows == false { answers += 1 }
            }
            // With this one they are a quorum: fewer can't found or go on without it.
            if answers + 1 > (links.peers.count + 1) / 2 { return }
            try await Task.sleep(for: .milliseconds(Founding.pauseMilliseconds))
        }
    }

    /// Another node is there, which could take over from this one.
    var hasCompany: Bool { links.peers.contains { links.isAlive($0) } }

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
        if state.member(node)?.isActive == false { links.removed() }
    }

    /// Tells the cluster where clients reach this node, and an only node where others would, until it knows.
    func register(_ context: ServiceContext, clientAddress: String) -> Task<Void, Never> {
        let (node, isAlone, own) = (node, addresses.isAlone, ownAddress)
        return Task {
            while !Task.isCancelled {
                guard let known = context.system.machine.state.member(node)?.member else { return }
                var wanted = known
                wanted.clientAddress = clientAddress
                if isAlone { wanted.peerAddress = own }
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
