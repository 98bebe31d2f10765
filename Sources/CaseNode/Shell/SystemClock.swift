import ClusterPrimitives
import Glibc
import Synchronization

/// The node's one source of time: the system's clocks through a `TimeKeeper`. Any thread.
final class SystemClock: Sendable {
    /// A clock that is off by less is put right without a word: NTP steps by up to this.
    static let alarmMin = TimeSpan(milliseconds: 500)

    private let keeper: Mutex<TimeKeeper>
    /// What is taken off this machine's clock: it is ahead of the voters' median.
    private let excess = Mutex(TimeSpan(milliseconds: 0))
    private let reported = Mutex(false)

    /// - Parameter floor: the last time that the node's logs hold; the clock never answers less.
    init(floor: Timestamp) {
        keeper = Mutex(
            TimeKeeper(
                wall: Self.wall(),
                monotonicMilliseconds: Self.monotonicMilliseconds(),
                floor: floor
            )
        )
    }

    /// The time now, never below an earlier answer.
    func now() -> Timestamp {
        let excess = excess.withLock { $0 }
        return keeper.withLock {
            $0.now(
                wall: Self.wall() + excess,
                monotonicMilliseconds: Self.monotonicMilliseconds()
            )
        }
    }

    /// The voters' clocks are ahead of this machine's by `median`. Where they are behind, time runs by them from
    /// now on: at the monotonic rate until they have caught up, since it never falls.
    func follow(median: TimeSpan) {
        excess.withLock { $0 = min(median, TimeSpan(milliseconds: 0)) }
    }

    /// Time goes on from `floor` if it is not there yet.
    func raise(to floor: Timestamp) { keeper.withLock { $0.raise(to: floor) } }

    /// How far the wall clock lies behind; zero while it is right.
    var alarm: TimeSpan { keeper.withLock { $0.alarm } }

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
