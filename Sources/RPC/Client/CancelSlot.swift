import Synchronization

/// Hands a call to a cancellation handler that may run before the call exists.
final class CancelSlot: Sendable {
    private struct State {
        var call: RPCCancel?
        var isCancelled = false
    }

    private let state = Mutex(State())

    func set(_ call: RPCCancel) {
        let cancelsNow = state.withLock { state in
            state.call = call
            return state.isCancelled
        }
        if cancelsNow { call.cancel() }
    }

    func cancel() {
        let call = state.withLock { state in
            state.isCancelled = true
            return state.call
        }
        call?.cancel()
    }
}
