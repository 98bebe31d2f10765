import HTTP2Transport
import NIOCore

/// One attempt at a call, on one connection. Confined to the connection's loop.
final class ClientStream: HTTP2StreamDelegate {
    private let call: ClientCall
    private let connection: ClientConnection
    private var stream: HTTP2Stream?
    private var deframer: MessageDeframer
    private var flow = InboundFlow()
    private var metadata: RPCMetadata?
    private var reply: [UInt8]?
    private var isOver = false

    init(call: ClientCall, connection: ClientConnection) {
        self.call = call
        self.connection = connection
        deframer = MessageDeframer(messageBytesMax: connection.limits.messageBytesMax)
    }

    /// Sends what is known of the request.
    func start(_ stream: HTTP2Stream) {
        self.stream = stream
        stream.setDeadline(call.deadline)
        let target = ClientStreamTarget(
            batcher: connection.batcher,
            call: NIOLoopBound(self, eventLoop: connection.eventLoop)
        )
        if let message = call.message {
            do {
                try MessageFrame.write(message, to: stream)
            } catch {
                return finish(RPCStatus(.resourceExhausted, "the outbound queue is full"))
            }
            stream.end()
        }
        if case .stream(let inbox, let writer) = call.sink {
            inbox.attach { target.taken($0) }
            if call.message == nil { writer.attach(target) }
        }
    }

    // MARK: - From the wire

    func received(_ headers: HTTP2Headers, on stream: HTTP2Stream) {
        guard !isOver else { return }
        if metadata == nil, headers[":status"]?.first == "1" { return }  // 1xx: not the head yet.
        if metadata != nil || headers.endsStream { return receivedTrailers(headers) }
        guard headers[":status"] == "200", WireHeaders.isGRPC(contentType: headers["content-type"])
        else {
            return finish(
                WireHeaders.status(headers) ?? WireHeaders.status(http: headers[":status"])
            )
        }
        guard !headers.isTruncated else {
            return finish(RPCStatus(.resourceExhausted, "the response's header list is too long"))
        }
        let encoding = headers["grpc-encoding"]
        guard encoding == nil || encoding == "identity" else {
            return finish(RPCStatus(.internalError, "the response has an encoding not asked for"))
        }
        do {
            metadata = try WireHeaders.metadata(headers)
        } catch {
            finish(RPCStatus(.internalError, "bad \(error.name) in the response"))
        }
    }

    private func receivedTrailers(_ headers: HTTP2Headers) {
        guard let status = WireHeaders.status(headers) else {
            let http = headers[":status"]
            let isHTTPError = http != nil && http != "200"
            return finish(
                isHTTPError
                    ? WireHeaders.status(http: http)
                    : RPCStatus(.internalError, "the response has no grpc-status"),
                isPeerDone: headers.endsStream
            )
        }
        guard status.code != .ok || deframer.isAtBoundary else {
            return finish(RPCStatus(.internalError, "the response ended inside a message"))
        }
        finish(status, isPeerDone: headers.endsStream)
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream) {
        guard !isOver, metadata != nil else {
            stream.grantCredit(bytes.count)
            stream.releaseHeld(bytes.count)
            if !isOver { finish(RPCStatus(.internalError, "a message before the head")) }
            return
        }
        var completed: [[UInt8]] = []
        do {
            try deframer.append(bytes) { completed.append($0) }
        } catch {
            return finish(error)
        }
        switch call.sink {
        case .unary:
            guard completed.count + (reply == nil ? 0 : 1) <= 1 else {
                return finish(RPCStatus(.internalError, "more than one response message"))
            }
            reply = completed.first ?? reply
            if reply == nil {
                stream.grantCredit(bytes.count)
            } else {
                stream.messageCompleted()
            }
        case .stream(let inbox, _):
            flow.received(bytes.count, completed: completed.count, on: stream)
            for message in completed { inbox.push(message) }
        }
    }

    func receivedEnd(on stream: HTTP2Stream) {
        guard !isOver else { return }
        finish(RPCStatus(.internalError, "the response ended without trailers"))
    }

    func sent(_ bytes: Int, on stream: HTTP2Stream) {
        if call.message == nil, case .stream(_, let writer) = call.sink { writer.sent(bytes) }
    }

    func deadlineReached(on stream: HTTP2Stream) {
        finish(RPCStatus(.deadlineExceeded, "the deadline has passed"))
    }

    func closed(_ end: HTTP2StreamEnd, on stream: HTTP2Stream) {
        self.stream = nil
        connection.streamEnded()
        guard !isOver else { return }
        isOver = true
        let isUntouched = metadata == nil && (end.code == .refusedStream || !end.wasSent)
        if isUntouched, call.message != nil, call.detach(attemptsMax: connection.limits.attemptsMax)
        {
            return connection.giveBack(call)
        }
        call.end(.failure(Self.status(end)))
    }

    private static func status(_ end: HTTP2StreamEnd) -> RPCStatus {
        if end.isConnectionLost {
            return RPCStatus(
                .unavailable,
                end.wasSent ? "the connection was lost; the outcome is unknown" : "not connected"
            )
        }
        let code: RPCStatusCode =
            switch end.code {
            case .refusedStream: .unavailable
            case .cancel: .cancelled
            case .enhanceYourCalm: .resourceExhausted
            case .inadequateSecurity: .permissionDenied
            default: .internalError
            }
        return RPCStatus(code, "the stream was reset: \(end.code)")
    }

    // MARK: - From the caller

    /// The outcome from this side of the wire.
    private func finish(_ status: RPCStatus, isPeerDone: Bool = false) {
        guard !isOver else { return }
        isOver = true
        if isPeerDone { stream?.abandon() } else { stream?.reset(.cancel) }
        if status.code != .ok { return call.end(.failure(status)) }
        let isUnary = if case .unary = call.sink { true } else { false }
        if isUnary, reply == nil {
            return call.end(.failure(RPCStatus(.internalError, "no response message")))
        }
        call.end(
            .success(
                RPCReply(
                    message: reply ?? [],
                    metadata: metadata ?? [:],
                    trailers: status.metadata
                )
            )
        )
    }

    /// The call has its outcome, from here or from elsewhere.
    func callEnded() {
        guard !isOver else { return }
        isOver = true
        stream?.reset(.cancel)
    }

    func write(_ message: [UInt8]) {
        guard !isOver, let stream else { return }
        do {
            try MessageFrame.write(message, to: stream)
        } catch {
            finish(RPCStatus(.resourceExhausted, "the connection's outbound queue is full"))
        }
    }

    func halfClose(_ status: RPCStatus) {
        guard !isOver, let stream else { return }
        // A client has no status to send; one that is not OK can only break the call off.
        if status.code == .ok { stream.end() } else { finish(status) }
    }

    func overflow(_ status: RPCStatus) { finish(status) }

    func taken(_ messageBytes: Int) {
        if let stream { flow.taken(messageBytes, on: stream) }
    }
}

/// A client's stream as other threads see it.
struct ClientStreamTarget: WriterTarget {
    let batcher: LoopBatcher
    let call: NIOLoopBound<ClientStream>

    func write(_ message: [UInt8]) {
        batcher.enqueue { [call] in call.value.write(message) }
    }

    func finish(_ status: RPCStatus, _ metadata: RPCMetadata) {
        batcher.enqueue { [call] in call.value.halfClose(status) }
    }

    func overflow(_ status: RPCStatus) {
        batcher.enqueue { [call] in call.value.overflow(status) }
    }

    func taken(_ messageBytes: Int) {
        batcher.submit { [call] in call.value.taken(messageBytes) }
    }
}
