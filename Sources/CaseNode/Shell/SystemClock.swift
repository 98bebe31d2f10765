import ClusterPrimitives
import Glibc
import Synchronization

/// The node's one source of time: the system's clocks through a `TimeKeeper`. Any thread.
final class SystemClock: Sendable {
    private let keeper: Mutex<TimeKeeper>

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
        keeper.withLock {
            $0.now(wall: Self.wall(), monotonicMilliseconds: Self.monotonicMilliseconds())
        }
    }

    /// How far the wall clock lies behind; zero while it is right.
    var alarm: TimeSpan { keeper.withLock { $0.alarm } }

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
