import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog
import Testing

@Suite struct ReplicationLogTests {
    private let group = GroupID(rawValue: 7)

    @Test func appendsSyncsReadsAndRecovers() throws {
        let disk = SimulatedDisk()
        let (log, recovered) = try LogFixture.open(disk)
        #expect(recovered.report.isNew && recovered.groups.isEmpty)
        let state = HardState(term: Term(1), vote: NodeID(2), commit: LogIndex(1))
        try log.append([
            .entries(group, (1...5).map { LogFixture.entry($0) }), .hardState(group, state),
        ])
        #expect(log.pendingBytes > 0)
        #expect(try read(log, 1, 5).map(\.index.rawValue) == [1, 2, 3, 4, 5], "before the sync")
        let receipts = try log.sync()
        #expect(receipts.map(\.group) == [group])
        #expect(receipts.first?.last == SnapshotID(index: LogIndex(5), term: Term(1)))
        #expect(receipts.first?.term == Term(1))
        #expect(try log.sync().isEmpty)
        #expect(try read(log, 2, 3) == [LogFixture.entry(2), LogFixture.entry(3)])

        disk.loseUnsynced()
        let (again, found) = try LogFixture.open(disk, opening: .existing)
        #expect(found[group]?.hardState == state)
        #expect(found[group]?.entries == LogIndex(1)...LogIndex(5))
        #expect(found.report.tornTail == nil && !found.report.isNew)
        #expect(try read(again, 1, 5) == (1...5).map { LogFixture.entry($0) })
    }

    private func read(_ log: ReplicationLog, _ from: UInt64, _ through: UInt64) throws -> [Entry] {
        try log.entries(group, from: LogIndex(from), through: LogIndex(through), bytesMax: .max)
    }

