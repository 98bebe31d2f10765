/// Turns two clock readings into time that never falls. A value: the shell reads the clocks.
///
/// The wall clock is followed while it goes along with the monotonic one. Where it falls back, time keeps its
/// value and runs on at the monotonic clock's rate until the wall clock has caught up, and `alarm` says by how
/// much it is off. Where it jumps forward by more than `jumpMaxMilliseconds`, the jump is taken over only when
/// `jumpConfirmations` readings, spread over `jumpConfirmMilliseconds`, show the same one: a case closed early
/// can't be un-closed.
///
/// A node that compares its clock with others' gives their median instead of its own wall clock. Where time was
/// ahead of that, it goes back to it: many clocks are right where one was wrong, and a time that is kept for
/// ever because one clock once showed it would close cases early for ever. What was stamped stays: each log
/// keeps its own time, which stands still until the median has reached it.
public struct TimeKeeper: Sendable {
    /// A forward step that is believed at once, in milliseconds: a suspended machine, an NTP step.
    public static let jumpMaxMilliseconds: Int64 = 60_000
    /// Readings in a row that must agree on a larger jump.
    public static let jumpConfirmations = 3
    /// Time between the first and the last of them, in milliseconds: a busy node reads its clock thousands of
    /// times a second, and a glitch must not confirm itself.
    public static let jumpConfirmMilliseconds: Int64 = 2_000
    /// By how much readings of one jump may differ, in milliseconds.
    public static let jumpToleranceMilliseconds: Int64 = 1_000
    /// How far the wall clock may lie behind without counting as fallen back, in milliseconds: both clocks are
    /// cut to whole milliseconds, and one is read after the other.
    public static let jitterMilliseconds: Int64 = 10

    private struct Jump {
        var offset: TimeSpan
        var since: Int64
        var readings: Int
    }

    private var lastTime: Timestamp
    /// The last time that is known to stand in a log.
    public private(set) var floor: Timestamp
    private var lastMonotonic: Int64
    private var jump: Jump?
    /// How far the wall clock lies behind the time given out, or the median behind a log's; zero while they
    /// agree.
    public private(set) var alarm = TimeSpan(milliseconds: 0)

    /// Begins at the wall clock, or at `floor` (the last time that a log holds) where that is later.
    public init(wall: Timestamp, monotonicMilliseconds: Int64, floor: Timestamp) {
        lastTime = max(wall, floor)
        self.floor = floor
        lastMonotonic = monotonicMilliseconds
        if floor > wall { alarm = floor - wall }
    }

    /// Time goes on from `floor` if it is not there yet: another log of the node holds it.
    public mutating func raise(to floor: Timestamp) {
        lastTime = max(lastTime, floor)
        self.floor = max(self.floor, floor)
    }

    /// The time now. Never below an earlier answer, but where `wall` is the median of several clocks.
    /// - Parameters:
    ///   - wall: this machine's wall clock, or what most of several show.
    ///   - isMedian: which of the two.
    ///   - monotonicMilliseconds: this machine's monotonic clock.
    /// - Returns: the time to stamp.
    public mutating func now(
        wall: Timestamp,
        isMedian: Bool = false,
        monotonicMilliseconds: Int64
    ) -> Timestamp {
        let elapsed = max(0, monotonicMilliseconds - lastMonotonic)
        let expected = lastTime + TimeSpan(milliseconds: elapsed)
        lastMonotonic = max(lastMonotonic, monotonicMilliseconds)
        let ahead = (wall - expected).milliseconds
        if ahead > Self.jumpMaxMilliseconds {
            lastTime = isConfirmed(TimeSpan(milliseconds: ahead)) ? wall : expected
            return lastTime
        }
        jump = nil
        if ahead < -Self.jitterMilliseconds {
            alarm = isMedian ? max(TimeSpan(milliseconds: 0), floor - wall) : expected - wall
            lastTime = isMedian ? wall : expected
        } else {
            let isBehindLog = isMedian && floor > wall
            alarm = isBehindLog ? floor - wall : TimeSpan(milliseconds: 0)
            lastTime = max(lastTime, wall)
        }
        return lastTime
    }

    /// Counts readings that show one jump. While it waits, time runs at the monotonic rate, so that the same
    /// jump shows the same offset.
    private mutating func isConfirmed(_ offset: TimeSpan) -> Bool {
        guard var found = jump,
            abs(found.offset.milliseconds - offset.milliseconds) <= Self.jumpToleranceMilliseconds
        else {
            jump = Jump(offset: offset, since: lastMonotonic, readings: 1)
            return false
        }
        found.readings += 1
        jump = found
        guard found.readings >= Self.jumpConfirmations,
            lastMonotonic - found.since >= Self.jumpConfirmMilliseconds
        else { return false }
        jump = nil
        alarm = TimeSpan(milliseconds: 0)
        return true
    }
}
