import NIOCore

/// A token bucket: `burst` at once, `perSecond` afterwards. A value; it is told the time.
struct RateBudget: Sendable {
    private let burst: Int
    private let perSecond: Int
    private var tokens: Int
    private var refilled: NIODeadline

    init(burst: Int, perSecond: Int, now: NIODeadline) {
        precondition(burst > 0 && perSecond >= 0)
        self.burst = burst
        self.perSecond = perSecond
        tokens = burst
        refilled = now
    }

    /// Takes one; false when there is none left.
    mutating func take(now: NIODeadline) -> Bool {
        let seconds = (now - refilled).nanoseconds / 1_000_000_000
        if seconds > 0 {
            // Whole seconds only, so that many small steps don't lose their fractions.
            let (refill, overflow) = perSecond.multipliedReportingOverflow(by: Int(seconds))
            tokens = overflow ? burst : min(burst, tokens + min(burst, refill))
            refilled = refilled + .seconds(seconds)
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        assert(tokens < burst)
        return true
    }
}
