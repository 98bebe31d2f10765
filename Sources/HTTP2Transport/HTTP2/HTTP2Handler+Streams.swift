import CNghttp2
import NIOCore

/// What the connection's user does with streams; on the connection's event loop.
extension HTTP2Handler {
    /// Streams that this side may still open: the peer's limit less those open. 0 when it drains.
    public var streamCapacity: Int {
        guard let session, !state.isClosed, canOpenStreams else { return 0 }
        let limit = nghttp2_session_get_remote_settings(
            session,
            NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        )
        return max(0, min(Int(limit), limits.concurrentStreamsMax) - streams.count)
    }

    /// False after a GOAWAY of either side, or when the stream ids are used up.
    public var canOpenStreams: Bool {
        guard let session else { return false }
        return !hasReceivedGoAway && !state.isDraining && !state.isClosed && failure == nil
            && nghttp2_session_get_next_stream_id(session) < UInt32(Int32.max) - 2
    }

    /// Streams that are open now.
    public var openStreams: Int { streams.count }

    /// Client: opens a stream with its request headers; `endStream` when there is no body.
    public func openStream(
        _ fixed: StaticHeaders,
        _ headers: HTTP2Headers,
        endStream: Bool,
        delegate: any HTTP2StreamDelegate
    ) throws(TransportError) -> HTTP2Stream {
        eventLoop.assertInEventLoop()
        precondition(role == .client, "only a client opens streams")
        guard let session, !state.isClosed else { throw .closed }
        guard canOpenStreams else { throw .draining }
        guard streamCapacity > 0 else { throw .streamLimit(streams.count) }
        let stream = HTTP2Stream(id: 0, connection: self)
        var provider = Self.provider(for: stream)
        let id = encoder.encode(fixed, headers) { vectors, count in
            endStream
                ? nghttp2_submit_request(session, nil, vectors, count, nil, nil)
                : nghttp2_submit_request(session, nil, vectors, count, &provider, nil)
        }
        guard id > 0 else {
            throw id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue ? .draining : .closed
        }
        stream.id = id
        stream.delegate = delegate
        stream.hasResponded = true
        if endStream { stream.finish = .done }
        streams[id] = stream
        scheduleFlush()
        return stream
    }

    /// A source that reads the stream's queue; the table in `streams` keeps the stream alive.
    static func provider(for stream: HTTP2Stream) -> nghttp2_data_provider {
        var provider = nghttp2_data_provider()
        provider.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        provider.read_callback = { _, _, buffer, length, flags, source, user in
            guard let pointer = source?.pointee.ptr, let user, let flags else {
                return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            let stream = Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
            let handler = Unmanaged<HTTP2Handler>.fromOpaque(user).takeUnretainedValue()
            return handler.readOutbound(
                stream,
                into: UnsafeMutableRawBufferPointer(start: buffer, count: length),
                flags: flags
            )
        }
        return provider
    }

    private func readOutbound(
        _ stream: HTTP2Stream,
        into target: UnsafeMutableRawBufferPointer,
        flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let copied = stream.dequeue(into: target)
        outboundBytes -= copied
        assert(outboundBytes >= 0)
        stream.lastProgress = stream.outbound.isEmpty ? nil : eventLoop.now
        if stream.outbound.isEmpty {
            switch stream.finish {
            case .open, .done:
                if copied == 0 {
                    stream.isDeferred = true
                    return Int(NGHTTP2_ERR_DEFERRED.rawValue)
                }
            case .endStream:
                flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
                stream.finish = .done
            case .trailers(let fixed, let trailers):
                flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                submitTrailers(stream, fixed, trailers)
            }
        }
        if copied > 0 { stream.delegate?.sent(copied, on: stream) }
        return copied
    }

    func submitTrailers(_ stream: HTTP2Stream, _ fixed: StaticHeaders, _ trailers: HTTP2Headers) {
        stream.finish = .done
        guard let session else { return }
        _ = encoder.encode(fixed, trailers) { vectors, count in
            nghttp2_submit_trailer(session, stream.id, vectors, count)
        }
    }

    /// Scans for streams whose peer gives no credit although bytes wait.
    func resetStalledStreams(now: NIODeadline) {
        let stalled = streams.values.filter { stream in
            guard let last = stream.lastProgress else { return false }
            return now >= last + limits.writeStallTime
        }
        for stream in stalled.sorted(by: { $0.id < $1.id }) { stream.reset(.cancel) }
    }

    /// The last of a stream on the wire, whichever way it came.
    func endStream(_ stream: HTTP2Stream, code: HTTP2ErrorCode, isConnectionLost: Bool) {
        guard !stream.isWireClosed else { return }
        stream.releaseHeld(stream.heldBytes)
        stream.isWireClosed = true
        stream.isDeferred = false
        outboundBytes -= stream.outboundBytes
        stream.outboundBytes = 0
        stream.outbound.removeAll()
        stream.lastProgress = nil
        stream.withheldCredit = 0
        yieldCredit(stream.id)
        let delegate = stream.delegate
        stream.delegate = nil
        if role == .client { stream.isWorkFinished = true }
        releaseIfOver(stream)
        delegate?.closed(
            HTTP2StreamEnd(
                code: stream.resetCode ?? code,
                isConnectionLost: isConnectionLost,
                wasSent: stream.wasSent
            ),
            on: stream
        )
        assert(outboundBytes >= 0 && heldBytes >= 0)
    }

    /// A stream stops counting when it is closed on the wire and its handler has ended.
    func releaseIfOver(_ stream: HTTP2Stream) {
        guard stream.isWireClosed, stream.isWorkFinished, let connection = stream.connection else {
            return
        }
        stream.leaveConnection()
        if role == .server { connection.state.streamEnded(now: eventLoop.now) }
        if connection.state.isDrained { scheduleFlush() }
    }
}

extension HTTP2Stream {
    /// Server: sends the response headers; `endStream` when that is the whole response.
    public func respond(_ fixed: StaticHeaders, _ headers: HTTP2Headers, endStream: Bool) {
        guard let connection, let session = connection.session, !isWireClosed, resetCode == nil
        else {
            return
        }
        precondition(!hasResponded, "a stream has one response")
        hasResponded = true
        _ = connection.encoder.encode(fixed, headers) { vectors, count in
            if endStream { return nghttp2_submit_response(session, id, vectors, count, nil) }
            var provider = HTTP2Handler.provider(for: self)
            return nghttp2_submit_response(session, id, vectors, count, &provider)
        }
        if endStream { finish = .done }
        connection.scheduleFlush()
    }

