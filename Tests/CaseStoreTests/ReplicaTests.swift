import CaseModel
import ClusterPrimitives
import Foundation
import Testing

@testable import CaseStore

/// The store against a naive shard, and replicas against each other, on random logs.
@Suite struct ReplicaTests {
    /// Small, so that a log of a few hundred entries meets every bound.
    private static let retention = Retention(
        keyLifetime: .days(1),
        keySlack: .seconds(60),
        keyPageMax: 3,
        feedLifetime: .days(2),
        feedRowsMax: 40,
        feedPageMax: 7
    )

    private func open(
        _ directory: TemporaryDirectory,
        _ name: String
    ) throws -> ShardStore {
        try ShardStore(
            at: directory.location(name),
            shard: shardUnderTest,
            configuration: StoreConfiguration(),
            retention: Self.retention
        )
    }

    @Test(arguments: UInt64(1)...24)
    func answersAndRowsAreTheNaiveShards(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let log = RandomLog(seed: seed, count: 400, retention: Self.retention)
        let store = try open(directory, "one")
        var random = SeededGenerator(seed: seed ^ 0xABCD)
        var rest = log.entries[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Int.random(in: 1...50, using: &random)))
            rest = rest.dropFirst(batch.count)
            // Some transactions hold several batches.
            let results = try store.extend(batch)
            if rest.isEmpty || Bool.random(using: &random) { try store.commit() }
            for (entry, result) in zip(batch, results) {
                let expected = log.answers[Int(entry.index.rawValue) - 1]
                let answer: ShardResult? =
                    if case .answered(let answer, _) = result.outcome { answer } else { nil }
                #expect(answer == expected, "SIM_SEED=\(seed) index=\(entry.index)")
            }
        }
        try compare(store, log.naive, seed: seed)
    }

    private func compare(_ store: ShardStore, _ naive: NaiveShard, seed: UInt64) throws {
        #expect(store.shardTime == naive.now, "SIM_SEED=\(seed)")
        #expect(store.lastCaseID == naive.lastID, "SIM_SEED=\(seed)")
        for status in CaseStatus.allCases {
            let expected = naive.cases.count { $0.status == status }
            #expect(store.state.count(status) == UInt64(expected), "SIM_SEED=\(seed) \(status)")
        }
        try store.read { reader throws(StoreError) in
            for record in naive.cases {
                let found = try reader.record(record.id)
                #expect(found == record, "SIM_SEED=\(seed) \(record.id)")
                let entries = try reader.entries(of: record.id, limit: 1_000, includeStaff: true)
                let events = try entries.map { entry throws(StoreError) -> CaseEvent in
                    let raw = try reader.raw(of: record.id, entry: entry.number, includeStaff: true)
                    return entry.event.joiningRaw(raw)
                }
                #expect(events == naive.events[record.id], "SIM_SEED=\(seed) \(record.id)")
                guard case .intact = try reader.verify(record.id) else {
                    Issue.record("SIM_SEED=\(seed) the chain of \(record.id) is broken")
                    continue
                }
            }
            for claim in naive.claims {
                let found = try reader.claim(key: claim.key, channel: claim.channel)
                #expect(found?.caseID == claim.caseID, "SIM_SEED=\(seed)")
                #expect(found?.contentHash == claim.contentHash, "SIM_SEED=\(seed)")
            }
            for key in naive.keys {
                let found = try reader.keyResult(key.scope, byIntake: key.isContact)
                #expect(found == .remembered(key.result), "SIM_SEED=\(seed)")
            }
            let nextDueAt = try reader.nextDueAt()
            #expect(nextDueAt == naive.cases.compactMap(\.dueAt).min(), "SIM_SEED=\(seed)")
        }
    }

    /// Replicas meet the same log in other batches, with restarts, checkpoints, repeated entries and a
    /// snapshot in between; each ends with the same rows.
    @Test(arguments: UInt64(100)...112)
    func replicasAgreeHoweverTheLogIsCut(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let log = RandomLog(seed: seed, count: 300, retention: Self.retention)
        let first = try open(directory, "first")
        _ = try first.apply(log.entries)
        let expected = try first.replicaChecksum()
        var random = SeededGenerator(seed: seed)
        var store = try open(directory, "second")
        var copies = 0
        while store.appliedIndex.rawValue < UInt64(log.entries.count) {
            // Some of what is sent was applied before.
            let start = max(
                0,
                Int(store.appliedIndex.rawValue) - Int.random(in: 0...5, using: &random)
            )
            let count = Int.random(in: 1...40, using: &random)
            _ = try store.apply(Array(log.entries[start...].prefix(count)))
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                try store.close()
                store = try open(directory, "second")
            case 1:
                let outcome = try store.checkpoint()
                #expect(outcome.isComplete && outcome.durableIndex == store.appliedIndex)
            case 2:
                copies += 1
                let info = try store.snapshot(to: directory.location("copy\(copies)"))
                #expect(info.index == store.appliedIndex)
                try store.close()
                store = try open(directory, "copy\(copies)")
                #expect(store.appliedIndex == info.index)
                // Goes on in the copy, and a later reopening under the old name would lose that.
                let name = "second"
                for suffix in ["", "-wal", "-shm"] {
                    try SystemFiles().remove(directory.location(name).path + suffix)
                }
                try store.close()
                try SystemFiles().rename(
                    directory.location("copy\(copies)").path,
                    to: directory.location(name).path
                )
                store = try open(directory, name)
            default: break
            }
        }
        #expect(try store.replicaChecksum() == expected, "SIM_SEED=\(seed)")
        #expect(store.state == first.state, "SIM_SEED=\(seed)")
    }

    /// A crash leaves the file and a part of its write-ahead log. Whatever part: the store opens at the end of
    /// some batch, with exactly that batch's rows, and the log brings it up again.
    @Test(arguments: UInt64(200)...215)
    func aCrashLeavesTheEndOfSomeBatch(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let log = RandomLog(seed: seed, count: 200, retention: Self.retention)
        let store = try open(directory, "running")
        var random = SeededGenerator(seed: seed)
        var checksums = [LogIndex.zero: try store.replicaChecksum()]
        var rest = log.entries[...]
        var checkpointed = LogIndex.zero
        // A checkpoint syncs the write-ahead log, and the next write starts it anew: only what was written
        // since may be lost.
        var isSynced = false
        let crashAfter = Int.random(in: 3...12, using: &random)
        for _ in 0..<crashAfter where !rest.isEmpty {
            let batch = Array(rest.prefix(Int.random(in: 1...20, using: &random)))
            rest = rest.dropFirst(batch.count)
            _ = try store.apply(batch)
            isSynced = false
            checksums[store.appliedIndex] = try store.replicaChecksum()
            if Bool.random(using: &random), Bool.random(using: &random) {
                checkpointed = try store.checkpoint().durableIndex
                isSynced = true
            }
        }
        let crashed = directory.location("crashed")
        let running = directory.location("running")
        let file = try Data(contentsOf: URL(fileURLWithPath: running.path))
        let wal = try Data(contentsOf: URL(fileURLWithPath: running.path + "-wal"))
        let isWhole = isSynced || Bool.random(using: &random)
        let kept = isWhole ? wal.count : Int.random(in: 0...wal.count, using: &random)
        try file.write(to: URL(fileURLWithPath: crashed.path))
        try wal.prefix(kept).write(to: URL(fileURLWithPath: crashed.path + "-wal"))
        let recovered = try open(directory, "crashed")
        let index = recovered.appliedIndex
        #expect(index >= checkpointed, "SIM_SEED=\(seed) a checkpoint was durable")
        #expect(kept < wal.count || index == store.appliedIndex, "SIM_SEED=\(seed)")
        let checksum = try recovered.replicaChecksum()
        #expect(checksum == checksums[index], "SIM_SEED=\(seed) index=\(index)")
        _ = try recovered.apply(log.entries)
        _ = try store.apply(log.entries)
        let (left, right) = (try recovered.replicaChecksum(), try store.replicaChecksum())
        #expect(left == right, "SIM_SEED=\(seed)")
    }
}
