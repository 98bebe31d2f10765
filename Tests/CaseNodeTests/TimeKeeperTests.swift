import ClusterPrimitives
import Testing

@testable import CaseNode

@Suite struct TimeKeeperTests {
    private static let start = Timestamp(rawValue: 1_900_000_000_000)

    private func at(_ milliseconds: Int64) -> Timestamp {
        Self.start + TimeSpan(milliseconds: milliseconds)
    }

    @Test func followsTheWallClock() {
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: .zero)
        #expect(keeper.now(wall: at(5), monotonicMilliseconds: 5) == at(5))
        // A step that a machine makes when it wakes: believed at once.
        #expect(keeper.now(wall: at(50_000), monotonicMilliseconds: 6) == at(50_000))
        #expect(keeper.alarm == TimeSpan(milliseconds: 0))
    }

    @Test func aClockThatFellBackIsWaitedForAtTheMonotonicRate() {
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: .zero)
        #expect(keeper.now(wall: at(-10_000), monotonicMilliseconds: 100) == at(100))
        #expect(keeper.alarm == TimeSpan(milliseconds: 10_100))
        // A single late reading, when the wall clock has passed the last time given out, but not yet the time
        // that it is by now.
        #expect(keeper.now(wall: at(2_000), monotonicMilliseconds: 12_000) == at(12_000))
        #expect(keeper.alarm == TimeSpan(milliseconds: 10_000))
        #expect(keeper.now(wall: at(12_500), monotonicMilliseconds: 12_400) == at(12_500))
        #expect(keeper.alarm == TimeSpan(milliseconds: 0))
    }

    @Test func timeGoesBackToTheMedian() {
        var keeper = TimeKeeper(wall: at(30_000), monotonicMilliseconds: 0, floor: .zero)
        #expect(
            keeper.now(wall: at(100), isMedian: true, monotonicMilliseconds: 100) == at(100)
        )
        #expect(keeper.alarm == TimeSpan(milliseconds: 0))
        // Within the jitter it stays.
        let earlier = TimeSpan(milliseconds: -TimeKeeper.jitterMilliseconds)
        #expect(
            keeper.now(wall: at(100) + earlier, isMedian: true, monotonicMilliseconds: 100)
                == at(100)
        )
        // What a log holds is reported until the median has reached it.
        keeper.raise(to: at(5_000))
        #expect(
            keeper.now(wall: at(1_000), isMedian: true, monotonicMilliseconds: 1_000) == at(1_000)
        )
        #expect(keeper.alarm == TimeSpan(milliseconds: 4_000))
        #expect(
            keeper.now(wall: at(5_000), isMedian: true, monotonicMilliseconds: 5_000) == at(5_000)
        )
        #expect(keeper.alarm == TimeSpan(milliseconds: 0))
    }

    @Test func aFloorAboveTheWallClockIsKeptAndReported() {
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: at(60_000))
        #expect(keeper.alarm == TimeSpan(milliseconds: 60_000))
        #expect(keeper.now(wall: at(1_000), monotonicMilliseconds: 1_000) == at(61_000))
        keeper.raise(to: at(90_000))
        #expect(keeper.now(wall: at(1_000), monotonicMilliseconds: 1_000) == at(90_000))
        keeper.raise(to: at(5))
        #expect(keeper.now(wall: at(2_000), monotonicMilliseconds: 2_000) == at(91_000))
    }

    @Test func aJumpForwardMustBeConfirmedOverTime() {
        let day: Int64 = 86_400_000
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: .zero)
        // Many readings within a millisecond are one glitch.
        for _ in 0..<1_000 {
            #expect(keeper.now(wall: at(day), monotonicMilliseconds: 1) == at(1))
        }
        // The glitch is over, and comes back: it begins anew.
        #expect(keeper.now(wall: at(1_000), monotonicMilliseconds: 1_000) == at(1_000))
        #expect(keeper.now(wall: at(day), monotonicMilliseconds: 2_500) == at(2_500))
        #expect(keeper.now(wall: at(day + 1_500), monotonicMilliseconds: 4_000) == at(4_000))
        let confirmed = keeper.now(wall: at(day + 2_000), monotonicMilliseconds: 4_500)
        #expect(confirmed == at(day + 2_000))
        #expect(keeper.now(wall: at(day + 2_001), monotonicMilliseconds: 4_501) == at(day + 2_001))
    }

    @Test func readingsOfDifferentJumpsDoNotConfirmEachOther() {
        let day: Int64 = 86_400_000
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: .zero)
        for step in Int64(1)...20 {
            let now = keeper.now(wall: at(step * day), monotonicMilliseconds: step * 1_000)
            #expect(now == at(step * 1_000))
        }
    }

    /// Goal: time never falls, and is never ahead of the wall clock except where that fell back.
    /// Method: a random wall clock that steps both ways; a naive model keeps the two rates.
    @Test(arguments: UInt64(1)...64)
    func neverFallsUnderRandomClocks(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var wall: Int64 = 0
        var monotonic: Int64 = 0
        var keeper = TimeKeeper(wall: at(0), monotonicMilliseconds: 0, floor: .zero)
        var last = at(0)
        for step in 0..<500 {
            let elapsed = Int64.random(in: 0...3_000, using: &random)
            wall += elapsed
            monotonic += elapsed
            if Int.random(in: 0..<10, using: &random) == 0 {
                wall += Int64.random(in: -200_000...200_000, using: &random)
            }
            let now = keeper.now(wall: at(wall), monotonicMilliseconds: monotonic)
            let place: Comment = "SIM_SEED=\(seed) step=\(step)"
            #expect(now >= last, place)
            let expected = last + TimeSpan(milliseconds: elapsed)
            // At least the monotonic rate, but for the jitter that is allowed; more only up to the wall clock.
            #expect((now - expected).milliseconds >= -TimeKeeper.jitterMilliseconds, place)
            #expect(now <= max(expected, at(wall)), place)
            if now > at(wall) {
                let behind = (now - at(wall)).milliseconds
                let isReported = keeper.alarm.milliseconds == behind
                #expect(isReported || behind <= TimeKeeper.jitterMilliseconds, place)
            }
            last = now
        }
    }
}
