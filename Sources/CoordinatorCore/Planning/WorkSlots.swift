/// What is to be tried, is being tried, and rests after a failed try: a queue with a bounded number
/// of slots.
///
/// Invariants: a key is in one state at a time; no more tries are out than the limit; a key that
/// failed comes back by itself; first come, first served among those that are ready.
struct WorkSlots<Key: Hashable & Comparable & Sendable>: Sendable {
    private enum Phase: Sendable {
        case ready
        case out(attempt: UInt64, sinceTick: UInt64)
        case resting(untilTick: UInt64)
    }

    private struct Entry: Sendable {
        var phase: Phase
        var failures: UInt64
    }

    private let limit: Int
    private var entries = Table<Key, Entry>()
    /// Those that are ready, the one that waits longest first.
    private var queue: [Key] = []
    private var keyByAttempt = Table<UInt64, Key>()
    private var now: UInt64 = 0

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    /// Time goes on: tries that took too long count as failed, and those that rested are ready
    /// again.
    mutating func tick() {
        now += 1
        for key in entries.sortedKeys {
            guard let entry = entries[key] else { continue }
            switch entry.phase {
            case .out(let attempt, let sinceTick)
            where sinceTick + PlannerLimits.timeoutTicks <= now:
                _ = fail(attempt)
            case .resting(let untilTick) where untilTick <= now:
                entries[key]?.phase = .ready
                queue.append(key)
            case .ready, .out, .resting: break
            }
        }
    }

    /// Puts a key into the queue, unless it is known.
    mutating func want(_ key: Key) {
        guard entries[key] == nil else { return }
        entries[key] = Entry(phase: .ready, failures: 0)
        queue.append(key)
    }

    /// Forgets keys that nobody wants any more, unless they are out.
    mutating func retain(_ isWanted: (Key) -> Bool) {
        for key in entries.sortedKeys where !isWanted(key) {
            if case .out = entries[key]?.phase { continue }
            entries[key] = nil
        }
        queue.removeAll { entries[$0] == nil }
    }

    /// Forgets everything; answers to tries that are out will be passed over.
    mutating func clear() {
        entries = Table()
        queue = []
        keyByAttempt = Table()
    }

    /// Fills the free slots. `attempts` is the number of the last try; each try gets the next.
    mutating func start(_ attempts: inout UInt64) -> [(key: Key, attempt: UInt64)] {
        let free = min(limit - keyByAttempt.count, queue.count)
        guard free > 0 else { return [] }
        var started: [(key: Key, attempt: UInt64)] = []
        for key in queue.prefix(free) {
            attempts += 1
            entries[key]?.phase = .out(attempt: attempts, sinceTick: now)
            keyByAttempt[attempts] = key
            started.append((key, attempts))
        }
        queue.removeFirst(free)
        assert(keyByAttempt.count <= limit)
        return started
    }

    /// The key of a try that is out; nil for one that was answered, lost or forgotten.
    func key(of attempt: UInt64) -> Key? { keyByAttempt[attempt] }

    /// Whether a try is out.
    func isOut(_ key: Key) -> Bool {
        if case .out = entries[key]?.phase { return true }
        return false
    }

    /// Whether a try of one of these is out.
    func anyOut(_ condition: (Key) -> Bool) -> Bool {
        keyByAttempt.sorted.contains(where: condition)
    }

    /// A try goes on (another page of the same): it keeps its slot, and its time begins anew.
    /// - Returns: nil for a try that is not out.
    mutating func renew(_ attempt: UInt64) -> Key? {
        guard let key = keyByAttempt[attempt] else { return nil }
        entries[key] = Entry(phase: .out(attempt: attempt, sinceTick: now), failures: 0)
        return key
    }

    /// A try succeeded: the key is forgotten.
    /// - Returns: nil for a try that is not out.
    mutating func finish(_ attempt: UInt64) -> Key? {
        guard let key = keyByAttempt[attempt] else { return nil }
        keyByAttempt[attempt] = nil
        entries[key] = nil
        return key
    }

    /// A try failed: the key rests, longer each time.
    /// - Returns: nil for a try that is not out.
    mutating func fail(_ attempt: UInt64) -> Key? {
        guard let key = keyByAttempt[attempt] else { return nil }
        keyByAttempt[attempt] = nil
        let failures = (entries[key]?.failures ?? 0) + 1
        let rest = min(1 << min(failures - 1, 16), PlannerLimits.restTicksMax)
        entries[key] = Entry(phase: .resting(untilTick: now + rest), failures: failures)
        return key
    }
}
