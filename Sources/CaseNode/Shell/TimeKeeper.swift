import ClusterPrimitives

/// Turns two clock readings into time that never falls. A value: the shell reads the clocks.
///
/// The wall clock is followed while it goes forward. Where it falls back, time keeps its value and runs on
/// at the monotonic clock's rate until the wall clock has caught up, and `alarm` says by how much it is off.
/// Where it jumps forward by more than `jumpMax` within one reading, the jump is taken over only after
/// `jumpConfirmations` readings agree, since a case closed early can't be un-closed.
struct TimeKeeper: Sendable {
    /// A forward step that is believed at once, in milliseconds: a suspended machine, an NTP step.
    static let jumpMaxMilliseconds: Int64 = 60_000
    /// Readings in a row that must agree on a larger jump.
    static let jumpConfirmations = 3

    private var lastTime: Timestamp
    private var lastMonotonic: Int64
    private var readingsAhead = 0
    /// How far the wall clock lies behind the time given out; zero while they agree.
    private(set) var alarm = TimeSpan(milliseconds: 0)

    /// Begins at the wall clock, or at `floor` (the last time that a log holds) where that is later.
    init(wall: Timestamp, monotonicMilliseconds: Int64, floor: Timestamp) {
        lastTime = max(wall, floor)
        lastMonotonic = monotonicMilliseconds
        if floor > wall { alarm = floor - wall }
    }

    /// The time now. Never below an earlier answer.
    mutating func now(wall: Timestamp, monotonicMilliseconds: Int64) -> Timestamp {
        let elapsed = max(0, monotonicMilliseconds - lastMonotonic)
        let expected = lastTime + TimeSpan(milliseconds: elapsed)
        lastMonotonic = max(lastMonotonic, monotonicMilliseconds)
        if wall < lastTime {
            alarm = expected - wall
            readingsAhead = 0
            lastTime = expected
        } else if wall - expected > TimeSpan(milliseconds: Self.jumpMaxMilliseconds) {
            readingsAhead += 1
            lastTime = readingsAhead >= Self.jumpConfirmations ? wall : expected
            if readingsAhead >= Self.jumpConfirmations { readingsAhead = 0 }
        } else {
            alarm = TimeSpan(milliseconds: 0)
            readingsAhead = 0
            lastTime = wall
        }
        return lastTime
    }
}
