import HTTP2Transport
import NIOCore

/// One call on the server's side of a connection. Confined to the connection's loop.
final class ServerStream: HTTP2StreamDelegate {
    private enum Phase {
        case waitingForHead
        /// Of a method with one request: its message is coming.
        case receiving(RPCRouter.Route, RPCContext)
        /// The handler has the call.
        case running(RPCContext)
        case over
    }

    private let server: ServerConnection
    private var phase = Phase.waitingForHead
    private var deframer: MessageDeframer
    private var request: [UInt8]?
    private var inbox: RPCInbox?
    private var flow = InboundFlow()
    private var writer: WriterCore?
    private var hasHead = false
    /// While the observer has not heard of the call's end.
    private var observed: (path: String, began: NIODeadline)?

    init(server: ServerConnection) {
        self.server = server
        deframer = MessageDeframer(messageBytesMax: server.limits.messageBytesMax)
    }

    /// Tells the observer once how the call ended.
    private func observeEnd(_ code: RPCStatusCode) {
        guard let (path, began) = observed, let observer = server.observer else { return }
        observed = nil
        let time = NIODeadline.now() - began
        observer.callEnded(path, code, nanoseconds: UInt64(max(0, time.nanoseconds)))
    }

    // MARK: - From the wire

    func received(_ headers: HTTP2Headers, on stream: HTTP2Stream) {
        guard case .waitingForHead = phase else { return }  // Trailers of a request say nothing.
        switch RequestHead.parse(headers, now: server.eventLoop.now) {
        case .refused(let head, let trailers):
            phase = .over
            stream.respond(head, trailers, endStream: true)
            stream.workFinished()
        case .accepted(let head):
            accept(head, stream)
        }
    }

    private func accept(_ head: RequestHead, _ stream: HTTP2Stream) {
        guard let route = server.router.route(head.path) else {
            return refuse(RPCStatus(.unimplemented, "no method \(head.path)"), stream)
        }
        if let observer = server.observer {
            observed = (head.path, .now())
            observer.callBegan(head.path)
        }
        let context = RPCContext(
            path: head.path,
            metadata: head.metadata,
            peer: server.peer,
            deadline: head.deadline,
            eventLoop: server.eventLoop
        )
        switch route {
        case .unary, .serverStream:
            phase = .receiving(route, context)
            let latest = server.eventLoop.now + server.limits.requestTime
            stream.setDeadline(min(head.deadline ?? latest, latest))
        case .stream(let handler):
            stream.setDeadline(head.deadline)
            let inbox = RPCInbox()
            self.inbox = inbox
            let target = makeTarget(stream)
            inbox.attach { target.taken($0) }
            let writer = startWriter(target)
            phase = .running(context)
            handler(
                StreamCall(
                    context: context,
                    messages: RPCMessages(inbox: inbox, owner: nil),
                    writer: writer
                )
            )
        }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream) {
        var completed: [[UInt8]] = []
        do {
            try deframer.append(bytes) { completed.append($0) }
        } catch {
            return end(error, stream)
        }
        switch phase {
        case .receiving:
            guard completed.count + (request == nil ? 0 : 1) <= 1 else {
                return end(RPCStatus(.internalError, "more than one request message"), stream)
            }
            request = completed.first ?? request
            if request == nil {
                stream.grantCredit(bytes.count)
            } else {
                stream.messageCompleted()
            }
        case .running where inbox != nil:
            flow.received(bytes.count, completed: completed.count, on: stream)
            for message in completed { inbox?.push(message) }
        case .waitingForHead, .running, .over:
            stream.grantCredit(bytes.count)
            stream.releaseHeld(bytes.count)
        }
    }

    func receivedEnd(on stream: HTTP2Stream) {
        switch phase {
        case .receiving(let route, let context):
            guard deframer.isAtBoundary, let request else {
                return end(RPCStatus(.internalError, "the request ended inside a message"), stream)
            }
            self.request = nil
            stream.releaseHeld(stream.heldBytes)
            // Nobody waits for it any more: its work is not begun.
            if let deadline = context.deadline, deadline <= server.eventLoop.now {
                return deadlineReached(on: stream)
            }
            stream.setDeadline(context.deadline)
            phase = .running(context)
            start(route, context, request, stream)
        case .running:
            guard deframer.isAtBoundary else {
                return end(RPCStatus(.internalError, "the request ended inside a message"), stream)
            }
            inbox?.finish(.end)
        case .waitingForHead, .over:
            break
        }
    }

    private func start(
        _ route: RPCRouter.Route,
        _ context: RPCContext,
        _ request: [UInt8],
        _ stream: HTTP2Stream
    ) {
        let target = makeTarget(stream)
        switch route {
        case .unary(let handler):
            handler(UnaryCall(context: context, message: request, target: target))
        case .serverStream(let handler):
            let writer = startWriter(target)
            handler(ServerStreamCall(context: context, message: request, writer: writer))
        case .stream:
            preconditionFailure("a streaming method has no single request")
        }
    }

    func sent(_ bytes: Int, on stream: HTTP2Stream) { writer?.sent(bytes) }

    func deadlineReached(on stream: HTTP2Stream) {
        switch phase {
        case .receiving(_, let context)
        where context.deadline.map({ $0 > server.eventLoop.now }) ?? true:
            end(RPCStatus(.deadlineExceeded, "the request took too long to arrive"), stream)
        default:
            end(RPCStatus(.deadlineExceeded, "the deadline has passed"), stream)
        }
    }

