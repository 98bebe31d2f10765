import HTTP2Transport
import NIOCore

/// One connection on the client's side. Confined to its loop; the pool decides what goes onto it.
final class ClientConnection: HTTP2ConnectionDelegate {
    let limits: RPCLimits
    let eventLoop: any EventLoop
    let batcher: LoopBatcher
    private let pool: ClientPool
    private let slot: Int
    private let fixed: StaticHeaders
    private let authority: String
    private let handle: HandlerBox
    private var id: ObjectIdentifier { ObjectIdentifier(batcher) }
    private var isReady = false
    private var isRetired = false

    init(
        pool: ClientPool,
        slot: Int,
        authority: String,
        isEncrypted: Bool,
        limits: RPCLimits,
        eventLoop: any EventLoop
    ) {
        self.pool = pool
        self.slot = slot
        self.authority = authority
        self.limits = limits
        self.eventLoop = eventLoop
        fixed = isEncrypted ? WireHeaders.requestTLS : WireHeaders.requestPlain
        let handle = HandlerBox()
        self.handle = handle
        batcher = LoopBatcher(eventLoop: eventLoop) { jobs in handle.run(jobs) }
    }

    // MARK: - From the connection

    func connectionMade(_ connection: HTTP2Handler) { handle.handler = connection }

    func connectionStarted(_ connection: HTTP2Handler, peer: PeerIdentity?) {
        isReady = true
        pool.connected(
            slot,
            ClientLink(batcher: batcher, connection: NIOLoopBound(self, eventLoop: eventLoop)),
            capacity: connection.streamCapacity
        )
    }

    func streamOpened(
        _ stream: HTTP2Stream,
        on connection: HTTP2Handler
    ) -> any HTTP2StreamDelegate {
        preconditionFailure("a server opens no streams: push is switched off")
    }

    func capacityChanged(_ connection: HTTP2Handler) {
        guard isReady, !isRetired else { return }
        guard connection.canOpenStreams else {
            isRetired = true
            return pool.retired(slot, id, error: nil)
        }
        pool.capacityChanged(
            slot,
            id,
            limit: connection.streamCapacity + connection.openStreams
        )
    }

    func connectionClosed(_ connection: HTTP2Handler, error: TransportError?) {
        handle.handler = nil
        guard isReady else {
            // Without an error TCP itself did not come about, which the attempt reports.
            if let error { pool.failed(slot, error: error) }
            return
        }
        guard !isRetired else { return }
        isRetired = true
        pool.retired(slot, id, error: error)
    }

    // MARK: - From the pool

    /// Opens a stream for a call that the pool has reserved one for.
    func start(_ call: ClientCall) {
        let stream = ClientStream(call: call, connection: self)
        guard call.attach(batcher, NIOLoopBound(stream, eventLoop: eventLoop)) else {
            return streamEnded()
        }
        var headers = HTTP2Headers()
        headers.append(":path", call.path)
        headers.append(":authority", authority)
        if let deadline = call.deadline {
            headers.append("grpc-timeout", TimeoutText.encode(deadline - eventLoop.now))
        }
        WireHeaders.append(call.metadata, to: &headers)
        guard let handler = handle.handler else { return giveBackUnsent(call) }
        if !handler.canOpenStreams { capacityChanged(handler) }  // Its stream ids are used up.
        do {
            let wire = try handler.openStream(fixed, headers, endStream: false, delegate: stream)
            stream.start(wire)
        } catch {
            giveBackUnsent(call)
        }
    }

    private func giveBackUnsent(_ call: ClientCall) {
        streamEnded()
        if call.detach(attemptsMax: limits.attemptsMax) { return giveBack(call) }
        call.fail(RPCStatus(.unavailable, "no connection took the call", isNeverSent: true))
    }

    /// A reserved stream is free again.
    func streamEnded() { pool.streamEnded(slot, id) }

    /// A call that was certainly not processed tries again.
    func giveBack(_ call: ClientCall) { pool.submit(call) }

    /// Closes when the open calls have ended.
    func drain() { handle.handler?.drain() }

    /// Closes now.
    func abort() { handle.handler?.abort() }
}

/// A connection as the pool sees it.
struct ClientLink: Sendable, PoolLink {
    let batcher: LoopBatcher
    let connection: NIOLoopBound<ClientConnection>

    /// The link keeps its batcher, so the identity is not given to another one meanwhile.
    var id: ObjectIdentifier { ObjectIdentifier(batcher) }

    func start(_ call: ClientCall) {
        batcher.enqueue { [connection] in connection.value.start(call) }
    }
}
