import CaseModel
import ClusterPrimitives
import Testing

@testable import ChaosHarness

/// Sets, timers, feeds and secrets, good and bad.
struct CheckTests {
    // MARK: Sets

    private func sets(_ creations: [SetHistory.Creation], _ final: [String: [String]]) -> [String] {
        SetHistory(creations: creations).violations(final: final).map(\.check)
    }

    private func creation(_ answers: String...) -> SetHistory.Creation {
        SetHistory.Creation(name: "n", from: 0, answers: answers)
    }

    @Test func creations() {
        #expect(sets([creation("x", "x")], ["n": ["x"]]).isEmpty)
        #expect(sets([creation()], [:]).isEmpty)
        #expect(sets([creation()], ["n": ["x"]]).isEmpty)
        #expect(sets([creation("x")], [:]) == ["nothing lost"])
        #expect(sets([creation()], ["n": ["x", "y"]]) == ["exactly once"])
        #expect(sets([creation("x", "y")], ["n": ["x", "y"]]) == ["exactly once", "exactly once"])
        #expect(sets([], ["n": ["x"]]) == ["nothing invented"])
    }

    // MARK: Timers

    private func timers(
        _ moves: [(String, Int64)],
        seenClosed: Int64? = nil
    ) -> [String] {
        let history = TimerHistory(
            resolvedAt: 10_000,
            resolveBegan: 0,
            seenClosed: seenClosed,
            window: 3_000
        )
        let all = moves.map { TimerHistory.Move(action: $0.0, at: $0.1, isSystem: true) }
        return history.violations(of: "x", moves: all).map(\.message)
    }

    @Test func timersActOnceAndNeverEarly() {
        let close = "close-by-timer"
        #expect(timers([(close, 13_000), ("archive", 15_000)], seenClosed: 3_100_000).isEmpty)
        #expect(timers([(close, 12_999), ("archive", 15_000)]).count == 1)
        #expect(timers([(close, 13_000), (close, 14_000), ("archive", 15_000)]).count == 1)
        #expect(timers([(close, 13_000), ("archive", 15_000), ("archive", 20_000)]).count == 1)
        #expect(timers([(close, 13_000), ("archive", 12_000)]).count == 1)
        #expect(timers([(close, 13_000), ("release", 14_000), ("archive", 15_000)]).count == 1)
        #expect(timers([]).count == 2)
        // By the shard's own word in time, and yet far too soon by everybody else's clock.
        #expect(timers([(close, 13_000), ("archive", 15_000)], seenClosed: 1_500_000).count == 1)
    }

    // MARK: Feeds

    private func feed(_ versions: [UInt64], final: UInt64) -> Int {
        let events = versions.map { FeedHistory.Event(caseID: "x", version: $0) }
        return FeedHistory(events: events).violations(of: "f", final: ["x": final]).count
    }

    @Test func feedsAreWholeAndInOrder() {
        #expect(feed([1, 2, 3], final: 3) == 0)
        #expect(feed([1, 3], final: 3) == 1)
        #expect(feed([1, 2, 2, 3], final: 3) == 1)
        #expect(feed([1, 2], final: 3) == 1)
        #expect(feed([2, 1], final: 2) == 2)
        #expect(feed([], final: 1) == 1)
    }

    // MARK: Epochs

    @Test func aShardThatForgetsItsCoordinatorIsFound() {
        let check = FencingCheck(term: Term(5))
        func count(_ term: UInt64) -> Int {
            let epoch = Epoch(incarnation: 1, term: Term(term))
            return check.violations(node: 1, epochs: [ShardID(0): epoch]).count
        }
        #expect(count(5) == 0)
        #expect(count(7) == 0)
        #expect(count(4) == 1)
        #expect(count(0) == 1)
    }

    // MARK: Secrets

    @Test func whatIsForStaffIsFoundInWhatRequestersGet() {
        #expect(Secrecy.violations(of: "x", ["{\"text\":\"hello\"}"], mark: "mark").isEmpty)
        #expect(Secrecy.violations(of: "x", ["a", "{\"text\":\"mark\"}"], mark: "mark").count == 1)
    }
}