    /// Queues bytes of the body.
    ///
    /// - Parameters:
    ///   - bytes: at most `HTTP2Limits.streamOutboundBytesMax` with what waits already.
    ///   - startsMessage: the bytes begin a message, so the queue may be cut before them.
    /// - Throws: `.outboundQueueFull`: nothing was queued. `.closed`: nobody will read it.
    public func write(_ bytes: [UInt8], startsMessage: Bool) throws(TransportError) {
        guard let connection, !isWireClosed, resetCode == nil, case .open = finish else {
            throw .closed
        }
        let limits = connection.limits
        guard outboundBytes + bytes.count <= limits.streamOutboundBytesMax else {
            throw .outboundQueueFull(limitBytes: limits.streamOutboundBytesMax)
        }
        guard connection.outboundBytes + bytes.count <= limits.connectionOutboundBytesMax else {
            throw .outboundQueueFull(limitBytes: limits.connectionOutboundBytesMax)
        }
        guard !bytes.isEmpty else { return }
        if outbound.isEmpty { lastProgress = connection.eventLoop.now }
        outbound.append(Chunk(bytes: bytes, startsMessage: startsMessage))
        outboundBytes += bytes.count
        connection.outboundBytes += bytes.count
        resume(connection)
    }

    /// Ends this side's half after what is queued: with trailers (server) or without (client).
    public func end(_ fixed: StaticHeaders = .none, trailers: HTTP2Headers? = nil) {
        guard let connection, !isWireClosed, resetCode == nil, case .open = finish else { return }
        finish = trailers.map { .trailers(fixed, $0) } ?? .endStream
        resume(connection)
    }

    /// Drops what is queued and ends with trailers at once. Where half a message is on the wire
    /// already, the stream can only be reset, with `code`.
    public func cutShort(
        _ fixed: StaticHeaders,
        trailers: HTTP2Headers,
        orReset code: HTTP2ErrorCode
    ) {
        guard let connection, let session = connection.session, !isWireClosed, resetCode == nil,
            case .open = finish
        else { return }
        guard isAtMessageBoundary, hasResponded else { return reset(code) }
        connection.outboundBytes -= outboundBytes
        outboundBytes = 0
        outbound.removeAll()
        lastProgress = nil
        if nghttp2_session_get_stream_remote_window_size(session, id) <= 0
            || nghttp2_session_get_remote_window_size(session) <= 0
        {
            // The body can't end without credit; a header list needs none.
            connection.submitTrailers(self, fixed, trailers)
            connection.scheduleFlush()
        } else {
            finish = .trailers(fixed, trailers)
            resume(connection)
        }
    }

    private func resume(_ connection: HTTP2Handler) {
        if isDeferred, let session = connection.session {
            isDeferred = false
            nghttp2_session_resume_data(session, id)
        }
        connection.scheduleFlush()
    }

    /// Resets the stream; `closed` follows when the frame was laid out.
    public func reset(_ code: HTTP2ErrorCode) {
        guard let connection, let session = connection.session, !isWireClosed, resetCode == nil
        else {
            return
        }
        resetCode = code
        nghttp2_submit_rst_stream(session, 0, id, code.rawValue)
        connection.scheduleFlush()
    }

    /// The peer's side has ended and nothing more is to be said: resets the stream only if this
    /// side has not ended too.
    public func abandon() {
        guard let session = connection?.session, !isWireClosed else { return }
        if nghttp2_session_get_stream_local_close(session, id) == 0 { reset(.cancel) }
    }

    /// Gives the peer credit for bytes of this stream that were received.
    public func grantCredit(_ bytes: Int) {
        guard let connection, !isWireClosed, bytes > 0 else { return }
        withheldCredit += bytes
        connection.passCredit(to: self)
    }

    /// Says that a message is whole: where credit is scarce, other streams have their turn.
    public func messageCompleted() {
        connection?.yieldCredit(id)
    }

    /// Says that received bytes are no longer kept for this stream.
    public func releaseHeld(_ bytes: Int) {
        guard let connection, !isWireClosed, bytes > 0 else { return }
        precondition(bytes <= heldBytes, "more released than received")
        heldBytes -= bytes
        connection.heldBytes -= bytes
        if connection.hasWithheldCredit { connection.passWithheldCredit() }
    }

    /// Sets when `deadlineReached` is called; nil for never.
    public func setDeadline(_ deadline: NIODeadline?) {
        self.deadline = deadline
        if let deadline { connection?.armDeadline(deadline) }
    }

    /// Server: the handler of this stream has ended; before that the stream counts as running.
    public func workFinished() {
        guard !isWorkFinished else { return }
        isWorkFinished = true
        connection?.releaseIfOver(self)
    }
}
