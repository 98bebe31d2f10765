import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct SkewTests {
    /// One shard with a case that is due, on a clock that lies behind the coordinator's.
    private struct SlowShard {
        var skew: TimeSpan
        let due: Timestamp
        var closedAsOf: Timestamp?
        var refusals = 0

        /// As a shard does: nothing for a time that it has not reached.
        mutating func sweep(asOf: Timestamp, now: Timestamp) -> ShardResult {
            guard asOf <= now + TimeSpan(milliseconds: -skew.milliseconds) else {
                refusals += 1
                return .refused(.notDue(dueAt: asOf))
            }
            guard closedAsOf == nil, asOf >= due else {
                let next = closedAsOf == nil ? due : nil
                return .swept(count: 0, more: false, nextDueAt: next)
            }
            closedAsOf = asOf
            return .swept(count: 1, more: false, nextDueAt: nil)
        }
    }

    /// Goal: clocks that differ, as all do, hold nothing up for ever.
    @Test(arguments: [Int64(0), 5, 150, 3_000, 45_000])
    func aShardWhoseClockLiesBehindIsSwept(skewMilliseconds: Int64) throws {
        let cluster = TestCluster.founded(shards: 1)
        let epoch = Epoch(incarnation: 1, term: Term(1))
        var coordinator = Coordinator(epoch: epoch, shardCount: 1)
        var now = TestCluster.start
        var shard = SlowShard(
            skew: TimeSpan(milliseconds: skewMilliseconds),
            due: now + .seconds(2)
        )
        while shard.closedAsOf == nil, now < TestCluster.start + .seconds(200) {
            now = now + TimeSpan(milliseconds: 100)
            var effects = coordinator.step(.tick(now: now, state: cluster.state, zone: .utc))
            while let effect = effects.popLast() {
                guard case .tell(_, .sweep(_, let asOf, _), let errand) = effect else { continue }
                let answer = ShardAnswer(shard.sweep(asOf: asOf, now: now))
                effects += coordinator.step(.shardAnswered(errand, answer))
            }
        }
        let closedAsOf = try #require(shard.closedAsOf, "it was never closed")
        #expect(closedAsOf >= shard.due)
        let late = now - shard.due
        #expect(late.milliseconds <= 2 * skewMilliseconds + 3_000, "late by \(late)")
    }

    /// Goal: a clock that lay hours behind for two seconds makes nothing late that falls due soon after, or later.
    @Test(arguments: [Int64(3), 4, 6, 10, 60])
    func aSkewThatIsOverMakesNothingLate(dueSeconds: Int64) throws {
        let cluster = TestCluster.founded(shards: 1)
        let epoch = Epoch(incarnation: 1, term: Term(1))
        var coordinator = Coordinator(epoch: epoch, shardCount: 1)
        var now = TestCluster.start
        let agrees = now + .seconds(2)
        var shard = SlowShard(
            skew: TimeSpan(milliseconds: 4 * 3_600_000),
            due: now + .seconds(dueSeconds)
        )
        while shard.closedAsOf == nil, now < TestCluster.start + .seconds(200) {
            now = now + TimeSpan(milliseconds: 100)
            if now == agrees { shard.skew = .seconds(0) }
            var effects = coordinator.step(.tick(now: now, state: cluster.state, zone: .utc))
            while let effect = effects.popLast() {
                guard case .tell(_, .sweep(_, let asOf, _), let errand) = effect else { continue }
                let answer = ShardAnswer(shard.sweep(asOf: asOf, now: now))
                effects += coordinator.step(.shardAnswered(errand, answer))
            }
        }
        #expect(shard.refusals > 2)
        let late = now - shard.due
        #expect(shard.closedAsOf != nil && late.milliseconds <= 500, "late by \(late)")
    }
}
