import HTTP2Transport
import NIOCore
import Synchronization

/// The answer of a call with one response.
public struct RPCReply: Sendable {
    /// The response's bytes.
    public let message: [UInt8]
    /// What the server sent before it.
    public let metadata: RPCMetadata
    /// What the server sent after it.
    public let trailers: RPCMetadata
}

/// Breaks a call off.
public struct RPCCancel: Sendable {
    let call: ClientCall

    /// Ends the call with CANCELLED, if it goes on still, and tells the server.
    public func cancel() { call.cancel() }
}

/// One call of a client, from its making to its outcome; it may pass through several connections.
///
/// Invariant: its sink hears of exactly one outcome.
final class ClientCall: Sendable, PoolCall {
    /// Where the outcome goes.
    enum Sink: Sendable {
        case unary(@Sendable (Result<RPCReply, RPCStatus>) -> Void)
        case stream(RPCInbox, WriterCore)
    }

    private enum Phase {
        case queued
        case attached(LoopBatcher, NIOLoopBound<ClientStream>)
        case over
    }

    private struct State {
        var phase = Phase.queued
        var attempts = 0
    }

    let path: String
    /// The single request; nil for a method with many.
    let message: [UInt8]?
    let metadata: RPCMetadata
    let deadline: NIODeadline?
    let sink: Sink
    private let state = Mutex(State())

    init(
        path: String,
        message: [UInt8]?,
        metadata: RPCMetadata,
        deadline: NIODeadline?,
        sink: Sink
    ) {
        self.path = path
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.sink = sink
    }

    var isOver: Bool {
        state.withLock { state in
            if case .over = state.phase { return true }
            return false
        }
    }

    /// A connection takes the call; false if it is over already.
    func attach(_ batcher: LoopBatcher, _ stream: NIOLoopBound<ClientStream>) -> Bool {
        state.withLock { state in
            guard case .queued = state.phase else { return false }
            state.phase = .attached(batcher, stream)
            state.attempts += 1
            return true
        }
    }

    /// The connection gives the call back, certainly unprocessed; false: it must fail instead.
    func detach(attemptsMax: Int) -> Bool {
        state.withLock { state in
            guard case .attached = state.phase, state.attempts < attemptsMax else { return false }
            state.phase = .queued
            return true
        }
    }

    func cancel() { end(.failure(RPCStatus(.cancelled, "cancelled by the caller"))) }

    /// The deadline passed while the call waited for a connection.
    func expire() { end(.failure(RPCStatus(.deadlineExceeded, "no connection in time"))) }

    func fail(_ status: RPCStatus) { end(.failure(status)) }

    /// The outcome, whoever brings it; the first one counts.
    func end(_ result: Result<RPCReply, RPCStatus>) {
        let before = state.withLock { state in
            defer { state.phase = .over }
            return state.phase
        }
        if case .over = before { return }
        if case .attached(let batcher, let stream) = before {
            batcher.submit { stream.value.callEnded() }
        }
        switch sink {
        case .unary(let onReply):
            onReply(result)
        case .stream(let inbox, let writer):
            switch result {
            case .success:
                inbox.finish(.end)
                writer.close(RPCStatus(.cancelled, "the call is over"))
            case .failure(let status):
                inbox.finish(.failed(status))
                writer.close(status)
            }
        }
    }
}
