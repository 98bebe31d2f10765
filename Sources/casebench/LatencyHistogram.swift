/// Latencies in nanoseconds, counted in buckets that are at most 1/128 (0.8 %) wide.
///
/// Below 128 ns each value has a bucket of its own; above, each power of two is cut into 128. A
/// quantile is the upper end of its bucket: never below the true value, and at most 0.8 % above it.
struct LatencyHistogram: Sendable {
    /// Buckets to a power of two, as a power of two.
    private static let precisionBits = 7
    /// Longer latencies count as this one: 2^42 ns, more than an hour.
    static let nanosecondsMax: UInt64 = (1 << 42) - 1

    private var counts = [UInt64](repeating: 0, count: Self.bucket(of: Self.nanosecondsMax) + 1)
    private(set) var count: UInt64 = 0
    private(set) var nanosecondsLargest: UInt64 = 0
    private var sum: UInt64 = 0

    /// Counts one latency.
    mutating func record(_ nanoseconds: UInt64) {
        let value = min(nanoseconds, Self.nanosecondsMax)
        counts[Self.bucket(of: value)] += 1
        count += 1
        sum &+= value
        nanosecondsLargest = max(nanosecondsLargest, value)
    }

    /// Takes in another histogram's counts.
    mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum &+= other.sum
        nanosecondsLargest = max(nanosecondsLargest, other.nanosecondsLargest)
    }

    /// The latency that a share of all stayed at or below; 0 without any.
    /// - Precondition: a share of 0...1.
    func quantile(_ share: Double) -> UInt64 {
        precondition((0.0...1.0).contains(share))
        guard count > 0 else { return 0 }
        let rank = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= rank { return min(Self.upperEnd(of: index), nanosecondsLargest) }
        }
        return nanosecondsLargest
    }

    /// The mean; 0 without any.
    var mean: UInt64 { count == 0 ? 0 : sum / count }

    static func bucket(of value: UInt64) -> Int {
        let fine = UInt64(1) << precisionBits
        guard value >= fine else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - precisionBits
        return (shift + 1) << precisionBits + Int(value >> UInt64(shift) - fine)
    }

    static func upperEnd(of bucket: Int) -> UInt64 {
        let fine = 1 << precisionBits
        guard bucket >= fine else { return UInt64(bucket) }
        let shift = bucket >> precisionBits - 1
        let lower = UInt64(fine + bucket & (fine - 1)) << UInt64(shift)
        return lower + (UInt64(1) << UInt64(shift)) - 1
    }
}
