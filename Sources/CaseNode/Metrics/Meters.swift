import Synchronization

/// A number that only grows. A relaxed atomic: a few nanoseconds, from any thread.
final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func add(_ number: UInt64 = 1) { count.add(number, ordering: .relaxed) }
}

/// How often something took how long. A short lock, that hardly anybody else holds: each histogram is filled by
/// a thread or two.
final class Histogram: Sendable {
    /// Upper bounds of the buckets in nanoseconds, ascending; the last bucket has none. From a tenth of a
    /// millisecond, below which nothing here is worth telling apart, to ten seconds, when every caller is gone.
    static let boundsNanoseconds: [UInt64] = [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        5_000_000_000, 10_000_000_000,
    ]

    /// What was counted.
    struct Counts: Equatable, Sendable {
        /// By bucket; one more than there are bounds.
        var buckets = [UInt64](repeating: 0, count: boundsNanoseconds.count + 1)
        var nanoseconds: UInt64 = 0

        var count: UInt64 { buckets.reduce(0, +) }
    }

    private let counts = Mutex(Counts())

    var value: Counts { counts.withLock { $0 } }

    /// Counts one of that length, or several that took as long.
    func observe(nanoseconds: UInt64, times: UInt64 = 1) {
        let bucket =
            Self.boundsNanoseconds.firstIndex { nanoseconds <= $0 } ?? Self.boundsNanoseconds.count
        counts.withLock { counts in
            counts.buckets[bucket] += times
            counts.nanoseconds &+= nanoseconds &* times
        }
    }
}
