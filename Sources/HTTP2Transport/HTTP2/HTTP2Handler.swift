import CNghttp2
import NIOCore

/// What a connection tells its user; always on the connection's event loop.
public protocol HTTP2ConnectionDelegate: AnyObject {
    /// The handler stands in its pipeline; nothing is connected or secured yet.
    func connectionMade(_ connection: HTTP2Handler)
    /// Connected and secured; `peer` is who TLS has verified, if it did. A client may open streams.
    func connectionStarted(_ connection: HTTP2Handler, peer: PeerIdentity?)
    /// Server: the peer opened a stream. Gives the delegate that hears its headers next.
    func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2Handler) -> any HTTP2StreamDelegate
    /// The peer's limit of streams, or the end of new streams, may have changed.
    func capacityChanged(_ connection: HTTP2Handler)
    /// The end; every stream was closed before. `error` is nil after a regular end.
    func connectionClosed(_ connection: HTTP2Handler, error: TransportError?)
}

/// One HTTP/2 connection, either side: bytes below, streams above, nghttp2 between.
///
/// Confined to its event loop. Frames are gathered and written once a read burst, and not at all
/// while the socket takes no more. The session is deleted in `handlerRemoved` only, never inside
/// one of its callbacks.
public final class HTTP2Handler: ChannelInboundHandler {
    /// Plain bytes from the socket or from TLS.
    public typealias InboundIn = ByteBuffer
    /// Plain bytes to the socket or to TLS.
    public typealias OutboundOut = ByteBuffer

    /// Which end of the connection this is.
    public enum Role: Sendable {
        /// Opens streams.
        case client
        /// Answers streams.
        case server
    }

    /// The bounds in force.
    public let limits: HTTP2Limits
    /// Which end this is.
    public let role: Role
    /// The loop that everything here runs on.
    public let eventLoop: any EventLoop
    /// Where the peer is, if the socket knows.
    public private(set) var remoteAddress: SocketAddress?

    let delegate: any HTTP2ConnectionDelegate
    let link = ConnectionLink()
    var state: HTTP2StateMachine
    var session: OpaquePointer?
    var streams: [Int32: HTTP2Stream] = [:]
    var encoder = HeaderEncoder()
    var outboundBytes = 0
    var heldBytes = 0
    /// Some streams wait for credit because too much is held.
    var hasWithheldCredit = false
    /// The stream that gets credit while too much is held.
    var creditHolder: Int32?
    /// The one before it: the turn goes round from there.
    var lastCreditHolder: Int32 = 0
    /// Why the session must end, found inside one of its callbacks.
    var failure: TransportError?
    var hasReceivedGoAway = false
    /// nghttp2's last complaint: the text of a protocol violation.
    var lastLibraryError: String?

    private var context: ChannelHandlerContext?
    private var peer: PeerIdentity?
    private var outgoing = ByteBuffer()
    private var isReading = false
    private var isFlushing = false
    private var isFlushScheduled = false
    private var isClosing = false
    private var closeError: TransportError?
    private var nextDeadline: NIODeadline?
    private var deadlineTimer: Scheduled<Void>?
    private var tickTimer: Scheduled<Void>?
    private var closeTimer: Scheduled<Void>?

    /// Made on `eventLoop`, for one channel.
    public init(
        role: Role,
        limits: HTTP2Limits,
        eventLoop: any EventLoop,
        delegate: any HTTP2ConnectionDelegate
    ) {
        self.role = role
        self.limits = limits
        self.eventLoop = eventLoop
        self.delegate = delegate
        state = HTTP2StateMachine(
            limits: limits,
            isServer: role == .server,
            now: eventLoop.now
        )
    }

    deinit {
        // `handlerRemoved` has run for every handler that was ever in a pipeline.
        assert(session == nil)
    }

    // MARK: - Channel events

    /// The handshake's time runs from here; the session starts with `channelActive`.
    public func handlerAdded(context: ChannelHandlerContext) {
        assert(!context.channel.isActive, "added too late: `channelActive` would be missed")
        self.context = context
        link.handler = self
        armTick()
        delegate.connectionMade(self)
    }

