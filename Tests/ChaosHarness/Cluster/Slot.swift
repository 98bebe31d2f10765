import ProcessSupport

/// A position in the cluster: a node, or the one that replaced it.
///
/// What ends and starts its process holds `turn`, so that faults that follow each other closely don't mix.
final class Slot: Sendable {
    struct State: Sendable {
        var nodeID: UInt64
        /// How a node that replaced another was told to join.
        var joining: [String] = []
        var process: NodeProcess?
        /// Its disk forgets what it does not sync.
        var forgets = false
        /// It is being ended on purpose; any other end but a failed disk's is a violation.
        var mayEnd = false
        /// How often it was started again after it had ended by itself.
        var restarts = 0
        /// The run is over: nothing is started any more.
        var isOver = false
        /// The disk fails now.
        var hasDiskFault = false
        /// The disk failed at some time since the process started.
        var hadDiskFault = false
    }

    let index: Int
    let state: Locked<State>
    let turn = Turn()

    init(index: Int) {
        self.index = index
        state = Locked(State(nodeID: UInt64(index + 1)))
    }

    var nodeID: UInt64 { state.withLock { $0.nodeID } }
    var process: NodeProcess? { state.withLock { $0.process } }
    var isOver: Bool { state.withLock { $0.isOver } }
}

/// A mutual exclusion that is waited for without a thread; first come, first served.
actor Turn {
    private var isTaken = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func take() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiters.append($0) }
    }

    func give() {
        if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
    }

    /// Runs `body` alone.
    nonisolated func alone<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async rethrows -> Value {
        await take()
        do {
            let value = try await body()
            await give()
            return value
        } catch {
            await give()
            throw error
        }
    }
}
