import ClusterPrimitives
import Glibc
import Synchronization

/// The node's one source of time: the system's clocks through a `TimeKeeper`, and the median of the members'
/// clocks once they were compared. Any thread.
final class SystemClock: Sendable {
    /// A clock that is off by less is put right without a word: NTP steps by up to this.
    static let alarmMin = TimeSpan(milliseconds: 500)

    /// What most clocks showed at an instant of this machine's monotonic clock, in milliseconds.
    private struct Median {
        var time: Timestamp
        var monotonic: Int64

        func now(_ monotonic: Int64) -> Timestamp {
            time + TimeSpan(milliseconds: monotonic - self.monotonic)
        }
    }

    private struct State {
        var keeper: TimeKeeper
        /// Nil while there is nobody to compare with.
        var median: Median?
    }

    private let state: Mutex<State>
    private let reported = Mutex(false)
    private let isTrusted: Atomic<Bool>

    /// - Parameters:
    ///   - floor: the last time that the node's logs hold.
    ///   - isAlone: whether there is nobody to compare this machine's clock with, so that it is believed as it
    ///     is. Where others are, the node leads nothing before it has compared.
    init(floor: Timestamp, isAlone: Bool = true) {
        let keeper = TimeKeeper(
            wall: Self.wall(),
            monotonicMilliseconds: Self.monotonicMilliseconds(),
            floor: floor
        )
        state = Mutex(State(keeper: keeper))
        isTrusted = Atomic(isAlone)
    }

    /// The time now. It goes back only where it was ahead of most clocks.
    func now() -> Timestamp {
        state.withLock { state in
            let monotonic = Self.monotonicMilliseconds()
            return state.keeper.now(
                wall: state.median?.now(monotonic) ?? Self.wall(),
                isMedian: state.median != nil,
                monotonicMilliseconds: monotonic
            )
        }
    }

    /// Whether the node may stand for election: a leader stamps time, and so it must know what most clocks show,
    /// or have the only one.
    var mayLead: Bool { isTrusted.load(ordering: .relaxed) }

    /// Of several members' clocks: this one was not compared with most of them yet.
    func awaitComparison() { isTrusted.store(false, ordering: .relaxed) }

    /// Most clocks are ahead of this machine's by `median`, which showed `wall` at the instant `monotonic` of its
    /// monotonic clock, in milliseconds. Time runs by them from there on, at the monotonic clock's rate: what the
    /// machine's own clock does until the next comparison is not followed.
    func follow(median: TimeSpan, wall: Timestamp, monotonic: Int64) {
        state.withLock { $0.median = Median(time: wall + median, monotonic: monotonic) }
        isTrusted.store(true, ordering: .relaxed)
    }

    /// There is nobody to compare with.
    func followNobody() {
        state.withLock { $0.median = nil }
        isTrusted.store(true, ordering: .relaxed)
    }

    /// Time goes on from `floor` if it is not there yet, or stands there until most clocks have reached it.
    func raise(to floor: Timestamp) { state.withLock { $0.keeper.raise(to: floor) } }

    /// The last time that is known to stand in a log.
    var floor: Timestamp { state.withLock { $0.keeper.floor } }

    /// How far the clock lies behind the time in force; zero while it is right.
    var alarm: TimeSpan { state.withLock { $0.keeper.alarm } }

    /// The alarm, where it was raised or has ended since the last call; nil where nothing changed.
    func changedAlarm() -> TimeSpan? {
        let alarm = alarm
        let isRaised = alarm >= Self.alarmMin
        let hasChanged = reported.withLock { reported in
            defer { reported = isRaised }
            return reported != isRaised
        }
        guard hasChanged else { return nil }
        return isRaised ? alarm : TimeSpan(milliseconds: 0)
    }

    static func wall() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(rawValue: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    static func monotonicMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
