import ClusterPrimitives

/// A node's two clocks, as far off as a fault made them. The wall clock jumps and drifts; the monotonic one
/// only runs a little fast or slow, and starts anew with the machine.
struct SimulatedClock {
    /// Where simulated time begins.
    static let start = Timestamp(millisecondsSince1970: 1_790_000_000_000)

    /// Seconds that the clocks gain in a second.
    var drift: Double
    /// What jumps have added to the wall clock, in microseconds.
    var offset: Int64 = 0
    /// Far ahead for a moment, in microseconds. Over by the time that a process starts: what a clock shows
    /// then is all that a node can believe.
    var glitch: Int64 = 0

    /// The wall clock.
    func wall(at now: Int64) -> Timestamp {
        Self.start + TimeSpan(milliseconds: (local(now) + offset + glitch) / 1_000)
    }

    /// The monotonic clock, in milliseconds.
    func monotonicMilliseconds(at now: Int64) -> Int64 { local(now) / 1_000 }

    private func local(_ now: Int64) -> Int64 { now + Int64(Double(now) * drift) }
}
