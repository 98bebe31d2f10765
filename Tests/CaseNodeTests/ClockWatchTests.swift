import ClusterPrimitives
import ReplicaDriver
import Testing

@testable import CaseNode

@Suite struct ClockWatchTests {
    private let noon = Timestamp(millisecondsSince1970: 1_772_366_400_000)
    private let voters = (1...5).map { NodeID(UInt64($0)) }

    private func reading(
        _ node: UInt64,
        ahead: Int64,
        at received: Int64 = 100,
        roundTrip: Int64 = 10
    ) -> ClockReading {
        // The peer looked at its clock half a round trip before the answer came.
        ClockReading(
            node: NodeID(node),
            peerWall: noon + TimeSpan(milliseconds: ahead - roundTrip / 2),
            wall: noon,
            sentAt: received - roundTrip,
            receivedAt: received
        )
    }

    private func judge(_ readings: [ClockReading]) -> ClockJudge {
        var judge = ClockJudge()
        for reading in readings { judge.take(reading) }
        return judge
    }

    private func verdict(
        _ readings: [ClockReading],
        voters count: Int = 3,
        at monotonic: Int64 = 100
    ) -> ClockVerdict {
        judge(readings)
            .verdict(own: NodeID(1), voters: Array(voters.prefix(count)), monotonic: monotonic)
    }

    @Test func theExchangesMiddleIsTheOffset() {
        #expect(reading(2, ahead: 70, roundTrip: 40).offset == TimeSpan(milliseconds: 70))
        #expect(reading(2, ahead: 0, roundTrip: 41).uncertaintyMilliseconds == 21)
    }

    @Test func oneWrongClockAmongTheOthersIsNotFollowed() {
        let wrong: Int64 = 3_600_000
        #expect(
            verdict([reading(2, ahead: 3), reading(3, ahead: wrong)])
                == .sound(median: TimeSpan(milliseconds: 3))
        )
        #expect(
            verdict([reading(2, ahead: 3), reading(3, ahead: -wrong)])
                == .sound(median: TimeSpan(milliseconds: 0))
        )
    }

    @Test func theOwnWrongClockIsFoundOut() {
        let bound = ClockJudge.boundMilliseconds
        for ahead in [bound + 1, -bound - 1] {
            #expect(
                verdict([reading(2, ahead: ahead), reading(3, ahead: ahead)])
                    == .off(median: TimeSpan(milliseconds: ahead))
            )
        }
        #expect(
            verdict([reading(2, ahead: bound), reading(3, ahead: bound)])
                == .sound(median: TimeSpan(milliseconds: bound))
        )
    }

    @Test func withoutAMajorityNothingIsSaid() {
        #expect(verdict([]) == .unknown)
        #expect(verdict([reading(2, ahead: 0)], voters: 5) == .unknown)
        #expect(verdict([], voters: 1) == .sound(median: TimeSpan(milliseconds: 0)))
        #expect(verdict([], voters: 0) == .unknown)
        // Two of three are a majority; of two clocks the earlier one counts.
        #expect(
            verdict([reading(2, ahead: 5_000)]) == .sound(median: TimeSpan(milliseconds: 0))
        )
        #expect(verdict([reading(2, ahead: -5_000)]) == .off(median: .seconds(-5)))
    }

    @Test func oldAndUncertainReadingsDoNotCount() {
        let readings = [reading(2, ahead: 9_000), reading(3, ahead: 9_000)]
        let age = ClockJudge.ageMaxMilliseconds
        #expect(verdict(readings, at: 100 + age) == .off(median: .seconds(9)))
        #expect(verdict(readings, at: 101 + age) == .unknown)
        let slow = 2 * ClockJudge.uncertaintyMaxMilliseconds + 1
        #expect(verdict([reading(2, ahead: 9_000, at: 1_000, roundTrip: slow)]) == .unknown)
    }

    @Test func theNewestReadingOfANodeCounts() {
        let readings = [
            reading(2, ahead: 9_000), reading(3, ahead: 9_000),
            reading(2, ahead: 1, at: 200), reading(3, ahead: 2, at: 200),
        ]
        #expect(verdict(readings, at: 200) == .sound(median: TimeSpan(milliseconds: 1)))
    }
}

@Suite struct ClockFollowingTests {
    @Test func timeFollowsNoClockThatIsAheadOfTheMedian() {
        let clock = SystemClock(floor: .zero)
        let start = clock.now()
        clock.follow(median: .seconds(-5))
        // It never falls: it runs on at the monotonic rate, and says by how much the machine is off.
        #expect(clock.now() >= start)
        #expect(clock.alarm > .seconds(4))
        clock.follow(median: .seconds(5))
        #expect(clock.now() >= start)
        #expect(clock.alarm == TimeSpan(milliseconds: 0), "others that are ahead change nothing")
    }
}
