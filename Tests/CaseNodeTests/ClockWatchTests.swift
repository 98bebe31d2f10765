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
        roundTrip: Int64 = 0
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
        at monotonic: Int64 = 100,
        gained: Int64 = 0
    ) -> ClockVerdict {
        // Each reading was taken at `noon` by the own clock.
        let elapsed = readings.last.map { monotonic - $0.takenAt } ?? 0
        return judge(readings).verdict(
            own: NodeID(1),
            voters: Array(voters.prefix(count)),
            wall: noon + TimeSpan(milliseconds: elapsed + gained),
            monotonic: monotonic
        )
    }

    @Test func theExchangesMiddleIsTheOffset() {
        #expect(reading(2, ahead: 70, roundTrip: 40).offset == TimeSpan(milliseconds: 70))
        #expect(reading(2, ahead: 0, roundTrip: 41).uncertaintyMilliseconds == 21)
    }

    @Test func onlyWhoIsSurelyRightAgrees() {
        let median = TimeSpan(milliseconds: 3_000)
        let judge = judge([
            reading(2, ahead: 3_900), reading(3, ahead: 4_100), reading(4, ahead: 1_900),
            reading(5, ahead: 3_900, roundTrip: 400),
        ])
        func agreeing(at monotonic: Int64) -> Set<NodeID> {
            let wall = noon + TimeSpan(milliseconds: monotonic - 100)
            return judge.agreeing(with: median, wall: wall, monotonic: monotonic)
        }
        #expect(agreeing(at: 100) == [NodeID(2)])
        #expect(agreeing(at: 100 + ClockJudge.ageMaxMilliseconds) == [NodeID(2)])
        #expect(agreeing(at: 101 + ClockJudge.ageMaxMilliseconds).isEmpty, "long not looked at")
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
        // Two of three are a majority; of two clocks that agree the earlier one counts.
        #expect(
            verdict([reading(2, ahead: 500)]) == .sound(median: TimeSpan(milliseconds: 0))
        )
        #expect(
            verdict([reading(2, ahead: -500)]) == .sound(median: TimeSpan(milliseconds: -500))
        )
    }

    /// Goal: with one node away a wrong clock can't be told from a right one, and must not stop time, or go ahead of
    /// it: whoever has known the time goes on by that.
    @Test func ofTwoThatDisagreeNeitherIsFollowed() {
        let zero = TimeSpan(milliseconds: 0)
        func watched(_ ahead: [Int64], of count: Int) -> ClockVerdict {
            var course = Course()
            for _ in 0...2 { course.look(ahead) }
            return course.verdict(Array(voters.prefix(count)))
        }
        #expect(watched([5_000], of: 3) == .unsettled(clocks: [zero, .seconds(5)]))
        #expect(watched([-5_000], of: 3) == .unsettled(clocks: [.seconds(-5), zero]))
        #expect(
            watched([0, 9_000, 9_000], of: 5)
                == .unsettled(clocks: [zero, zero, .seconds(9), .seconds(9)])
        )
    }

    /// Looks at the others' clocks.
    private struct Course {
        static let start = Timestamp(millisecondsSince1970: 1_772_366_400_000)
        var judge = ClockJudge()
        /// Milliseconds from one look to the next.
        var pause: Int64 = 1_000
        var monotonic: Int64 = 100
        /// What the own clock is ahead of what it showed at first.
        var ownGain: Int64 = 0

        var wall: Timestamp {
            Self.start + TimeSpan(milliseconds: monotonic + ownGain)
        }

        /// Nodes 2, 3, ... are so far ahead of the own clock's first course; nil is not heard.
        mutating func look(_ ahead: [Int64?]) {
            monotonic += pause
            for (place, ahead) in ahead.enumerated() {
                guard let ahead else { continue }
                judge.take(
                    ClockReading(
                        node: NodeID(UInt64(place + 2)),
                        peerWall: Self.start + TimeSpan(milliseconds: monotonic + ahead),
                        wall: wall,
                        sentAt: monotonic,
                        receivedAt: monotonic
                    )
                )
            }
        }

        func verdict(_ voters: [NodeID]) -> ClockVerdict {
            judge.verdict(own: NodeID(1), voters: voters, wall: wall, monotonic: monotonic)
        }
    }

    /// Goal: a clock that is far ahead for a moment is not what a node that knows nothing else goes by for good.
    @Test func nothingIsGuessedBeforeEachClockHasRunOnForAWhile() {
        let three = Array(voters.prefix(3))
        let nothing = ClockVerdict.unsettled(clocks: [])
        var course = Course()
        course.look([600_000])
        #expect(course.verdict(three) == nothing, "seen once")
        course.look([5_000])
        course.look([5_000])
        #expect(course.verdict(three) == nothing, "it jumped a second ago")
        course.look([nil])
        #expect(course.verdict(three) == nothing, "what is not looked at says nothing of itself")
        course.look([5_000])
        let zero = TimeSpan(milliseconds: 0)
        #expect(course.verdict(three) == .unsettled(clocks: [zero, .seconds(5)]))
        // The own clock, too; first when it is looked at, then for what it did since.
        course.ownGain = 300_000
        #expect(course.verdict(three) == nothing)
        course.look([5_000])
        #expect(course.verdict(three) == nothing)
        course.look([5_000])
        course.look([5_000])
        let behind = TimeSpan(milliseconds: -295_000)
        #expect(course.verdict(three) == .unsettled(clocks: [behind, zero]))
        // What most agree on needs no patience.
        course.look([5_000, 300_000])
        #expect(course.verdict(three) == .sound(median: zero))
    }

    /// What stands in a log was the time once.
    @Test func aGuessIsNotBehindTheLog() {
        let clocks: [TimeSpan] = [.seconds(-1_700), .seconds(0), .seconds(600)]
        func guess(_ floor: TimeSpan) -> TimeSpan? {
            ClockJudge.guess(among: clocks, wall: noon, floor: noon + floor)
        }
        #expect(guess(.seconds(-1)) == .seconds(0))
        #expect(guess(.seconds(-2_000)) == .seconds(-1_700))
        #expect(guess(.seconds(1)) == .seconds(0), "as far as right clocks may differ")
        #expect(guess(TimeSpan(milliseconds: 1_001)) == .seconds(600))
        #expect(guess(.seconds(900)) == .seconds(600))
        #expect(ClockJudge.guess(among: [], wall: noon, floor: noon) == nil)
    }

    /// Between two looks it is off by little.
    @Test func aClockThatStandsStillDoesNotRunOn() {
        let three = Array(voters.prefix(3))
        var course = Course()
        course.pause = 100
        for look in 0..<40 {
            course.look([5_000 - Int64(look) * 100])
            #expect(course.verdict(three) == .unsettled(clocks: []), "look \(look)")
        }
    }

    /// Goal: one clock that never comes to rest does not keep a group without a leader for ever.
    @Test func aClockThatKeepsJumpingIsLeftOut() {
        var course = Course()
        var patience = 0
        while course.verdict(voters) == .unsettled(clocks: []) || patience == 0 {
            course.look([5_000, patience.isMultiple(of: 2) ? 90_000 : 50_000])
            patience += 1
            guard patience < 20 else { break }
        }
        #expect(Int64(patience - 1) * course.pause == ClockJudge.jumpingMaxMilliseconds)
        #expect(
            course.verdict(voters)
                == .unsettled(clocks: [TimeSpan(milliseconds: 0), .seconds(5)])
        )
    }

    @Test func noTimeThatAPeerShowsIsTooMuch() {
        let three = Array(voters.prefix(3))
        var judge = ClockJudge()
        for (look, shown) in [Int64.max, .min, 0, .max, .min].enumerated() {
            let monotonic = Int64(look) * 1_000
            let wall = noon + TimeSpan(milliseconds: monotonic)
            judge.take(
                ClockReading(
                    node: NodeID(2),
                    peerWall: Timestamp(rawValue: shown),
                    wall: wall,
                    sentAt: monotonic,
                    receivedAt: monotonic
                )
            )
            let verdict = judge.verdict(
                own: NodeID(1),
                voters: three,
                wall: wall,
                monotonic: monotonic
            )
            #expect(verdict == .unsettled(clocks: []))
        }
    }

    @Test func oldAndUncertainReadingsDoNotCount() {
        let readings = [reading(2, ahead: 9_000), reading(3, ahead: 9_000)]
        let age = ClockJudge.ageMaxMilliseconds
        #expect(verdict(readings, at: 100 + age) == .off(median: .seconds(9)))
        #expect(verdict(readings, at: 101 + age) == .unknown)
    }

    @Test func whatTheOwnClockDidSinceIsTakenOff() {
        let readings = [reading(2, ahead: 0), reading(3, ahead: 0)]
        #expect(
            verdict(readings, at: 5_000, gained: 900)
                == .sound(median: TimeSpan(milliseconds: -900))
        )
        #expect(verdict(readings, at: 5_000, gained: 2_000) == .off(median: .seconds(-2)))
        #expect(verdict(readings, at: 5_000, gained: -2_000) == .off(median: .seconds(2)))
    }

    @Test func aSlowLinkIsNoWrongClock() {
        let slow = 2 * ClockJudge.uncertaintyMaxMilliseconds + 2
        let bound = ClockJudge.boundMilliseconds
        let most = bound + slow / 2
        for ahead in [bound + 1, -most] {
            let readings = [2, 3].map { reading($0, ahead: ahead, at: slow, roundTrip: slow) }
            #expect(verdict(readings, at: slow) == .sound(median: TimeSpan(milliseconds: ahead)))
        }
        let surely = [2, 3].map { reading($0, ahead: most + 1, at: slow, roundTrip: slow) }
        #expect(verdict(surely, at: slow) == .off(median: TimeSpan(milliseconds: most + 1)))
    }

    @Test func aBetterReadingOutlivesAnUncertainOne() {
        let slow = 2 * ClockJudge.uncertaintyMaxMilliseconds + 2
        let certain = [2, 3].map { reading($0, ahead: 7) }
        let uncertain = [2, 3].map { reading($0, ahead: 400, at: 1_000, roundTrip: slow) }
        var judge = judge(certain + uncertain)
        let voters = Array(voters.prefix(3))
        func verdict(at monotonic: Int64) -> ClockVerdict {
            let wall = noon + TimeSpan(milliseconds: monotonic - 100)
            return judge.verdict(
                own: NodeID(1),
                voters: voters,
                wall: wall,
                monotonic: monotonic
            )
        }
        #expect(verdict(at: 1_000) == .sound(median: TimeSpan(milliseconds: 7)))
        // When it is too old, one that is uncertain is better than none.
        let late = 101 + ClockJudge.ageMaxMilliseconds
        for node in UInt64(2)...3 {
            judge.take(reading(node, ahead: 400, at: late, roundTrip: slow))
        }
        let wall = noon
        let now = judge.verdict(own: NodeID(1), voters: voters, wall: wall, monotonic: late)
        #expect(now == .sound(median: TimeSpan(milliseconds: 400)))
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
    private let zero = TimeSpan(milliseconds: 0)

    private func follow(_ clock: SystemClock, ahead: TimeSpan) -> Timestamp {
        let (wall, monotonic) = (SystemClock.wall(), SystemClock.monotonicMilliseconds())
        clock.follow(median: ahead, wall: wall, monotonic: monotonic)
        return wall + ahead
    }

    @Test func timeIsTheMedian() {
        let clock = SystemClock(floor: .zero)
        let start = clock.now()
        // A clock that was wrong when the node started must not be kept for ever.
        let behind = follow(clock, ahead: .seconds(-5))
        #expect(clock.now() >= behind && clock.now() < start)
        #expect(clock.alarm == zero)
        let ahead = follow(clock, ahead: .seconds(5))
        #expect(clock.now() >= ahead)
    }

    @Test func whatStandsInALogIsAheadOfTheMedianForAWhile() {
        let clock = SystemClock(floor: .zero)
        let median = follow(clock, ahead: zero)
        clock.raise(to: median + .seconds(60))
        #expect(clock.now() < median + .seconds(50), "the log keeps its time by itself")
        #expect(clock.alarm > .seconds(50) && clock.alarm <= .seconds(60))
    }

    @Test func aNodeAloneKeepsItsTime() {
        let clock = SystemClock(floor: .zero)
        let ahead = follow(clock, ahead: .seconds(5))
        #expect(clock.now() >= ahead)
        clock.followNobody()
        #expect(clock.now() >= ahead)
        #expect(clock.alarm > .seconds(4))
    }

    @Test func whoHasComparedWithNobodyLeadsNothing() {
        let clock = SystemClock(floor: .zero, isAlone: false)
        #expect(!clock.mayLead)
        _ = follow(clock, ahead: zero)
        #expect(clock.mayLead)
        clock.awaitComparison()
        #expect(!clock.mayLead)
        clock.followNobody()
        #expect(clock.mayLead)
        #expect(SystemClock(floor: .zero).mayLead)
    }

    /// A group that can't tell doesn't hide one in which most agree.
    @Test func whereSomeClocksAgreeTheyCount() {
        let unsettled = ClockVerdict.unsettled(clocks: [TimeSpan(milliseconds: 0)])
        let other = ClockVerdict.unsettled(clocks: [TimeSpan(milliseconds: 5)])
        let off = ClockVerdict.off(median: TimeSpan(milliseconds: 9))
        #expect(
            ClockVerdict.best(of: [
                .unknown, unsettled, off, .sound(median: TimeSpan(milliseconds: 0)),
            ]) == off
        )
        #expect(
            ClockVerdict.best(of: [unsettled, .sound(median: TimeSpan(milliseconds: 0))])
                == .sound(median: TimeSpan(milliseconds: 0))
        )
        #expect(ClockVerdict.best(of: [.unknown, unsettled, other]) == unsettled)
        let nothing = ClockVerdict.unsettled(clocks: [])
        #expect(ClockVerdict.best(of: [nothing, .unknown, other, unsettled]) == other)
        #expect(ClockVerdict.best(of: [.unknown, nothing]) == nothing)
        #expect(ClockVerdict.best(of: [.unknown]) == .unknown)
        #expect(ClockVerdict.best(of: []) == .unknown)
    }
}