    /// The end of the session's memory.
    public func handlerRemoved(context: ChannelHandlerContext) {
        finish(error: closeError)
        if let session { nghttp2_session_del(session) }
        session = nil
        self.context = nil
        link.handler = nil
    }

    /// Connected, and secured if TLS is in front.
    public func channelActive(context: ChannelHandlerContext) {
        remoteAddress = context.remoteAddress
        start()
        context.fireChannelActive()
    }

    /// Who the peer is comes as an event of the TLS handler, before `channelActive`.
    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let ready = event as? TLSReady { peer = ready.peer }
        context.fireUserInboundEventTriggered(event)
    }

    /// Feeds the session.
    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let session, !isClosing else { return }
        isReading = true
        state.received(now: eventLoop.now)
        let result = buffer.withUnsafeReadableBytes { bytes in
            nghttp2_session_mem_recv(
                session,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                bytes.count
            )
        }
        if result < 0, failure == nil {
            failure = .protocolViolation(String(cString: nghttp2_strerror(Int32(result))))
        }
    }

    /// Writes what the burst has caused.
    public func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    /// Goes on writing when the socket takes bytes again.
    public func channelWritabilityChanged(context: ChannelHandlerContext) {
        flush()
        context.fireChannelWritabilityChanged()
    }

    /// The socket is gone.
    public func channelInactive(context: ChannelHandlerContext) {
        finish(error: closeError ?? failure)
        context.fireChannelInactive()
    }

    /// A fault below ends the connection.
    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(error: (error as? TransportError) ?? .closed)
    }

    // MARK: - Start and end

    private func start() {
        guard session == nil, !state.isClosed else { return }
        session = makeSession()
        guard session != nil else { return close(error: .closed) }
        submitPreface()
        // A client may open streams before the server's SETTINGS arrive.
        delegate.connectionStarted(self, peer: peer)
        scheduleFlush()
    }

    /// Closes the socket after what is queued was written, as far as that goes at once.
    func close(error: TransportError?) {
        guard !isClosing else { return }
        isClosing = true
        closeError = error
        guard let context else { return finish(error: error) }
        let channel = context.channel
        // An empty write's completion follows all earlier bytes into the socket.
        if channel.isActive, channel.isWritable, error != .keepaliveTimeout {
            let written = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
            written.futureResult.whenComplete { _ in channel.close(promise: nil) }
            // A peer that reads nothing must not keep the connection by that.
            closeTimer = eventLoop.assumeIsolated().scheduleTask(in: limits.closeTime) {
                channel.close(promise: nil)
            }
        } else {
            context.close(promise: nil)
        }
    }

    /// Ends every stream and tells the delegate; once.
    private func finish(error: TransportError?) {
        guard state.close() else { return }
        tickTimer?.cancel()
        deadlineTimer?.cancel()
        closeTimer?.cancel()
        let open = streams.values.sorted { $0.id < $1.id }
        streams.removeAll()
        for stream in open { endStream(stream, code: .internalError, isConnectionLost: true) }
        delegate.connectionClosed(self, error: error)
    }

    /// Sends GOAWAY twice, lets the open streams end, then closes. Idempotent.
    public func drain() {
        eventLoop.assertInEventLoop()
        guard state.drain(now: eventLoop.now) else { return }
        guard let session else { return close(error: nil) }
        if role == .server {
            nghttp2_submit_shutdown_notice(session)
            nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        } else if state.pingAcknowledged() {
            sendFinalGoAway()
        }
        delegate.capacityChanged(self)
        scheduleFlush()
    }

    func sendFinalGoAway() {
        guard let session else { return }
        nghttp2_submit_goaway(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(session),
            HTTP2ErrorCode.noError.rawValue,
            nil,
            0
        )
        scheduleFlush()
    }

    /// Cuts the connection now; open streams end as lost.
    public func abort() {
        eventLoop.assertInEventLoop()
        isClosing = true
        context?.close(promise: nil)
    }

    // MARK: - Writing

    /// Runs several operations, and writes what they have caused in one go.
    public func batch(_ body: () -> Void) {
        eventLoop.assertInEventLoop()
        guard !isReading, !isFlushing else { return body() }
        isReading = true
        body()
        isReading = false
        flush()
    }

    /// Writes at the end of the read burst, or in the loop's next round.
    func scheduleFlush() {
        guard !isReading, !isFlushing, !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    private func flush() {
        guard !isFlushing, !isReading else { return }
        isFlushing = true
        defer { isFlushing = false }
        // Once the connection has ended, the session still points at streams that nobody keeps any more.
        while let session, let context, !isClosing, !state.isClosed, context.channel.isWritable,
            nghttp2_session_want_write(session) != 0
        {
            guard fillBatch(session) else { break }
            let bytes = outgoing
            outgoing = ByteBuffer()
            // May run `channelInactive` synchronously: everything is read again afterwards.
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        noteWritability()
        closeIfOver()
    }

    /// Lays frames into `outgoing`; false if there were none.
    private func fillBatch(_ session: OpaquePointer) -> Bool {
        guard let context else { return false }
        outgoing = context.channel.allocator.buffer(capacity: 4_096)
        while outgoing.readableBytes < limits.writeBatchBytes {
            var data: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &data)
            if count < 0 {
                failure =
                    failure ?? .protocolViolation(String(cString: nghttp2_strerror(Int32(count))))
                break
            }
            guard count > 0, let data else { break }
            outgoing.writeBytes(UnsafeBufferPointer(start: data, count: count))
        }
        return outgoing.readableBytes > 0
    }

    private func noteWritability() {
        guard let context, let session else { return }
        let isStalled = !context.channel.isWritable && nghttp2_session_want_write(session) != 0
        state.writability(isStalled: isStalled, now: eventLoop.now)
    }

    private func closeIfOver() {
        guard let session, !isClosing, !state.isClosed else { return }
        if let failure {
            close(error: failure)
        } else if nghttp2_session_want_read(session) == 0,
            nghttp2_session_want_write(session) == 0
        {
            close(error: nil)
        } else if state.isDrained, nghttp2_session_want_write(session) == 0 {
            close(error: nil)
        }
    }

    // MARK: - Time

    private func armTick() {
        tickTimer = eventLoop.assumeIsolated().scheduleTask(in: limits.tickInterval) {
            self.tick()
        }
    }

    private func tick() {
        guard !state.isClosed else { return }
        let now = eventLoop.now
        for action in state.tick(now: now) {
            switch action {
            case .sendPing:
                if let session {
                    nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
                }
            case .sendFinalGoAway: sendFinalGoAway()
            case .beginDrain: drain()
            case .close(let error): close(error: error)
            }
        }
        resetStalledStreams(now: now)
        flush()
        if !state.isClosed { armTick() }
    }

    /// Makes sure that a timer runs no later than `deadline`.
    func armDeadline(_ deadline: NIODeadline) {
        if let nextDeadline, nextDeadline <= deadline { return }
        deadlineTimer?.cancel()
        nextDeadline = deadline
        deadlineTimer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.checkDeadlines()
        }
    }

    /// One timer a connection and a scan: cheaper than a timer a call, of which most are cancelled.
    private func checkDeadlines() {
        nextDeadline = nil
        let now = eventLoop.now
        var earliest: NIODeadline?
        var due: [HTTP2Stream] = []
        for stream in streams.values {
            guard let deadline = stream.deadline else { continue }
            if deadline <= now {
                due.append(stream)
            } else {
                earliest = min(earliest ?? deadline, deadline)
            }
        }
        due.sort { $0.id < $1.id }
        for stream in due {
            stream.deadline = nil
            stream.delegate?.deadlineReached(on: stream)
        }
        if let earliest { armDeadline(earliest) }
        flush()
    }
}
