import Synchronization

/// How long each shard was silent: its longest time between two acknowledgements, from a mark on.
///
/// Why the longest and not the first: what a killed node answered just before its end arrives after it.
final class ShardSilence: Sendable {
    private struct State {
        var lastAt: [ContinuousClock.Instant]
        var longest: [Duration]
        /// Workers that were not acknowledged since the mark.
        var missing: Set<Int> = []
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let shardOfWorker: [Int]
    private let state: Mutex<State>

    init(shardOfWorker: [Int]) {
        self.shardOfWorker = shardOfWorker
        let count = (shardOfWorker.max() ?? 0) + 1
        state = Mutex(
            State(
                lastAt: Array(repeating: .now, count: count),
                longest: Array(repeating: .zero, count: count)
            )
        )
    }

    /// Begins to look: what is silent now has been so since its last acknowledgement.
    func mark() {
        state.withLock { state in
            state.longest = Array(repeating: .zero, count: state.longest.count)
            state.missing = Set(shardOfWorker.indices)
        }
    }

    /// By shard, since the mark.
    var longest: [Duration] { state.withLock { $0.longest } }

    /// Waits until every worker was acknowledged since the mark.
    func everybodyWasHeard() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.missing.isEmpty { return true }
                state.waiter = continuation
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    func acknowledged(_ worker: Int) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            let now = ContinuousClock.now
            let shard = shardOfWorker[worker]
            state.longest[shard] = max(state.longest[shard], now - state.lastAt[shard])
            state.lastAt[shard] = now
            state.missing.remove(worker)
            guard state.missing.isEmpty else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}

extension Duration {
    /// Whole milliseconds, for people.
    var inMilliseconds: String {
        "\(self / .milliseconds(1) as Double)".prefix { $0 != "." } + " ms"
    }
}
