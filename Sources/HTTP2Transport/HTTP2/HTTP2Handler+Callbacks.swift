import CNghttp2
import NIOCore

/// nghttp2's callbacks: capture-free closures that find the handler behind the session's user data.
extension HTTP2Handler {
    /// The session of this handler, or nil when there is no memory.
    func makeSession() -> OpaquePointer? {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&options) == 0
        else { return nil }
        defer {
            nghttp2_session_callbacks_del(callbacks)
            nghttp2_option_del(options)
        }
        Self.setCallbacks(callbacks)
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_stream_reset_rate_limit(
            options,
            UInt64(limits.receivedResetsBurst),
            UInt64(limits.receivedResetsPerSecond)
        )
        var made: OpaquePointer?
        // Unretained: the session dies in `handlerRemoved`, before the handler can.
        let user = Unmanaged.passUnretained(self).toOpaque()
        let result =
            role == .server
            ? nghttp2_session_server_new2(&made, callbacks, user, options)
            : nghttp2_session_client_new2(&made, callbacks, user, options)
        return result == 0 ? made : nil
    }

    /// Queues the SETTINGS and the connection's window.
    func submitPreface() {
        guard let session else { return }
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(limits.streamWindowBytes)
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(limits.headerListBytesMax)
            ),
        ]
        if role == .server {
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                    value: UInt32(limits.concurrentStreamsMax)
                )
            )
        } else {
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue),
                    value: 0
                )
            )
        }
        nghttp2_submit_settings(session, 0, settings, settings.count)
        nghttp2_session_set_local_window_size(session, 0, 0, Int32(limits.connectionWindowBytes))
    }

    static func from(_ user: UnsafeMutableRawPointer?) -> HTTP2Handler? {
        user.map { Unmanaged<HTTP2Handler>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func setCallbacks(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            guard let handler = HTTP2Handler.from(user), let frame else {
                return HTTP2Handler.failureCode
            }
            return handler.beganHeaders(frame.pointee)
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            frame,
            name,
            nameBytes,
            value,
            valueBytes,
            _,
            user in
            guard let handler = HTTP2Handler.from(user), let frame else {
                return HTTP2Handler.failureCode
            }
            handler.receivedHeader(
                frame.pointee.hd.stream_id,
                UnsafeBufferPointer(start: name, count: nameBytes),
                UnsafeBufferPointer(start: value, count: valueBytes)
            )
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            guard let handler = HTTP2Handler.from(user), let frame else {
                return HTTP2Handler.failureCode
            }
            return handler.receivedFrame(frame.pointee)
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _,
            _,
            streamID,
            data,
            count,
            user in
            guard let handler = HTTP2Handler.from(user) else { return HTTP2Handler.failureCode }
            handler.receivedData(streamID, UnsafeRawBufferPointer(start: data, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            guard let handler = HTTP2Handler.from(user), let frame else {
                return HTTP2Handler.failureCode
            }
            return handler.sentFrame(frame.pointee)
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
            _,
            streamID,
            code,
            user in
            guard let handler = HTTP2Handler.from(user) else { return HTTP2Handler.failureCode }
            handler.streamClosed(streamID, code: HTTP2ErrorCode(rawValue: code))
            return 0
        }
        nghttp2_session_callbacks_set_error_callback2(callbacks) { _, _, text, bytes, user in
            guard let handler = HTTP2Handler.from(user), let text else { return 0 }
            let raw = UnsafeRawBufferPointer(start: text, count: bytes)
            handler.noteLibraryError(String(decoding: raw, as: UTF8.self))
            return 0
        }
    }

    static var failureCode: Int32 { NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }

    // MARK: - Received

    private func beganHeaders(_ frame: nghttp2_frame) -> Int32 {
        let id = frame.hd.stream_id
        if let stream = streams[id] {
            stream.pendingHeaders = HTTP2Headers()
            stream.pendingHeaderBytes = 0
            return 0
        }
        guard role == .server, frame.headers.cat == NGHTTP2_HCAT_REQUEST else { return 0 }
        guard state.admitStream() else {
            // More handlers run than streams may be open: unprocessed, so the peer may try again.
            nghttp2_submit_rst_stream(session, 0, id, HTTP2ErrorCode.refusedStream.rawValue)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        let stream = HTTP2Stream(id: id, connection: self)
        stream.wasSent = true
        streams[id] = stream
        stream.delegate = delegate.streamOpened(stream, on: self)
        return 0
    }

    private func receivedHeader(
        _ id: Int32,
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>
    ) {
        guard let stream = streams[id] else { return }
        stream.pendingHeaderBytes += name.count + value.count + 32
        // Past the limit fields are counted no further: a compressed list can expand a lot.
        guard stream.pendingHeaderBytes <= limits.headerListBytesMax else {
            stream.pendingHeaders.isTruncated = true
            return
        }
        stream.pendingHeaders.append(
            String(decoding: name, as: UTF8.self),
            String(decoding: value, as: UTF8.self)
        )
    }

    private func receivedFrame(_ frame: nghttp2_frame) -> Int32 {
        let id = frame.hd.stream_id
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = streams[id] else { return 0 }
            var headers = stream.pendingHeaders
            stream.pendingHeaders = HTTP2Headers()
            let ends = UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            headers.endsStream = ends
            stream.delegate?.received(headers, on: stream)
            if ends { stream.delegate?.receivedEnd(on: stream) }
        case NGHTTP2_DATA.rawValue:
            if UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
                guard let stream = streams[id] else { return 0 }
                stream.delegate?.receivedEnd(on: stream)
            } else if frame.hd.length == 0 {
                return countIdleFrame()
            }
        case NGHTTP2_SETTINGS.rawValue:
            if UInt32(frame.hd.flags) & NGHTTP2_FLAG_ACK.rawValue != 0 { return 0 }
            state.prefaceReceived()
            delegate.capacityChanged(self)
            return countIdleFrame()
        case NGHTTP2_PING.rawValue:
            if UInt32(frame.hd.flags) & NGHTTP2_FLAG_ACK.rawValue == 0 { return countIdleFrame() }
            if state.pingAcknowledged() { sendFinalGoAway() }
        case NGHTTP2_PRIORITY.rawValue:
            return countIdleFrame()
        case NGHTTP2_GOAWAY.rawValue:
            hasReceivedGoAway = true
            delegate.capacityChanged(self)
        default:
            break
        }
        return 0
    }

    private func countIdleFrame() -> Int32 {
        if state.idleFrameReceived(now: eventLoop.now) { return 0 }
        failure = .abusive("frames without use")
        nghttp2_session_terminate_session(session, HTTP2ErrorCode.enhanceYourCalm.rawValue)
        return 0
    }

    private func receivedData(_ id: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let stream = streams[id], stream.resetCode == nil, let delegate = stream.delegate
        else {
            // Nobody will read it: its credit goes back at once, or other streams would starve.
            if let session { nghttp2_session_consume(session, id, bytes.count) }
            return
        }
        stream.heldBytes += bytes.count
        heldBytes += bytes.count
        // The connection's part comes back at once, so that one slow reader stops nobody else.
        if let session { nghttp2_session_consume_connection(session, bytes.count) }
        delegate.received(bytes, on: stream)
    }

    private func noteLibraryError(_ text: String) {
        lastLibraryError = text
    }

    // MARK: - Sent

    private func sentFrame(_ frame: nghttp2_frame) -> Int32 {
        let id = frame.hd.stream_id
        let ends = UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            streams[id]?.wasSent = true
            if ends { endUnreadRequest(id) }
        case NGHTTP2_DATA.rawValue:
            if ends { endUnreadRequest(id) }
        case NGHTTP2_RST_STREAM.rawValue:
            let code = HTTP2ErrorCode(rawValue: frame.rst_stream.error_code)
            guard state.resetSent(code, now: eventLoop.now) else {
                failure = .abusive("provoked resets")
                nghttp2_session_terminate_session(
                    session,
                    HTTP2ErrorCode.enhanceYourCalm.rawValue
                )
                return 0
            }
        default:
            break
        }
        return 0
    }

    /// A server that has answered before the request ended asks the peer to stop sending.
    private func endUnreadRequest(_ id: Int32) {
        guard role == .server, let session,
            nghttp2_session_get_stream_remote_close(session, id) == 0
        else { return }
        nghttp2_submit_rst_stream(session, 0, id, HTTP2ErrorCode.noError.rawValue)
    }

    private func streamClosed(_ id: Int32, code: HTTP2ErrorCode) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        endStream(stream, code: code, isConnectionLost: false)
    }
}
