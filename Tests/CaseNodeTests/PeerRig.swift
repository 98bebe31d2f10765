import ClusterPrimitives
import HTTP2Transport
import Logging
import NIOCore
import NIOPosix
import RPC
import RaftCore
import Synchronization

@testable import CaseNode

/// A replica that keeps what it is sent.
final class RecordingReceiver: ReplicaReceiver {
    private struct State {
        var snapshotPath: String?
        var isBusy = false
        var snapshots: [Message] = []
        var abandoned = 0
    }

    let messages: AsyncStream<Message>
    private let sink: AsyncStream<Message>.Continuation
    private let state: Mutex<State>

    init(snapshotPath: String? = nil) {
        (messages, sink) = AsyncStream.makeStream()
        state = Mutex(State(snapshotPath: snapshotPath))
    }

    var snapshots: [Message] { state.withLock { $0.snapshots } }
    var abandoned: Int { state.withLock { $0.abandoned } }

    func receive(_ message: Message) { sink.yield(message) }

    func beginSnapshot() -> String? {
        state.withLock { state in
            guard !state.isBusy else { return nil }
            state.isBusy = true
            return state.snapshotPath
        }
    }

    func receivedSnapshot(_ message: Message, reply: @escaping @Sendable (Bool) -> Void) {
        state.withLock { state in
            state.isBusy = false
            state.snapshots.append(message)
        }
        reply(true)
    }

    func abandonSnapshot() {
        state.withLock { state in
            state.isBusy = false
            state.abandoned += 1
        }
    }
}

/// One node as far as its peers see it: a service on a port, and links.
final class PeerRig: Sendable {
    struct Identity: Sendable {
        var node: UInt64
        var cluster: UInt8 = 7
        var server: TLSContext?
        var client: TLSContext?
    }

    let links: PeerLinks
    let receiver: RecordingReceiver
    let service: PeerService
    let server: RPCServer
    let identity: Identity

    var address: String { "127.0.0.1:\(server.port)" }

    static func start(
        _ identity: Identity,
        port: Int = 0,
        snapshotPath: String? = nil,
        knows: @escaping @Sendable (NodeID) -> Bool = { _ in true }
    ) async throws -> PeerRig {
        let handshake = PeerHandshake(
            cluster: Array(repeating: identity.cluster, count: 16),
            node: NodeID(identity.node),
            token: "testing",
            requiresCertificate: identity.server != nil
        )
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let receivers = ReceiverTable()
        let receiver = RecordingReceiver(snapshotPath: snapshotPath)
        receivers.add(receiver, group: .system)
        let group = NIOSingletons.posixEventLoopGroup
        let files = NIOSingletons.posixBlockingThreadPool
        let service = PeerService(
            handshake: handshake,
            receivers: receivers,
            snapshots: SnapshotIntake(handshake: handshake, receivers: receivers, files: files),
            logger: logger,
            knows: knows
        )
        var router = RPCRouter()
        service.register(in: &router)
        var listening = RPCServer.Configuration(
            host: "127.0.0.1",
            port: port,
            tls: identity.server
        )
        listening.http2 = PeerLimits.http2
        listening.rpc = PeerLimits.rpc
        let server = try await RPCServer.start(listening, router: router, group: group)
        let links = PeerLinks(
            handshake: handshake,
            tls: identity.client,
            group: group,
            files: files,
            logger: logger
        )
        return PeerRig(identity, links, receiver, service, server)
    }

    private init(
        _ identity: Identity,
        _ links: PeerLinks,
        _ receiver: RecordingReceiver,
        _ service: PeerService,
        _ server: RPCServer
    ) {
        self.identity = identity
        self.links = links
        self.receiver = receiver
        self.service = service
        self.server = server
    }

    /// Sends heartbeats to a peer until `seen` has one, a few at a time: a link takes a moment to stand.
    func send(to peer: UInt64, commit: UInt64) {
        links.send(
            [
                Message(
                    .heartbeat,
                    from: NodeID(identity.node),
                    to: NodeID(peer),
                    term: Term(1),
                    commit: LogIndex(commit)
                )
            ],
            group: .system
        )
    }

    func stop() async {
        await links.stop()
        await server.drain(within: .zero)
    }
}

/// An authority and certificates that name nodes, as `casectl tls` makes them.
struct PeerAuthority {
    let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority.make(commonName: "test", days: 1) }

    func identity(_ node: UInt64, named: String? = nil) throws -> PeerRig.Identity {
        let issued = try authority.issue(
            CertificateRequest(
                commonName: "casecluster-node",
                dnsNames: [named ?? PeerName.of(NodeID(node), in: "testing")],
                usage: .both,
                days: 1
            )
        )
        let roots = PEMSource.bytes(authority.certificatePEM)
        let (certificate, key) = (
            PEMSource.bytes(issued.certificatePEM), PEMSource.bytes(issued.keyPEM)
        )
        return PeerRig.Identity(
            node: node,
            server: try TLSContext(
                .server(
                    certificate: certificate,
                    key: key,
                    clientRoots: roots,
                    clients: .required
                )
            ),
            client: try TLSContext(.client(roots: roots, certificate: certificate, key: key))
        )
    }
}
