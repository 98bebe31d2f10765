import NIOCore
import Synchronization

/// The queue between a stream and its reader.
///
/// Invariant: at most one of "messages wait" and "a reader waits" holds.
final class RPCInbox: Sendable {
    private typealias Outcome = Result<[UInt8]?, RPCStatus>
    private typealias Reader = CheckedContinuation<Outcome, Never>
    private typealias Receiver = @Sendable (RPCInbound) -> Void
    typealias OnTaken = @Sendable (_ messageBytes: Int) -> Void

    private struct State {
        var messages = CircularBuffer<[UInt8]>(initialCapacity: 2)
        var end: RPCInbound?
        var reader: Reader?
        var receiver: Receiver?
        var onTaken: OnTaken?
    }

    /// Whom to wake, found under the lock and called outside of it.
    private struct Wake {
        var reader: Reader?
        var receiver: Receiver?
        var onTaken: OnTaken?
    }

    private let state = Mutex(State())

    /// `onTaken` hears the length of each message that a reader takes, on any thread.
    func attach(onTaken: @escaping OnTaken) {
        state.withLock { $0.onTaken = onTaken }
    }

    /// From the connection's loop.
    func push(_ message: [UInt8]) {
        let wake = state.withLock { state -> Wake in
            if let receiver = state.receiver {
                return Wake(receiver: receiver, onTaken: state.onTaken)
            }
            if let reader = state.reader {
                state.reader = nil
                return Wake(reader: reader, onTaken: state.onTaken)
            }
            state.messages.append(message)
            return Wake()
        }
        wake.receiver?(.message(message))
        wake.reader?.resume(returning: .success(message))
        wake.onTaken?(message.count)
    }

    /// No more messages, for the first reason that is given.
    func finish(_ end: RPCInbound) {
        let wake = state.withLock { state -> Wake in
            guard state.end == nil else { return Wake() }
            state.end = end
            let wake = Wake(reader: state.reader, receiver: state.receiver)
            state.reader = nil
            state.receiver = nil
            if state.messages.isEmpty { state.onTaken = nil }
            return wake
        }
        wake.receiver?(end)
        wake.reader?.resume(returning: Self.outcome(end))
    }

    private static func outcome(_ end: RPCInbound) -> Outcome {
        if case .failed(let status) = end { return .failure(status) }
        return .success(nil)
    }

    func next() async throws(RPCStatus) -> [UInt8]? {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { take($0) }
        } onCancel: {
            wakeReader()
        }
        return try outcome.get()
    }

    private static let taskCancelled = RPCStatus(.cancelled, "the reading task was cancelled")

    private func take(_ reader: Reader) {
        let isTaskCancelled = Task.isCancelled
        let (outcome, onTaken) = state.withLock { state -> (Outcome?, OnTaken?) in
            if let message = state.messages.popFirst() {
                return (.success(message), state.onTaken)
            }
            if let end = state.end { return (Self.outcome(end), nil) }
            if state.reader != nil || state.receiver != nil {
                return (.failure(RPCStatus(.internalError, "a stream has one reader")), nil)
            }
            if isTaskCancelled { return (.failure(Self.taskCancelled), nil) }
            state.reader = reader
            return (nil, nil)
        }
        guard let outcome else { return }
        if case .success(.some(let message)) = outcome { onTaken?(message.count) }
        reader.resume(returning: outcome)
    }

    private func wakeReader() {
        let reader = state.withLock { state in
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: .failure(Self.taskCancelled))
    }

    func receive(_ action: @escaping @Sendable (RPCInbound) -> Void) {
        // What came before goes first. The loop may push meanwhile, so the receiver is set only
        // when the queue is seen empty under the lock.
        while true {
            let (message, end, onTaken) = state.withLock {
                state -> ([UInt8]?, RPCInbound?, OnTaken?) in
                precondition(
                    state.reader == nil && state.receiver == nil,
                    "a stream has one reader"
                )
                if let message = state.messages.popFirst() {
                    return (message, nil, state.onTaken)
                }
                if let end = state.end { return (nil, end, nil) }
                state.receiver = action
                return (nil, nil, nil)
            }
            guard let message else {
                if let end { action(end) }
                return
            }
            action(.message(message))
            onTaken?(message.count)
        }
    }
}
