import NIOCore
import Synchronization

/// What became of a message given to a writer.
public enum RPCWriteResult: Sendable {
    /// Queued; there is room for more.
    case queued
    /// Queued, but the consumer is behind: wait for `onDrained`.
    case queuedPastHighWater
    /// Not queued: the call is over, for this reason.
    case closed(RPCStatus)
}

/// Sends the messages of a streaming call, from any thread, in the order of the calls.
///
/// A writer that is dropped without `finish` ends its call with INTERNAL.
public final class RPCWriter: Sendable {
    let core: WriterCore

    init(core: WriterCore) { self.core = core }

    deinit {
        core.finish(RPCStatus(.internalError, "the handler dropped its call"), [:])
    }

    /// Whether the queue is below its high-water mark and the call goes on.
    public var isWritable: Bool { core.isWritable }

    /// Queues a message, without waiting. Whoever goes on past `RPCLimits.writerQueueBytesMax` has
    /// a consumer too slow to be served: the call ends with RESOURCE_EXHAUSTED.
    @discardableResult
    public func write(_ message: [UInt8]) -> RPCWriteResult { core.write(message) }

    /// Waits until the queue is below its high-water mark, then queues a message.
    public func send(_ message: [UInt8]) async throws(RPCStatus) {
        await core.drained()
        if Task.isCancelled { throw RPCStatus(.cancelled, "the sending task was cancelled") }
        if case .closed(let status) = core.write(message) { throw status }
    }

    /// Runs `action` once: when the queue is below its low-water mark, or the call is over.
    public func onDrained(_ action: @escaping @Sendable () -> Void) { core.onDrained(action) }

    /// Server: ends the call with a status. Client: says that no more messages come; `status` must
    /// be `.ok` then (to break off, cancel the call). Further calls do nothing.
    public func finish(_ status: RPCStatus = .ok, metadata: RPCMetadata = [:]) {
        core.finish(status, metadata)
    }
}

/// Where a writer's messages go; a stream's side of it, callable from any thread.
protocol WriterTarget: Sendable {
    func write(_ message: [UInt8])
    func finish(_ status: RPCStatus, _ metadata: RPCMetadata)
    /// Drops what is queued.
    func overflow(_ status: RPCStatus)
}

/// A writer's bookkeeping, shared by the handle and the stream.
///
/// Invariant: `queuedBytes` is what was written and has not left the stream's queue.
final class WriterCore: Sendable {
    private struct State {
        var queuedBytes = 0
        var closed: RPCStatus?
        var isFinished = false
        var isBehind = false
        var target: (any WriterTarget)?
        /// Written before the stream exists.
        var early: [[UInt8]] = []
        var earlyFinish: (RPCStatus, RPCMetadata)?
        var actions: [@Sendable () -> Void] = []
    }

    private let limits: RPCLimits
    private let state: Mutex<State>

    init(limits: RPCLimits) {
        self.limits = limits
        state = Mutex(State())
    }

    var isWritable: Bool {
        state.withLock { $0.closed == nil && !$0.isFinished && !$0.isBehind }
    }

    /// The stream exists: what was written goes to it first.
    func attach(_ target: any WriterTarget) {
        state.withLock { state in
            for message in state.early { target.write(message) }
            state.early = []
            if let (status, metadata) = state.earlyFinish { target.finish(status, metadata) }
            state.earlyFinish = nil
            state.target = target
        }
    }

    func write(_ message: [UInt8]) -> RPCWriteResult {
        // The target is called under the lock, so that two threads' messages keep their order; it
        // only queues a job.
        state.withLock { state in
            if let closed = state.closed { return .closed(closed) }
            if state.isFinished {
                return .closed(RPCStatus(.failedPrecondition, "written after finish"))
            }
            let bytes = message.count + MessageFrame.prefixBytes
            guard state.queuedBytes + bytes <= limits.writerQueueBytesMax else {
                let status = RPCStatus(
                    .resourceExhausted,
                    "the consumer is too slow: \(state.queuedBytes) bytes wait"
                )
                state.closed = status
                state.target?.overflow(status)
                return .closed(status)
            }
            state.queuedBytes += bytes
            if let target = state.target {
                target.write(message)
            } else {
                state.early.append(message)
            }
            if state.queuedBytes > limits.writerHighWaterBytes { state.isBehind = true }
            return state.isBehind ? .queuedPastHighWater : .queued
        }
    }

    func finish(_ status: RPCStatus, _ metadata: RPCMetadata) {
        state.withLock { state in
            guard !state.isFinished else { return }
            state.isFinished = true
            if let target = state.target {
                target.finish(status, metadata)
            } else if state.closed == nil {
                state.earlyFinish = (status, metadata)
            }
        }
    }

    /// Bytes have left the stream's queue.
    func sent(_ bytes: Int) {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            state.queuedBytes -= bytes
            assert(state.queuedBytes >= 0)
            guard state.isBehind, state.queuedBytes <= limits.writerLowWaterBytes else { return [] }
            state.isBehind = false
            defer { state.actions = [] }
            return state.actions
        }
        for action in actions { action() }
    }

    /// The stream is gone.
    func close(_ status: RPCStatus) {
        let actions = state.withLock { state in
            state.closed = state.closed ?? status
            state.early = []
            defer { state.actions = [] }
            return state.actions
        }
        for action in actions { action() }
    }

    func onDrained(_ action: @escaping @Sendable () -> Void) {
        let runsNow = state.withLock { state in
            guard state.isBehind, state.closed == nil else { return true }
            state.actions.append(action)
            return false
        }
        if runsNow { action() }
    }

    /// Returns when the queue is short, the call is over, or the Task is cancelled.
    func drained() async {
        let gate = OneShot()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                gate.arm(continuation)
                onDrained { gate.fire() }
            }
        } onCancel: {
            gate.fire()
        }
    }
}

/// A continuation that several may resume: the first wins, also before it is armed.
final class OneShot: Sendable {
    private struct State {
        var isFired = false
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func arm(_ continuation: CheckedContinuation<Void, Never>) {
        let runsNow = state.withLock { state in
            if state.isFired { return true }
            state.continuation = continuation
            return false
        }
        if runsNow { continuation.resume() }
    }

    func fire() {
        let continuation = state.withLock { state in
            state.isFired = true
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume()
    }
}
