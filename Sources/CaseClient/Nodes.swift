import ClusterPrimitives
import HTTP2Transport
import NIOCore
import NIOPosix
import RPC
import Synchronization

/// The nodes that this client knows: those it was told of, in order, and leaders that answers
/// named.
///
/// Which one to ask is decided here and not in the connection's layer, so that a retry goes to
/// another node than the attempt before it. Safe from any thread.
final class Nodes: Sendable {
    /// One node's connection.
    struct Node: Sendable {
        let index: Int?
        let endpoint: CaseEndpoint
        let rpc: RPCClient
    }

    /// Connections to leaders outside the configured endpoints; a cluster has fewer nodes than
    /// this, and a server that invents addresses can't make the client open more.
    static let hintedMax = 16

    /// Bytes of one message: the largest contact, and room for the fields around it.
    static let messageBytesMax = IncomingContact.bytesMax + 64 * 1_024

    private struct State {
        var preferred = 0
        var leaders = ShardLeaders()
        var hinted: [CaseEndpoint: RPCClient] = [:]
        var isShutDown = false
    }

    /// All connections of a client are on one thread: who runs there too changes threads for none of its calls.
    let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let endpoints: [CaseEndpoint]
    private let configured: [RPCClient]
    private let security: CaseClientSecurity
    private let tls: TLSContext?
    private let state = Mutex(State())

    init(_ configuration: CaseClientConfiguration) throws(CaseClientError) {
        let count = configuration.endpoints.count
        guard (1...CaseClientConfiguration.endpointsMax).contains(count) else {
            throw .misconfigured(
                "name 1 to \(CaseClientConfiguration.endpointsMax) endpoints, not \(count)",
                field: "endpoints"
            )
        }
        for endpoint in configuration.endpoints {
            guard Self.mayReach(endpoint, configuration.security) else {
                throw .misconfigured(
                    "plain text goes to loopback addresses only, and \(endpoint) is none: "
                        + "use TLS, or allow plain text to any address",
                    field: "security"
                )
            }
        }
        endpoints = configuration.endpoints
        security = configuration.security
        let tls = try Self.tls(configuration.security)
        self.tls = tls
        configured = configuration.endpoints.map { [eventLoop] in
            Self.connection($0, tls, eventLoop)
        }
    }

    /// The node to ask first.
    func preferred() -> Node {
        let index = state.withLock { $0.preferred }
        return Node(index: index, endpoint: endpoints[index], rpc: configured[index])
    }

    /// The node that led a shard when last heard of; nil where nobody has said.
    func leader(of shard: ShardID) -> Node? {
        state.withLock { $0.leaders[shard] }.flatMap { node(at: $0) }
    }

    /// Notes who leads a shard.
    func learn(_ shard: ShardID, _ endpoint: CaseEndpoint) {
        state.withLock { $0.leaders.learn(shard, endpoint) }
    }

    /// Notes that `node` did not answer: the next one takes its place. Two callers that lost the
    /// same node at once move on by one, not by two.
    func moveOn(from node: Node) {
        state.withLock { state in
            state.leaders.forget(node.endpoint)
            guard let index = node.index else { return }
            if state.preferred == index { state.preferred = (index + 1) % configured.count }
        }
    }

    /// The node at an address that an answer named; nil if it can't be asked safely.
    func hinted(_ address: String) -> Node? {
        let endpoint: CaseEndpoint
        do { endpoint = try CaseEndpoint(address) } catch { return nil }
        return node(at: endpoint)
    }

    private func node(at endpoint: CaseEndpoint) -> Node? {
        guard Self.mayReach(endpoint, security) else { return nil }
        if let index = endpoints.firstIndex(of: endpoint) {
            return Node(index: index, endpoint: endpoint, rpc: configured[index])
        }
        return state.withLock { state -> Node? in
            if let known = state.hinted[endpoint] {
                return Node(index: nil, endpoint: endpoint, rpc: known)
            }
            guard !state.isShutDown, state.hinted.count < Self.hintedMax else { return nil }
            let rpc = Self.connection(endpoint, tls, eventLoop)
            state.hinted[endpoint] = rpc
            return Node(index: nil, endpoint: endpoint, rpc: rpc)
        }
    }

    func shutdown() async {
        let hinted = state.withLock { state in
            state.isShutDown = true
            defer { state.hinted = [:] }
            return Array(state.hinted.values)
        }
        for rpc in configured + hinted { await rpc.shutdown() }
    }

    /// A token must not travel in plain text, neither to an endpoint nor to where an answer points.
    static func mayReach(_ endpoint: CaseEndpoint, _ security: CaseClientSecurity) -> Bool {
        switch security {
        case .plaintext: endpoint.isLoopback
        case .plaintextToAnyAddress, .tls: true
        }
    }

    private static func tls(_ security: CaseClientSecurity) throws(CaseClientError) -> TLSContext? {
        guard case .tls(let roots, let certificate, let key) = security else { return nil }
        guard (certificate == nil) == (key == nil) else {
            throw .misconfigured("a client certificate and its key go together", field: "security")
        }
        do {
            return try TLSContext(
                .client(
                    roots: .file(roots),
                    certificate: certificate.map { .file($0) },
                    key: key.map { .file($0) }
                )
            )
        } catch {
            throw .misconfigured("the TLS files can't be used: \(error)", field: "security")
        }
    }

    private static func connection(
        _ endpoint: CaseEndpoint,
        _ tls: TLSContext?,
        _ eventLoop: any EventLoop
    ) -> RPCClient {
        let target = RPCTarget(host: endpoint.host, port: endpoint.port, serverName: nil)
        var configuration = RPCClient.Configuration(targets: [target], tls: tls)
        configuration.rpc.messageBytesMax = messageBytesMax
        return RPCClient(configuration, group: eventLoop)
    }
}