    @Test func whatWasNotSyncedIsNotThere() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        try log.append([.entries(group, [LogFixture.entry(1)])])
        _ = try log.sync()
        try log.append([.entries(group, [LogFixture.entry(2)])])
        disk.loseUnsynced()
        let (_, found) = try LogFixture.open(disk)
        #expect(found[group]?.last.index == LogIndex(1))
    }

    @Test func laterEntriesReplaceASuffix() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        try log.append([.entries(group, (1...5).map { LogFixture.entry($0) })])
        try log.append([.entries(group, [LogFixture.entry(3, term: 2)])])
        #expect(log.lastIndex(group) == LogIndex(3))
        #expect(log.term(group, at: LogIndex(3)) == Term(2))
        #expect(log.term(group, at: LogIndex(2)) == Term(1))
        #expect(log.term(group, at: LogIndex(4)) == nil)
        let receipts = try log.sync()
        #expect(receipts.first?.last == SnapshotID(index: LogIndex(3), term: Term(2)))
    }

    @Test func compactionKeepsTheTermBeforeTheFirst() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        try log.append([.entries(group, (1...5).map { LogFixture.entry($0, term: $0) })])
        try log.append([.compact(group, through: LogIndex(3))])
        #expect(log.firstIndex(group) == LogIndex(4) && log.lastIndex(group) == LogIndex(5))
        #expect(log.term(group, at: LogIndex(3)) == Term(3))
        #expect(log.term(group, at: LogIndex(2)) == nil)
        let expected = LogError.unavailable(
            group: group,
            index: LogIndex(3),
            first: LogIndex(4),
            last: LogIndex(5)
        )
        #expect(throws: expected) { try read(log, 3, 4) }
        try log.append([.compact(group, through: LogIndex(2))])
        #expect(log.firstIndex(group) == LogIndex(4), "an older compaction changes nothing")
    }

    @Test func aSnapshotKeepsAMatchingSuffixOnly() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        try log.append([.entries(group, (1...5).map { LogFixture.entry($0) })])
        try log.append([.snapshot(group, SnapshotID(index: LogIndex(3), term: Term(1)))])
        #expect(log.firstIndex(group) == LogIndex(4) && log.lastIndex(group) == LogIndex(5))
        try log.append([.snapshot(group, SnapshotID(index: LogIndex(4), term: Term(2)))])
        #expect(log.firstIndex(group) == LogIndex(5) && log.lastIndex(group) == LogIndex(4))
        try log.append([.entries(group, [LogFixture.entry(5, term: 2)])])
        #expect(log.lastIndex(group) == LogIndex(5))
    }

    @Test func readsStopAtTheByteLimitButGiveOne() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        try log.append([.entries(group, (1...5).map { LogFixture.entry($0, bytes: 100) })])
        _ = try log.sync()
        func count(_ bytesMax: Int) throws -> Int {
            try log.entries(group, from: LogIndex(1), through: LogIndex(5), bytesMax: bytesMax)
                .count
        }
        #expect(try count(0) == 1)
        #expect(try count(199) == 1)
        #expect(try count(200) == 2)
        #expect(try count(10_000) == 5)
        #expect(
            try log.entries(group, from: LogIndex(3), through: LogIndex(2), bytesMax: 9).isEmpty
        )
    }

    @Test func aCallersBugsAreRefused() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        let committed = HardState(term: Term(2), vote: NodeID(1), commit: LogIndex(2))
        try log.append([
            .entries(group, (1...3).map { LogFixture.entry($0) }), .hardState(group, committed),
        ])
        let wrong: [LogWrite] = [
            .entries(group, [LogFixture.entry(5)]),
            .entries(group, [LogFixture.entry(2, term: 2)]),
            .entries(group, [LogFixture.entry(4, term: 0)]),
            .entries(GroupID(rawValue: 9), [LogFixture.entry(0)]),
            .compact(group, through: LogIndex(4)),
            .compact(GroupID(rawValue: 9), through: LogIndex(1)),
            .hardState(group, HardState(term: Term(1))),
            .hardState(group, HardState(term: Term(2), vote: NodeID(3))),
            .hardState(group, HardState(term: Term(3), commit: LogIndex(4))),
            .snapshot(group, SnapshotID(index: LogIndex(1), term: Term(9))),
        ]
        for write in wrong {
            #expect(
                performing: { try log.append([write]) },
                throws: { error in
                    if case LogError.invalidWrite = error { true } else { false }
                }
            )
        }
        #expect(log.groupIDs == [group] && log.lastIndex(group) == LogIndex(3))
        #expect(log.stoppedBy == nil)
        #expect(try log.sync().count == 1)
    }

    @Test func tooLargeARecordIsRefusedWhole() throws {
        let (log, _) = try LogFixture.open(SimulatedDisk())
        let large = LogFixture.entry(2, bytes: 513)
        #expect(throws: LogError.recordTooLarge(group: group, bytes: 513, max: 512)) {
            try log.append([.entries(group, [LogFixture.entry(1), large])])
        }
        #expect(log.lastIndex(group) == .zero && log.pendingBytes == 0)
        try log.append([.entries(group, [LogFixture.entry(1, bytes: 512)])])
    }

    @Test func aCallLargerThanABatchIsSplitAndReceiptedOnce() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        let entries = (1...60).map { LogFixture.entry($0, bytes: 300) }
        try log.append([.entries(group, entries)])
        #expect(log.segmentCount > 1)
        #expect(try log.sync().map(\.last.index) == [LogIndex(60)])
        disk.loseUnsynced()
        let (again, _) = try LogFixture.open(disk)
        #expect(try read(again, 1, 60) == entries)
    }

    @Test func theLockIsExclusive() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        #expect(throws: LogError.locked(file: "log/log.lock")) { _ = try LogFixture.open(disk) }
        log.close()
        _ = try LogFixture.open(disk)
        #expect(throws: LogError.poisoned(by: .closed(directory: "log"))) {
            try log.append([.hardState(group, HardState(term: Term(1)))])
        }
    }

    @Test func aMissingLogIsNotMadeAgain() throws {
        let disk = SimulatedDisk()
        #expect(throws: LogError.missing(directory: "log")) {
            _ = try LogFixture.open(disk, opening: .existing)
        }
    }

    @Test func aContradictoryConfigurationIsRefused() throws {
        var wrong = LogFixture.configuration
        wrong.recordBytesMax = wrong.batchBytesMax
        #expect(
            performing: { _ = try LogFixture.open(SimulatedDisk(), configuration: wrong) },
            throws: { if case LogError.invalidConfiguration = $0 { true } else { false } }
        )
        for bytes in [32 << 10, 256 << 10, 8 << 20] {
            _ = try LogFixture.open(SimulatedDisk(), configuration: .small(segmentBytes: bytes))
        }
    }

    @Test(arguments: UInt64(1)...24)
    func randomWorkloadsAgreeWithAModel(seed: UInt64) throws {
        let disk = SimulatedDisk()
        var workload = LogWorkload(seed: seed)
        var (log, _) = try LogFixture.open(disk)
        for step in 1...600 {
            try log.append(workload.next())
            if step % 3 == 0 { _ = try log.sync() }
            if step % 50 == 0 { _ = try log.mark() }
            if step % 60 == 0 {
                _ = try log.sync()
                log.close()
                let (again, recovered) = try LogFixture.open(disk, opening: .existing)
                let found = try LogModel(again, recovered)
                #expect(found == workload.model, "SIM_SEED=\(seed) step=\(step)")
                log = again
            }
        }
        #expect(log.durableEnd.generation > 4, "the workload rolls; SIM_SEED=\(seed)")
        #expect(UInt64(log.segmentCount) < log.durableEnd.generation, "and retires")
    }
}
