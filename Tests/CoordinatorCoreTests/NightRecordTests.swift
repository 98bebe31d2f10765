import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct NightRecordTests {
    @Test func planDoneFinished() throws {
        var cluster = TestCluster.founded(shards: 2)
        cluster.advance(.seconds(100))
        let boundary = cluster.now + .seconds(-1)
        let plan = SystemCommand.planNight(number: 1, boundary: boundary, epoch: cluster.epoch)
        cluster.must(plan, plan)
        #expect(cluster.state.runningNight?.boundary == boundary)
        let early = cluster.apply(.nightFinished(number: 1, epoch: cluster.epoch)).refusal
        #expect(early == .nightIncomplete(shardsMissing: 2))
        let second = SystemCommand.planNight(
            number: 2,
            boundary: cluster.now,
            epoch: cluster.epoch
        )
        #expect(cluster.apply(second).refusal == .nightRunning(number: 1))
        for shard in 0..<UInt16(2) {
            let done = SystemCommand.nightShardDone(
                number: 1,
                shard: ShardID(shard),
                epoch: cluster.epoch
            )
            cluster.must(done, done)
        }
        #expect(cluster.state.runningNight?.shardsDone.missing(of: 2) == [])
        let finish = SystemCommand.nightFinished(number: 1, epoch: cluster.epoch)
        cluster.must(finish, finish)
        #expect(cluster.state.runningNight == nil)
        #expect(cluster.state.lastNight?.finishedAt == cluster.now)
        cluster.must(second)
        // Repeats of the night before are harmless.
        cluster.must(.nightShardDone(number: 1, shard: ShardID(0), epoch: cluster.epoch), finish)
        #expect(cluster.state.runningNight?.shardsDone.count == 0)
        #expect(try cluster.reloaded() == cluster.state)
    }

    @Test func refusals() {
        var cluster = TestCluster.founded(shards: 2)
        let founded = cluster.now
        cluster.advance(.seconds(100))
        let now = cluster.now
        let epoch = cluster.epoch
        let cases: [(SystemCommand, SystemRefusal)] = [
            (
                .planNight(number: 2, boundary: now, epoch: epoch),
                .wrongNight(expected: 1)
            ),
            (
                .planNight(number: 1, boundary: founded, epoch: epoch),
                .invalid(field: "boundary", reason: "is not after the last one")
            ),
            (
                .planNight(number: 1, boundary: now + TimeSpan(milliseconds: 1), epoch: epoch),
                .notDue(boundary: now + TimeSpan(milliseconds: 1))
            ),
            (.nightShardDone(number: 1, shard: ShardID(0), epoch: epoch), .wrongNight(expected: 0)),
            (.nightFinished(number: 0, epoch: epoch), .wrongNight(expected: 0)),
            (
                .nightShardDone(number: 1, shard: ShardID(2), epoch: epoch),
                .notFound(field: "shard", id: "2")
            ),
        ]
        for (command, refusal) in cases { #expect(cluster.apply(command).refusal == refusal) }
        #expect(cluster.state.nights.isEmpty)
    }

    @Test func theRecordIsBoundedAndNumbersGoOn() throws {
        var cluster = TestCluster.founded(shards: 1)
        for number in UInt64(1)...100 {
            cluster.advance(.seconds(5))
            cluster.must(
                .planNight(number: number, boundary: cluster.now, epoch: cluster.epoch),
                .nightShardDone(number: number, shard: ShardID(0), epoch: cluster.epoch),
                .nightFinished(number: number, epoch: cluster.epoch)
            )
        }
        #expect(cluster.state.nights.count == SystemLimits.nightsKept)
        #expect(cluster.state.nights.first?.number == 37)
        #expect(cluster.state.nextNightNumber == 101)
        #expect(try cluster.reloaded() == cluster.state)
        let again = SystemCommand.planNight(number: 5, boundary: cluster.now, epoch: cluster.epoch)
        #expect(cluster.apply(again).refusal == .wrongNight(expected: 101))
    }
}
