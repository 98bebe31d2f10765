/// Samples of a run in equal pieces of time. A value.
struct Timeline: Sendable {
    /// One piece.
    struct Bucket: Hashable, Sendable {
        var done = 0
        var refused = 0
        var unknown = 0
        var failed = 0
        /// Latencies of what was answered, in microseconds; nil without any.
        var middle: Int64?
        /// Of a hundred answers one took longer.
        var slow: Int64?

        var answered: Int { done + refused }
    }

    /// Pieces at most: one for about each two pixels of the page.
    static let bucketsMax = 480
    /// Microseconds of a piece at least.
    static let bucketMin: Int64 = 250_000

    let bucketMicroseconds: Int64
    let buckets: [Bucket]

    init(_ samples: [Journal.Sample], until end: Int64) {
        let wanted = end / Int64(Self.bucketsMax)
        // Whole quarters of a second, so that rates are read easily.
        let size = max(
            Self.bucketMin,
            (wanted + Self.bucketMin - 1) / Self.bucketMin * Self.bucketMin
        )
        bucketMicroseconds = size
        var buckets = [Bucket](repeating: Bucket(), count: Int(end / size) + 1)
        var latencies = [[Int64]](repeating: [], count: buckets.count)
        for sample in samples {
            let place = min(buckets.count - 1, Int(sample.at / size))
            switch sample.ending {
            case .done: buckets[place].done += 1
            case .refused: buckets[place].refused += 1
            case .unknown: buckets[place].unknown += 1
            case .failed: buckets[place].failed += 1
            }
            if sample.ending == .done || sample.ending == .refused {
                latencies[place].append(sample.latency)
            }
        }
        for place in buckets.indices where !latencies[place].isEmpty {
            let sorted = latencies[place].sorted()
            buckets[place].middle = sorted[sorted.count / 2]
            buckets[place].slow = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        }
        self.buckets = buckets
    }

    /// Calls a second that a count in one piece makes.
    func rate(_ count: Int) -> Double {
        Double(count) * 1_000_000 / Double(bucketMicroseconds)
    }
}
