import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog
import Testing

/// Segments go when nothing live stands in them; quiet groups do not hold them.
@Suite struct RetirementTests {
    private let busy = GroupID(rawValue: 1)
    private let quiet = GroupID(rawValue: 2)

    /// Appends and compacts in the busy group until the log has rolled so often.
    private func roll(_ log: ReplicationLog, times: UInt64) throws {
        let end = log.durableEnd.generation + times
        while log.durableEnd.generation < end {
            let next = log.lastIndex(busy).rawValue + 1
            try log.append([
                .entries(busy, [LogFixture.entry(next, bytes: 400)]),
                .compact(busy, through: LogIndex(next)),
            ])
            _ = try log.sync()
        }
    }

    @Test func aQuietGroupIsMovedForward() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        let state = HardState(term: Term(4), vote: NodeID(2), commit: LogIndex(12))
        let entries = (11...14).map { LogFixture.entry($0, term: 4) }
        try log.append([
            .snapshot(quiet, SnapshotID(index: LogIndex(10), term: Term(3))),
            .configuration(quiet, [9, 8, 7]),
            .entries(quiet, entries),
            .hardState(quiet, state),
        ])
        _ = try log.sync()
        try roll(log, times: 8)
        #expect(log.segmentCount <= LogFixture.configuration.moveSegmentsMin)
        #expect(
            try log.entries(quiet, from: LogIndex(11), through: LogIndex(14), bytesMax: .max)
                == entries
        )
        disk.loseUnsynced()
        let (again, recovered) = try LogFixture.open(disk)
        let group = try #require(recovered[quiet])
        #expect(group.hardState == state && group.configuration == [9, 8, 7])
        #expect(group.snapshot == SnapshotID(index: LogIndex(10), term: Term(3)))
        #expect(group.base == group.snapshot)
        #expect(
            try again.entries(quiet, from: LogIndex(11), through: LogIndex(14), bytesMax: .max)
                == entries
        )
    }

    @Test func aGroupTooLargeToMoveIsNamed() throws {
        var limits = LogFixture.configuration
        limits.segmentsWanted = 4
        let (log, _) = try LogFixture.open(SimulatedDisk(), configuration: limits)
        try log.append([.entries(quiet, (1...10).map { LogFixture.entry($0, bytes: 200) })])
        _ = try log.sync()
        #expect(log.compactionWanted().isEmpty)
        try roll(log, times: 6)
        #expect(log.segmentCount == 7)
        #expect(log.compactionWanted().map(\.group) == [busy, quiet].filter { $0 == quiet })
        try log.append([.compact(quiet, through: LogIndex(9))])
        for _ in 0..<8 { try roll(log, times: 1) }
        #expect(log.segmentCount <= LogFixture.configuration.moveSegmentsMin)
        #expect(log.compactionWanted().isEmpty)
    }

    @Test func aRemovedGroupHoldsNothing() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        try log.append([.entries(quiet, (1...10).map { LogFixture.entry($0, bytes: 200) })])
        try log.append([.removeGroup(quiet)])
        #expect(try log.sync().isEmpty, "no receipt for what is gone")
        try roll(log, times: 5)
        #expect(log.segmentCount <= 2)
        disk.loseUnsynced()
        let (again, recovered) = try LogFixture.open(disk)
        #expect(recovered[quiet] == nil)
        try again.append([.entries(quiet, [LogFixture.entry(1)])])
        #expect(again.lastIndex(quiet) == LogIndex(1), "the id starts afresh")
    }

    /// A compaction stands in a later segment than the suffix that it keeps; the suffix is moved
    /// behind entries that follow it. Recovery meets the group in the middle.
    @Test func aGroupThatStartsInARetiredSegmentIsPutTogether() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        try log.append([.entries(quiet, (1...12).map { LogFixture.entry($0) })])
        _ = try log.sync()
        try roll(log, times: 1)
        try log.append([
            .compact(quiet, through: LogIndex(10)),
            .entries(quiet, [LogFixture.entry(13)]),
        ])
        _ = try log.sync()
        try roll(log, times: 6)
        disk.loseUnsynced()
        let (again, recovered) = try LogFixture.open(disk)
        #expect(recovered[quiet]?.entries == LogIndex(11)...LogIndex(13))
        #expect(recovered[quiet]?.base.term == Term(1))
        let found = try again.entries(
            quiet,
            from: LogIndex(11),
            through: LogIndex(13),
            bytesMax: .max
        )
        #expect(found == (11...13).map { LogFixture.entry($0) })
    }

    @Test func segmentsOfAnotherSizeStayReadable() throws {
        let disk = SimulatedDisk()
        var (log, _) = try LogFixture.open(disk)
        try roll(log, times: 1)
        try log.append([.entries(quiet, [LogFixture.entry(1)])])
        _ = try log.sync()
        log.close()
        for bytes in [64 << 10, 8 << 10] {
            var limits = LogFixture.configuration
            limits.segmentBytes = bytes
            limits.batchBytesMax = bytes == 8 << 10 ? 1 << 10 : 4 << 10
            limits.moveBytesMax = bytes / 4
            let recovered: RecoveredLog
            (log, recovered) = try LogFixture.open(disk, configuration: limits)
            #expect(recovered[quiet]?.last.index == LogIndex(1))
            try roll(log, times: 5)
            log.close()
        }
    }
}
