import HTTP2Transport
import NIOCore

/// Calls servers: connects when there is something to call, spreads calls over its targets in turn.
///
/// A call is sent again by itself only if it was certainly not processed: the server refused its
/// stream, went away before taking it (GOAWAY), or it was never sent. Everything else is for the
/// caller to decide, who knows whether the call may be repeated.
public final class RPCClient: Sendable {
    /// What a client needs to know.
    public struct Configuration: Sendable {
        /// Where to; at least one.
        public var targets: [RPCTarget]
        /// Nil for plain text.
        public var tls: TLSContext?
        /// Bounds of connections.
        public var http2 = HTTP2Limits()
        /// Bounds of calls.
        public var rpc = RPCLimits()
        /// Connections to each target.
        public var connectionsPerTarget = 1
        /// Time for TCP to connect.
        public var connectTime: TimeAmount = .seconds(5)
        /// The first pause after a failed attempt; it doubles.
        public var backoffMin: TimeAmount = .milliseconds(50)
        /// The longest pause between attempts.
        public var backoffMax: TimeAmount = .seconds(2)

        /// A client with default bounds.
        public init(targets: [RPCTarget], tls: TLSContext? = nil) {
            self.targets = targets
            self.tls = tls
        }
    }

    private let pool: ClientPool
    private let limits: RPCLimits

    /// Connects to nothing yet.
    public init(_ configuration: Configuration, group: any EventLoopGroup) {
        pool = ClientPool(configuration: configuration, group: group)
        limits = configuration.rpc
    }

    /// Calls a method with one request and one response; `onReply` runs once, on an event loop that
    /// it must not block, or on the caller's thread when the call can't even begin.
    @discardableResult
    public func unary(
        _ path: String,
        _ message: [UInt8],
        metadata: RPCMetadata = [:],
        deadline: NIODeadline? = nil,
        onReply: @escaping @Sendable (Result<RPCReply, RPCStatus>) -> Void
    ) -> RPCCancel {
        let call = ClientCall(
            path: path,
            message: message,
            metadata: metadata,
            deadline: deadline,
            sink: .unary(onReply)
        )
        pool.submit(call)
        return RPCCancel(call: call)
    }

    /// Calls a method with one request and one response. Cancelling the Task cancels the call.
    public func unary(
        _ path: String,
        _ message: [UInt8],
        metadata: RPCMetadata = [:],
        deadline: NIODeadline? = nil
    ) async throws(RPCStatus) -> RPCReply {
        let slot = CancelSlot()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                slot.set(
                    unary(path, message, metadata: metadata, deadline: deadline) { result in
                        continuation.resume(returning: result)
                    }
                )
            }
        } onCancel: {
            slot.cancel()
        }
        return try result.get()
    }

    /// Calls a method with one request and many responses.
    public func serverStream(
        _ path: String,
        _ message: [UInt8],
        metadata: RPCMetadata = [:],
        deadline: NIODeadline? = nil
    ) -> RPCClientStream {
        open(path, message, metadata, deadline)
    }

    /// Calls a method with many requests: client streaming, or both ways.
    public func stream(
        _ path: String,
        metadata: RPCMetadata = [:],
        deadline: NIODeadline? = nil
    ) -> RPCClientStream {
        open(path, nil, metadata, deadline)
    }

    private func open(
        _ path: String,
        _ message: [UInt8]?,
        _ metadata: RPCMetadata,
        _ deadline: NIODeadline?
    ) -> RPCClientStream {
        let inbox = RPCInbox()
        let core = WriterCore(limits: limits)
        let call = ClientCall(
            path: path,
            message: message,
            metadata: metadata,
            deadline: deadline,
            sink: .stream(inbox, core)
        )
        pool.submit(call)
        if message != nil { core.finish(.ok, [:]) }
        return RPCClientStream(call: call, inbox: inbox, writer: RPCWriter(core: core))
    }

    /// Takes no more calls, lets the open ones end, and cuts what is left after `time`.
    public func shutdown(within time: TimeAmount = .seconds(5)) async {
        await pool.shutDown(within: time)
    }
}

/// A streaming call of a client. Dropping it, and what reads its messages, cancels the call.
public final class RPCClientStream: Sendable {
    /// The responses as they come; the server's error is thrown after the last.
    public let messages: RPCMessages
    /// Where the requests go; closed from the start for a method with one request.
    public let writer: RPCWriter
    private let owner: CallOwner

    init(call: ClientCall, inbox: RPCInbox, writer: RPCWriter) {
        owner = CallOwner(call: call)
        self.writer = writer
        messages = RPCMessages(inbox: inbox, owner: owner)
    }

    /// Ends the call with CANCELLED, if it goes on still, and tells the server.
    public func cancel() { owner.call.cancel() }
}

/// Cancels its call when nobody can hear of it any more.
private final class CallOwner: Sendable {
    let call: ClientCall

    init(call: ClientCall) { self.call = call }

    deinit { call.cancel() }
}
