import HTTP2Transport
import NIOCore

/// One connection on the server's side. Confined to its loop.
final class ServerConnection: HTTP2ConnectionDelegate {
    let router: RPCRouter
    let limits: RPCLimits
    let eventLoop: any EventLoop
    let observer: (any RPCCallObserver)?
    private(set) var batcher: LoopBatcher
    private(set) var peer: RPCPeer
    private let registry: ConnectionRegistry
    private let isEncrypted: Bool
    private let handle: HandlerBox
    private var id: Int?

    init(
        router: RPCRouter,
        limits: RPCLimits,
        isEncrypted: Bool,
        registry: ConnectionRegistry,
        observer: (any RPCCallObserver)?,
        eventLoop: any EventLoop
    ) {
        self.observer = observer
        self.router = router
        self.limits = limits
        self.isEncrypted = isEncrypted
        self.registry = registry
        self.eventLoop = eventLoop
        let handle = HandlerBox()
        self.handle = handle
        batcher = LoopBatcher(eventLoop: eventLoop) { jobs in handle.run(jobs) }
        peer = RPCPeer(identity: nil, address: nil, isEncrypted: isEncrypted)
        id = registry.add(batcher, handle: NIOLoopBound(handle, eventLoop: eventLoop))
    }

    deinit {
        // A connection that failed before it stood in its pipeline has no other end.
        if let id { registry.remove(id) }
    }

    func connectionMade(_ connection: HTTP2Handler) {
        handle.handler = connection
        if handle.isDraining { connection.drain() }
    }

    func connectionStarted(_ connection: HTTP2Handler, peer identity: PeerIdentity?) {
        peer = RPCPeer(
            identity: identity,
            address: connection.remoteAddress,
            isEncrypted: isEncrypted
        )
    }

    func streamOpened(
        _ stream: HTTP2Stream,
        on connection: HTTP2Handler
    ) -> any HTTP2StreamDelegate {
        ServerStream(server: self)
    }

    func capacityChanged(_ connection: HTTP2Handler) {}

    func connectionClosed(_ connection: HTTP2Handler, error: TransportError?) {
        handle.handler = nil
        if let id { registry.remove(id) }
        id = nil
    }
}

/// The handler of a connection, for jobs that come from other threads. Confined to the loop.
final class HandlerBox {
    /// From `connectionMade` to `connectionClosed`; not weak, see `ConnectionLink`.
    var handler: HTTP2Handler?
    var isDraining = false

    /// Runs jobs and writes once.
    func run(_ jobs: [LoopBatcher.Job]) {
        guard let handler else {
            // The streams are gone; the jobs still have their bookkeeping to do.
            for job in jobs { job() }
            return
        }
        handler.batch { for job in jobs { job() } }
    }

    func drain() {
        isDraining = true
        handler?.drain()
    }
}
