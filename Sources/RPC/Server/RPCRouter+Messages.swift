import NIOCore
import SwiftProtobuf

/// Answers a unary call with a protobuf message. Use it once, from any thread.
public struct MessageReply<Response: Message>: Sendable {
    /// The call: metadata, peer, deadline, cancellation.
    public let call: UnaryCall

    /// What the call is about besides its message.
    public var context: RPCContext { call.context }

    /// Answers.
    public func complete(_ response: Response, metadata: RPCMetadata = [:]) {
        do {
            call.complete(try response.serializedBytes(), metadata: metadata)
        } catch {
            call.fail(RPCStatus(.internalError, "the response can't be encoded: \(error)"))
        }
    }

    /// Answers with an error.
    public func fail(_ status: RPCStatus) { call.fail(status) }
}

/// Sends protobuf messages on a streaming call.
public struct MessageWriter<Response: Message>: Sendable {
    /// The bytes' writer.
    public let writer: RPCWriter

    /// Waits until there is room, then queues a message.
    public func send(_ message: Response) async throws(RPCStatus) {
        try await writer.send(try MessageCoding.encode(message))
    }

    /// Queues a message without waiting; see `RPCWriter.write`.
    @discardableResult
    public func write(_ message: Response) throws(RPCStatus) -> RPCWriteResult {
        writer.write(try MessageCoding.encode(message))
    }
}

/// The incoming protobuf messages of a streaming call.
public struct MessageSequence<Request: Message>: AsyncSequence, Sendable {
    /// One message.
    public typealias Element = Request
    /// A call's error, or INVALID_ARGUMENT for bytes that are no such message.
    public typealias Failure = RPCStatus

    /// The bytes.
    public let messages: RPCMessages

    /// Reads and decodes.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: RPCMessages.AsyncIterator

        /// The next message, or nil after the last.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(RPCStatus) -> Request? {
            guard let bytes = try await base.inbox.next() else { return nil }
            return try MessageCoding.decode(Request.self, bytes)
        }

        /// The next message, or nil after the last.
        public mutating func next() async throws(RPCStatus) -> Request? {
            guard let bytes = try await base.inbox.next() else { return nil }
            return try MessageCoding.decode(Request.self, bytes)
        }
    }

    /// The reader; a second one fails.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: messages.makeAsyncIterator())
    }
}

/// Protobuf to bytes and back, with this module's error.
public enum MessageCoding {
    /// - Throws: INTERNAL: this program made a message that can't be encoded.
    public static func encode(_ message: some Message) throws(RPCStatus) -> [UInt8] {
        do {
            return try message.serializedBytes()
        } catch {
            throw RPCStatus(.internalError, "a message can't be encoded: \(error)")
        }
    }

    /// - Throws: INVALID_ARGUMENT: the bytes are no such message.
    public static func decode<Decoded: Message>(
        _ type: Decoded.Type,
        _ bytes: [UInt8]
    ) throws(RPCStatus) -> Decoded {
        do {
            return try Decoded(serializedBytes: bytes)
        } catch {
            throw RPCStatus(.invalidArgument, "not a \(Decoded.protoMessageName)")
        }
    }
}

extension RPCRouter {
    /// A unary method of protobuf messages without a Task; `handler` runs on the event loop.
    public mutating func unary<Request: Message, Response: Message>(
        _ path: String,
        _ request: Request.Type,
        _ response: Response.Type,
        calling handler: @escaping @Sendable (Request, MessageReply<Response>) -> Void
    ) {
        unary(path) { call in
            do throws(RPCStatus) {
                let request = try MessageCoding.decode(Request.self, call.message)
                handler(request, MessageReply(call: call))
            } catch {
                call.fail(error)
            }
        }
    }

    /// A unary method of protobuf messages, with one Task a call; it is cancelled with the call.
    public mutating func unary<Request: Message, Response: Message>(
        _ path: String,
        _ request: Request.Type,
        _ response: Response.Type,
        _ handler: @escaping @Sendable (Request, RPCContext) async throws -> Response
    ) {
        unary(path, request, response) { (request: Request, reply: MessageReply<Response>) in
            let task = Task {
                do {
                    reply.complete(try await handler(request, reply.context))
                } catch {
                    reply.fail(RPCStatus(outcomeOf: error))
                }
            }
            reply.context.onCancel { task.cancel() }
        }
    }

    /// A server streaming method of protobuf messages, with one Task a call.
    public mutating func serverStream<Request: Message, Response: Message>(
        _ path: String,
        _ request: Request.Type,
        _ response: Response.Type,
        _ handler:
            @escaping @Sendable (Request, MessageWriter<Response>, RPCContext) async throws -> Void
    ) {
        serverStream(path) { call in
            let task = Task {
                do {
                    let request = try MessageCoding.decode(Request.self, call.message)
                    try await handler(request, MessageWriter(writer: call.writer), call.context)
                    call.writer.finish()
                } catch {
                    call.writer.finish(RPCStatus(outcomeOf: error))
                }
            }
            call.context.onCancel { task.cancel() }
        }
    }

    /// A method with many requests, of protobuf messages, with one Task a call. For client
    /// streaming the handler sends one message.
    public mutating func stream<Request: Message, Response: Message>(
        _ path: String,
        _ request: Request.Type,
        _ response: Response.Type,
        _ handler:
            @escaping @Sendable (
                MessageSequence<Request>, MessageWriter<Response>, RPCContext
            ) async throws -> Void
    ) {
        stream(path) { call in
            let task = Task {
                do {
                    try await handler(
                        MessageSequence(messages: call.messages),
                        MessageWriter(writer: call.writer),
                        call.context
                    )
                    call.writer.finish()
                } catch {
                    call.writer.finish(RPCStatus(outcomeOf: error))
                }
            }
            call.context.onCancel { task.cancel() }
        }
    }
}

extension RPCStatus {
    /// What a handler's error tells the caller: its status, or INTERNAL without detail, for other
    /// errors may hold what is not the caller's to see.
    init(outcomeOf error: any Error) {
        if let status = error as? RPCStatus {
            self = status
        } else if error is CancellationError {
            self.init(.cancelled, "cancelled")
        } else {
            self.init(.internalError, "the handler failed")
        }
    }
}

extension RPCClient {
    /// Calls a unary method of protobuf messages. Cancelling the Task cancels the call.
    public func unary<Request: Message, Response: Message>(
        _ path: String,
        _ request: Request,
        _ response: Response.Type,
        metadata: RPCMetadata = [:],
        deadline: NIODeadline? = nil
    ) async throws(RPCStatus) -> Response {
        let reply = try await unary(
            path,
            try MessageCoding.encode(request),
            metadata: metadata,
            deadline: deadline
        )
        do {
            return try Response(serializedBytes: reply.message)
        } catch {
            throw RPCStatus(.internalError, "the response is not a \(Response.protoMessageName)")
        }
    }
}
