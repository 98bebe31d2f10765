import Synchronization

/// One call of a method with one request and one response. Complete it once, from any thread.
///
/// A call that is dropped without an outcome ends with INTERNAL.
public final class UnaryCall: Sendable {
    /// Metadata, peer, deadline, cancellation.
    public let context: RPCContext
    /// The request's bytes.
    public let message: [UInt8]

    private let target: ServerStreamTarget
    private let isCompleted = Atomic(false)

    init(context: RPCContext, message: [UInt8], target: ServerStreamTarget) {
        self.context = context
        self.message = message
        self.target = target
    }

    deinit {
        if !isCompleted.load(ordering: .relaxed) {
            target.complete(
                .failure(RPCStatus(.internalError, "the handler dropped its call")),
                [:]
            )
        }
    }

    /// Answers. `metadata` travels in the trailers. Only the first outcome counts.
    public func complete(_ message: [UInt8], metadata: RPCMetadata = [:]) {
        guard !isCompleted.exchange(true, ordering: .relaxed) else { return }
        target.complete(.success(message), metadata)
    }

    /// Answers with an error. Only the first outcome counts.
    public func fail(_ status: RPCStatus) {
        guard !isCompleted.exchange(true, ordering: .relaxed) else { return }
        assert(status.code != .ok, "a unary call that works has a message")
        target.complete(.failure(status), [:])
    }
}

/// One call of a method with one request and many responses.
public final class ServerStreamCall: Sendable {
    /// Metadata, peer, deadline, cancellation.
    public let context: RPCContext
    /// The request's bytes.
    public let message: [UInt8]
    /// Where the responses go; `finish` ends the call.
    public let writer: RPCWriter

    init(context: RPCContext, message: [UInt8], writer: RPCWriter) {
        self.context = context
        self.message = message
        self.writer = writer
    }
}

/// One call of a method with many requests, and one response or many.
public final class StreamCall: Sendable {
    /// Metadata, peer, deadline, cancellation.
    public let context: RPCContext
    /// The requests as they come.
    public let messages: RPCMessages
    /// Where the responses go; `finish` ends the call.
    public let writer: RPCWriter

    init(context: RPCContext, messages: RPCMessages, writer: RPCWriter) {
        self.context = context
        self.messages = messages
        self.writer = writer
    }
}
