import CaseModel
import ClusterPrimitives
import Foundation
import Testing

@testable import CaseStore

/// What a checkpoint says is durable, and that nothing waits for it or for readers.
@Suite struct CheckpointTests {
    private func size(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.size] as? Int)
    }

    @Test func aCompleteCheckpointNeedsNoWriteAheadLog() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let outcome = try fixture.store.checkpoint()
        #expect(outcome.isComplete)
        #expect(outcome.durableIndex == LogIndex(1))
        #expect(outcome.walFrames == outcome.copiedFrames && outcome.walFrames > 0)
        // The file alone, as after a power loss that took the write-ahead log with it.
        let alone = fixture.directory.location("alone")
        try Data(contentsOf: URL(fileURLWithPath: fixture.location.path))
            .write(to: URL(fileURLWithPath: alone.path))
        let store = try ShardStore(at: alone, shard: shardUnderTest)
        #expect(store.appliedIndex == LogIndex(1))
        #expect(try store.replicaChecksum() == fixture.store.replicaChecksum())
        #expect(store.lastCaseID == made.id)
    }

    @Test func nothingIsCopiedUnasked() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let before = try size(fixture.location.path)
        for _ in 0..<2_000 { fixture.log.add(command(People.boss, .note("n"), on: made.id)) }
        try fixture.applyPending()
        #expect(try size(fixture.location.path) == before)
        let outcome = try fixture.store.checkpoint()
        #expect(outcome.isComplete && outcome.durableIndex == LogIndex(2_001))
        #expect(try size(fixture.location.path) > before)
    }

    @Test func aReaderHoldsBackAndIsHeldBackByNothing() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        // Another thread's work in the middle of a read.
        let work: @Sendable () throws -> (Int, CheckpointOutcome) = {
            [store = fixture.store, first = fixture.log.entries[0]] in
            var log = LogMaker()
            log.add(payload: first.payload)
            log.add(command(People.boss, .note("n"), on: made.id), key: "other")
            return (try store.apply(log.entries).count, try store.checkpoint())
        }
        var done: Result<(Int, CheckpointOutcome), any Error>?
        try fixture.store.read { reader throws(StoreError) in
            let before = try reader.state().appliedIndex
            let thread = WorkThread(work)
            done = Result { try thread.join() }
            // This snapshot is what it was.
            #expect(try reader.state().appliedIndex == before)
            #expect(try reader.record(made.id)?.version == 1)
        }
        let (count, during) = try #require(try done?.get())
        #expect(count == 2)
        #expect(!during.isComplete)
        #expect(during.durableIndex == LogIndex(2))
        let outcome = try fixture.store.checkpoint()
        #expect(outcome.isComplete && outcome.durableIndex == LogIndex(2))
    }

    @Test func aLogThatHasGrownIsStartedAnew() throws {
        let directory = try TemporaryDirectory()
        var configuration = StoreConfiguration()
        configuration.walBytesMax = 100_000
        let store = try ShardStore(
            at: directory.location(),
            shard: shardUnderTest,
            configuration: configuration
        )
        var largest = 0
        let log = RandomLog(seed: 3, count: 600)
        var rest = log.entries[...]
        while !rest.isEmpty {
            _ = try store.apply(Array(rest.prefix(10)))
            rest = rest.dropFirst(10)
            #expect(try store.checkpoint().isComplete)
            largest = max(largest, try size(directory.location().walPath))
        }
        #expect(largest < 1_000_000)
    }

    @Test func aReadThatLastsTooLongIsEnded() throws {
        let directory = try TemporaryDirectory()
        var configuration = StoreConfiguration()
        configuration.readerAgeMax = .nanoseconds(1)
        let store = try ShardStore(
            at: directory.location(),
            shard: shardUnderTest,
            configuration: configuration
        )
        _ = try store.apply(RandomLog(seed: 4, count: 600).entries)
        #expect(throws: StoreError.readerTooOld) {
            try store.read { reader throws(StoreError) in
                var query = CaseQuery(scope: nil)
                query.limit = 1_000
                for _ in 0..<1_000 { _ = try reader.list(query) }
            }
        }
        // The connection is as good as before, and a failed read stops nothing.
        #expect(try store.replicaChecksum() != .zero)
        let next = CommittedEntry(index: LogIndex(601), term: Term(99), payload: [])
        #expect(try store.apply([next]).count == 1)
    }

    /// Applying, reading and checkpointing at once; the result is as without.
    @Test func threadsDoNotDisturbEachOther() throws {
        let directory = try TemporaryDirectory()
        let store = try ShardStore(at: directory.location(), shard: shardUnderTest)
        let log = RandomLog(seed: 8, count: 800)
        let end = LogIndex(UInt64(log.entries.count))
        let checkpoints = WorkThread {
            var last = LogIndex.zero
            while last < end {
                let outcome = try store.checkpoint()
                guard outcome.durableIndex >= last else { throw FixtureError.noAnswer }
                last = outcome.durableIndex
            }
            return last
        }
        let reads = WorkThread {
            var last = LogIndex.zero
            while last < end {
                last = try store.read { reader throws(StoreError) in
                    let state = try reader.state()
                    let counted = state.counts.reduce(0, +)
                    let listed = try reader.list(CaseQuery(scope: People.boss)).records.count
                    return counted >= UInt64(listed) ? state.appliedIndex : LogIndex(.max)
                }
            }
            return last
        }
        var rest = log.entries[...]
        while !rest.isEmpty {
            _ = try store.apply(Array(rest.prefix(7)))
            rest = rest.dropFirst(7)
        }
        #expect(try checkpoints.join() == end)
        #expect(try reads.join() == end)
        let other = try ShardStore(at: directory.location("other"), shard: shardUnderTest)
        _ = try other.apply(log.entries)
        #expect(try store.replicaChecksum() == other.replicaChecksum())
    }
}