    func closed(_ end: HTTP2StreamEnd, on stream: HTTP2Stream) {
        switch phase {
        case .waitingForHead, .receiving:
            stream.workFinished()  // No handler has started.
        case .running(let context):
            let status = RPCStatus(.cancelled, "the caller is gone")
            abandon(context, status)
        case .over:
            break
        }
        observeEnd(.cancelled)
        phase = .over
        writer = nil
        inbox = nil
    }

    // MARK: - To the wire

    private func makeTarget(_ stream: HTTP2Stream) -> ServerStreamTarget {
        ServerStreamTarget(
            batcher: server.batcher,
            call: NIOLoopBound(self, eventLoop: server.eventLoop),
            wire: NIOLoopBound(stream, eventLoop: server.eventLoop)
        )
    }

    private func startWriter(_ target: ServerStreamTarget) -> RPCWriter {
        let core = WriterCore(limits: server.limits)
        core.attach(target)
        writer = core
        return RPCWriter(core: core)
    }

    private func sendHead(_ stream: HTTP2Stream) {
        guard !hasHead else { return }
        hasHead = true
        stream.respond(WireHeaders.responseHead, HTTP2Headers(), endStream: false)
    }

    /// The outcome of a unary call.
    func complete(
        _ result: Result<[UInt8], RPCStatus>,
        _ metadata: RPCMetadata,
        _ stream: HTTP2Stream
    ) {
        defer { stream.workFinished() }
        guard case .running(let context) = phase else { return }
        context.end()
        phase = .over
        switch result {
        case .failure(let status):
            refuse(status, stream)
        case .success(let message):
            observeEnd(.ok)
            sendHead(stream)
            do {
                try MessageFrame.write(message, to: stream)
            } catch {
                let status = RPCStatus(.resourceExhausted, "the response does not fit the queue")
                return stream.cutShort(
                    .none,
                    trailers: WireHeaders.trailers(status, metadata),
                    orReset: .enhanceYourCalm
                )
            }
            if metadata.isEmpty {
                stream.end(WireHeaders.okTrailers, trailers: HTTP2Headers())
            } else {
                stream.end(trailers: WireHeaders.trailers(.ok, metadata))
            }
        }
    }

    /// One message of a writer.
    func write(_ message: [UInt8], _ stream: HTTP2Stream) {
        guard case .running = phase else { return }
        sendHead(stream)
        do {
            try MessageFrame.write(message, to: stream)
        } catch {
            overflow(
                RPCStatus(.resourceExhausted, "the connection's outbound queue is full"),
                stream
            )
        }
    }

    /// The end of a writer's call.
    func finish(_ status: RPCStatus, _ metadata: RPCMetadata, _ stream: HTTP2Stream) {
        defer { stream.workFinished() }
        guard case .running(let context) = phase else { return }
        context.end()
        inbox?.finish(.end)
        phase = .over
        observeEnd(status.code)
        let trailers = WireHeaders.trailers(status, metadata)
        if hasHead {
            stream.end(trailers: trailers)
        } else {
            stream.respond(WireHeaders.responseHead, trailers, endStream: true)
        }
    }

    /// The consumer is too slow.
    func overflow(_ status: RPCStatus, _ stream: HTTP2Stream) {
        guard case .running = phase else { return }
        end(status, stream)
    }

    /// A reader took a message.
    func taken(_ messageBytes: Int, _ stream: HTTP2Stream) {
        flow.taken(messageBytes, on: stream)
    }

    /// Ends the call from this side although its handler may still run.
    private func end(_ status: RPCStatus, _ stream: HTTP2Stream) {
        switch phase {
        case .over: return
        case .waitingForHead, .receiving: stream.workFinished()
        case .running(let context): abandon(context, status)
        }
        phase = .over
        refuse(status, stream)
    }

    /// Tells a handler that still runs; it stays counted until it says that it has ended.
    private func abandon(_ context: RPCContext, _ status: RPCStatus) {
        context.cancel()
        inbox?.finish(.failed(status))
        writer?.close(status)
    }

    private func refuse(_ status: RPCStatus, _ stream: HTTP2Stream) {
        observeEnd(status.code)
        if case .waitingForHead = phase {
            stream.workFinished()
            phase = .over
        }
        let trailers = WireHeaders.trailers(status)
        if hasHead {
            // The two resets that a client reads as a gRPC status of its own.
            let code: HTTP2ErrorCode =
                status.code == .resourceExhausted ? .enhanceYourCalm : .cancel
            stream.cutShort(.none, trailers: trailers, orReset: code)
        } else {
            hasHead = true
            stream.respond(WireHeaders.responseHead, trailers, endStream: true)
        }
    }
}

/// A server's stream as other threads see it.
struct ServerStreamTarget: WriterTarget {
    let batcher: LoopBatcher
    let call: NIOLoopBound<ServerStream>
    let wire: NIOLoopBound<HTTP2Stream>

    func complete(_ result: Result<[UInt8], RPCStatus>, _ metadata: RPCMetadata) {
        batcher.submit { [call, wire] in call.value.complete(result, metadata, wire.value) }
    }

    func write(_ message: [UInt8]) {
        batcher.enqueue { [call, wire] in call.value.write(message, wire.value) }
    }

    func finish(_ status: RPCStatus, _ metadata: RPCMetadata) {
        batcher.enqueue { [call, wire] in call.value.finish(status, metadata, wire.value) }
    }

    func overflow(_ status: RPCStatus) {
        batcher.enqueue { [call, wire] in call.value.overflow(status, wire.value) }
    }

    func taken(_ messageBytes: Int) {
        batcher.submit { [call, wire] in call.value.taken(messageBytes, wire.value) }
    }
}
