import ClusterPrimitives
import HTTP2Transport
import Logging
import NIOCore
import NIOPosix
import RPC
import RaftCore
import Synchronization

/// All ways of this node to others.
final class PeerLinks: PeerTransport {
    private struct State {
        var links: [NodeID: PeerLink] = [:]
        var isStopped = false
        var isRemoved = false
        var onRemoved: (@Sendable () -> Void)?
    }

    let handshake: PeerHandshake
    private let tls: TLSContext?
    private let group: any EventLoopGroup
    private let logger: Logger
    private let snapshots: SnapshotSender
    private let state = Mutex(State())

    /// `tls` has this node's certificate, or is nil for plain text on loopback; `files` are threads that read
    /// snapshots.
    init(
        handshake: PeerHandshake,
        tls: TLSContext?,
        group: any EventLoopGroup,
        files: NIOThreadPool,
        logger: Logger
    ) {
        self.handshake = handshake
        self.tls = tls
        self.group = group
        self.logger = logger
        snapshots = SnapshotSender(handshake: handshake, tls: tls, group: group, files: files)
    }

    /// Where other nodes are from now on: opens links to new ones, moves those whose address changed, and
    /// closes those that are gone.
    func update(_ addresses: [NodeID: String]) {
        var wanted = addresses
        wanted[handshake.node] = nil
        let (started, ended) = state.withLock { state -> ([PeerLink], [PeerLink]) in
            guard !state.isStopped else { return ([], []) }
            var ended: [PeerLink] = []
            for (node, link) in state.links where wanted[node] != link.address {
                ended.append(link)
                state.links[node] = nil
            }
            var started: [PeerLink] = []
            for (node, address) in wanted where state.links[node] == nil {
                guard let target = target(node, address) else { continue }
                let link = PeerLink(
                    to: node,
                    target: target,
                    handshake: handshake,
                    tls: tls,
                    eventLoop: group.next(),
                    logger: logger
                ) { [weak self] in self?.removed() }
                state.links[node] = link
                started.append(link)
            }
            return (started, ended)
        }
        for link in started { link.start() }
        for link in ended { Task { await link.stop() } }
    }

    /// Calls `action` once, when another node has said that this one is a member no more.
    func whenRemoved(_ action: @escaping @Sendable () -> Void) {
        let isRemoved = state.withLock { state in
            if !state.isRemoved { state.onRemoved = action }
            return state.isRemoved
        }
        if isRemoved { action() }
    }

    /// Another node has said that this one is a member no more.
    var isRemoved: Bool { state.withLock { $0.isRemoved } }

    /// This node is a member no more.
    func removed() {
        let action = state.withLock { state in
            defer { state.onRemoved = nil }
            state.isRemoved = true
            return state.onRemoved
        }
        action?()
    }

    private func target(_ node: NodeID, _ address: String) -> RPCTarget? {
        guard let target = RPCTarget(address) else {
            logger.error("a member's address can't be read", metadata: ["node": "\(node)"])
            return nil
        }
        let name = PeerName.of(node, in: handshake.token)
        return RPCTarget(
            host: target.host,
            port: target.port,
            serverName: tls == nil ? nil : name
        )
    }

    private func link(_ node: NodeID) -> PeerLink? { state.withLock { $0.links[node] } }

    /// The nodes that there are links to.
    var peers: [NodeID] { state.withLock { $0.links.keys.sorted() } }

    /// The peers that were heard from within the transport's keepalive time, ascending.
    var alive: [NodeID] {
        state.withLock { $0.links }.filter { $0.value.isOpen }.keys.sorted()
    }

    /// Whether a node is known, so that its word counts.
    func knows(_ node: NodeID) -> Bool { link(node) != nil }

    /// Whether a node was heard from within the transport's keepalive time.
    func isAlive(_ node: NodeID) -> Bool { node == handshake.node || link(node)?.isOpen == true }

    /// Messages that found no room or no peer, ever, by peer.
    var dropped: [NodeID: UInt64] { state.withLock { $0.links }.mapValues(\.dropped) }

    /// What each link has done, by peer.
    var figures: [(node: NodeID, sentBytes: UInt64, opened: UInt64, dropped: UInt64, isOpen: Bool)]
    {
        state.withLock { $0.links }.sorted { $0.key < $1.key }.map { node, link in
            let figures = link.figures
            return (node, figures.sentBytes, figures.opened, figures.dropped, figures.isOpen)
        }
    }

    /// Asks a node; the reply comes once, on any thread. An unknown node is surely not asked.
    func call(
        _ node: NodeID,
        _ method: String,
        _ message: [UInt8],
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], PeerCallFailure>) -> Void
    ) {
        guard let link = link(node), link.isOpen else { return reply(.failure(.notSent)) }
        link.call(method, message, within: time) { result in
            reply(result.mapError { $0.isNeverSent ? .notSent : .answered($0) })
        }
    }

    func stop() async {
        let links = state.withLock { state in
            state.isStopped = true
            defer { state.links = [:] }
            return Array(state.links.values)
        }
        await snapshots.stop()
        for link in links { await link.stop() }
    }

    // MARK: PeerTransport

    func send(_ messages: [Message], group: GroupID) {
        for message in messages {
            guard let link = link(message.to) else { continue }
            let isBulk = message.entries.contains { !$0.payload.isEmpty }
            link.send(PeerBatch.encode(message, group: group), isBulk: isBulk)
        }
    }

    func sendSnapshot(
        _ message: Message,
        group: GroupID,
        path: String,
        reply: @escaping @Sendable (Bool) -> Void
    ) {
        guard let link = link(message.to), link.isOpen,
            let target = target(message.to, link.address)
        else { return reply(false) }
        snapshots.send(message, group: group, path: path, to: target) { [logger] failure in
            if let failure {
                logger.notice(
                    "a snapshot did not arrive",
                    metadata: [
                        "group": "\(group)", "peer": "\(message.to)", "reason": "\(failure)",
                    ]
                )
            }
            reply(failure == nil)
        }
    }
}

/// Why a node gave no answer.
enum PeerCallFailure: Error, Equatable {
    /// It surely never heard of it.
    case notSent
    /// It refused, or nobody knows whether it acted.
    case answered(RPCStatus)
}
