import Dispatch
import Synchronization

/// Counts who is at work on something that can be closed, and has the one who closes it wait for them.
///
/// Why: GRDB's connections may not be asked for after they were closed. A read that waits for a connection while the
/// pool closes is given one without a database behind it, and SQLite ends the process when it is asked about that.
final class UseGate: Sendable {
    private struct State {
        var users = 0
        var isClosed = false
        /// Who waits for the last user.
        var waiting: [DispatchSemaphore] = []
    }

    private let state = Mutex(State())

    /// Runs `body`, which must end by itself, and during which nothing is closed.
    /// - Throws: `.stopped` once the gate is closed; what `body` throws.
    func use<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.users += 1 }
            return !state.isClosed
        }
        guard isOpen else { throw .stopped }
        defer { leave() }
        return try body()
    }

    private func leave() {
        let waiting = state.withLock { state -> [DispatchSemaphore] in
            state.users -= 1
            guard state.users == 0 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for semaphore in waiting { semaphore.signal() }
    }

    /// Lets nobody in any more, and returns when the last one has left. Not from within `use`.
    func close() {
        let last = state.withLock { state -> DispatchSemaphore? in
            state.isClosed = true
            guard state.users > 0 else { return nil }
            let semaphore = DispatchSemaphore(value: 0)
            state.waiting.append(semaphore)
            return semaphore
        }
        last?.wait()
    }
}
