import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog
import Testing

/// The disk refuses: no space, no sync, somebody else's files.
@Suite struct FaultTests {
    private let group = GroupID(rawValue: 1)

    /// A failed sync, wherever it happens, stops the log for good, and is never tried again.
    @Test(arguments: [UInt64(21), 22])
    func aFailedSyncStopsTheLog(seed: UInt64) throws {
        var failing = 0
        while true {
            failing += 1
            let disk = SimulatedDisk()
            disk.syncsUntilFailure = failing
            var candidates = [LogModel()]
            var opened: ReplicationLog?
            do {
                var workload = LogWorkload(seed: seed)
                let (log, _) = try LogFixture.open(disk)
                opened = log
                for step in 1...120 {
                    let writes = workload.next()
                    candidates.append(workload.model)
                    try log.append(writes)
                    guard step % 3 == 0 else { continue }
                    _ = try log.sync()
                    candidates = [workload.model]
                }
                _ = try log.mark()
                #expect(disk.syncs < failing)
                break
            } catch {
                switch error {
                case .io(.synchronize, _, _), .io(.synchronizeDirectory, _, _): break
                default:
                    Issue.record("\(error)")
                    return
                }
                let syncs = disk.syncs
                if let log = opened {
                    #expect(throws: LogError.poisoned(by: error)) { try log.append([]) }
                    #expect(throws: LogError.poisoned(by: error)) { _ = try log.sync() }
                    #expect(throws: LogError.poisoned(by: error)) { _ = try log.mark() }
                    #expect(log.stoppedBy == error)
                }
                #expect(disk.syncs == syncs, "it was not tried again")
            }
            disk.loseUnsynced()
            let (log, recovered) = try LogFixture.open(disk)
            #expect(
                candidates.contains(try LogModel(log, recovered)),
                "SIM_SEED=\(seed) sync=\(failing)"
            )
        }
        #expect(failing > 60)
    }

    /// Fills the disk with entries until they are refused.
    private func fill(_ log: ReplicationLog) throws -> UInt64 {
        var last = log.lastIndex(group).rawValue
        do {
            while last < 10_000 {
                try log.append([.entries(group, [LogFixture.entry(last + 1, bytes: 400)])])
                _ = try log.sync()
                last += 1
            }
            Issue.record("the disk never filled")
        } catch LogError.diskFull(_) {
        }
        return last
    }

    @Test func aFullDiskRefusesEntriesAndRecoversByItself() throws {
        let disk = SimulatedDisk()
        disk.bytesMax = 80 << 10
        let (log, _) = try LogFixture.open(disk)
        let last = try fill(log)
        #expect(last > 50)
        #expect(log.stoppedBy == nil && log.lastIndex(group) == LogIndex(last))
        // Still readable, and what makes space or keeps the group's promises is still taken.
        #expect(
            try log.entries(group, from: LogIndex(1), through: LogIndex(9), bytesMax: .max).count
                == 9
        )
        for term in UInt64(2)...60 {
            try log.append([.hardState(group, HardState(term: Term(term), vote: NodeID(1)))])
            #expect(try log.sync().map(\.term) == [Term(term)])
        }
        #expect(log.isShortOfSpace, "the reserve is in use")
        #expect(
            performing: {
                try log.append([.entries(group, [LogFixture.entry(last + 1, term: 60)])])
            },
            throws: { if case LogError.diskFull = $0 { true } else { false } }
        )
        try log.append([.compact(group, through: LogIndex(last - 5))])
        for term in UInt64(61)...72 {
            try log.append([.hardState(group, HardState(term: Term(term)))])
            _ = try log.sync()
        }
        #expect(!log.isShortOfSpace, "retired segments filled the reserve again")
        try log.append([.entries(group, [LogFixture.entry(last + 1, term: 72)])])
        _ = try log.sync()
        disk.loseUnsynced()
        let (_, recovered) = try LogFixture.open(disk)
        #expect(recovered[group]?.last.index == LogIndex(last + 1))
        #expect(recovered[group]?.hardState.term == Term(72))
    }

    @Test func aFullDiskRefusesACallWhole() throws {
        let disk = SimulatedDisk()
        disk.bytesMax = 60 << 10
        let (log, _) = try LogFixture.open(disk)
        let last = try fill(log)
        let term = Term(9)
        #expect(
            performing: {
                try log.append([
                    .hardState(group, HardState(term: term)),
                    .entries(group, [LogFixture.entry(last + 1, term: 9)]),
                ])
            },
            throws: { if case LogError.diskFull = $0 { true } else { false } }
        )
        #expect(log.pendingBytes == 0)
        disk.bytesMax = 120 << 10
        try log.append([.entries(group, [LogFixture.entry(last + 1)])])
        _ = try log.sync()
        #expect(log.lastIndex(group) == LogIndex(last + 1), "space came back from outside")
    }

    @Test func aNodeOpensOnAFullDisk() throws {
        let disk = SimulatedDisk()
        disk.bytesMax = 60 << 10
        let (log, _) = try LogFixture.open(disk)
        let last = try fill(log)
        for term in UInt64(2)...60 {
            try log.append([.hardState(group, HardState(term: Term(term)))])
            _ = try log.sync()
        }
        disk.bytesMax = disk.bytesUsed
        disk.loseUnsynced()
        let (again, recovered) = try LogFixture.open(disk)
        #expect(again.isShortOfSpace)
        #expect(recovered[group]?.last.index == LogIndex(last))
    }

    @Test func noRoomForAFirstLogIsATypedError() throws {
        let disk = SimulatedDisk()
        disk.bytesMax = 10 << 10
        #expect(
            performing: { _ = try LogFixture.open(disk) },
            throws: { if case LogError.diskFull = $0 { true } else { false } }
        )
        disk.bytesMax = .max
        disk.endProcess()
        _ = try LogFixture.open(disk)
    }

    /// A file system that copies on write can run out of space in a reserved place.
    @Test func aRefusedWriteCanBeRepeated() throws {
        let disk = SimulatedDisk()
        let (log, _) = try LogFixture.open(disk)
        try log.append([.entries(group, [LogFixture.entry(1)])])
        disk.fullSuffix = ".log"
        #expect(throws: LogError.diskFull(file: LogFixture.segmentPath(1))) { _ = try log.sync() }
        #expect(log.pendingBytes > 0)
        disk.fullSuffix = nil
        #expect(try log.sync().map(\.last.index) == [LogIndex(1)])
        disk.loseUnsynced()
        let (_, recovered) = try LogFixture.open(disk)
        #expect(recovered[group]?.last.index == LogIndex(1))
    }

    @Test func anothersLogIsRefused() throws {
        let disk = SimulatedDisk()
        try LogFixture.open(disk).log.close()
        let mine = LogFixture.identity
        let strangers = [
            LogIdentity(cluster: mine.cluster, node: NodeID(4)),
            LogIdentity(cluster: mine.cluster.reversed(), node: mine.node),
        ]
        for stranger in strangers {
            let copy = disk.copy()
            #expect(
                performing: { _ = try LogFixture.open(copy, identity: stranger) },
                throws: { if case LogError.foreign = $0 { true } else { false } }
            )
        }
        let other = SimulatedDisk()
        try LogFixture.open(other, identity: strangers[0]).log.close()
        disk.replace(LogFixture.segmentPath(1), with: other.bytes(LogFixture.segmentPath(1)))
        #expect(
            performing: { _ = try LogFixture.open(disk) },
            throws: { if case LogError.foreign = $0 { true } else { false } }
        )
    }

    @Test func aNewerFormatIsRefused() throws {
        let disk = SimulatedDisk()
        try LogFixture.open(disk).log.close()
        for (path, starts) in [("log/log.meta", [0, 4096]), (LogFixture.segmentPath(1), [0])] {
            let copy = disk.copy()
            var bytes = copy.bytes(path)
            for start in starts {
                bytes[start + 8] = 2
                let sum = CRC32C.checksum(bytes[start..<start + 12])
                for byte in 0..<4 {
                    bytes[start + 12 + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * byte))
                }
            }
            copy.replace(path, with: bytes)
            #expect(throws: LogError.newerFormat(file: path, version: 2, known: 1)) {
                _ = try LogFixture.open(copy)
            }
        }
    }
}
