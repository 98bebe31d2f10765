import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog
import Testing

/// Damage at rest: what was durable is never given up silently, what was not is cut.
@Suite struct DamageTests {
    private static let limits = LogConfiguration(
        segmentBytes: 8 << 10,
        batchBytesMax: 1 << 10,
        recordBytesMax: 256,
        reserveSegments: 0,
        moveGroupBytesMax: 512,
        moveBytesMax: 2 << 10
    )
    private static let headerBytes = 4096
    private static let group = GroupID(rawValue: 1)

    private func open(
        _ disk: SimulatedDisk
    ) throws(LogError) -> (log: ReplicationLog, recovered: RecoveredLog) {
        try LogFixture.open(disk, configuration: Self.limits)
    }

    private func model(_ disk: SimulatedDisk) throws(LogError) -> LogModel {
        let (log, recovered) = try open(disk)
        defer { log.close() }
        return try LogModel(log, recovered)
    }

    /// Some calls, each synced, over two segments, marked at the end.
    private func marked() throws -> (SimulatedDisk, LogModel, LogPosition) {
        let disk = SimulatedDisk()
        let (log, _) = try open(disk)
        var index: UInt64 = 0
        while log.segmentCount < 2 || log.durableEnd.offset < 5_200 {
            try log.append([
                .entries(Self.group, (1...3).map { LogFixture.entry(index + $0, bytes: 40) }),
                .hardState(Self.group, HardState(term: Term(1), commit: LogIndex(index))),
            ])
            _ = try log.sync()
            index += 3
        }
        _ = try log.mark()
        log.close()
        return (disk, try model(disk.copy()), log.durableEnd)
    }

    private func requireRefusal(
        _ disk: SimulatedDisk,
        _ path: String,
        _ damaged: Int,
        _ label: String
    ) {
        let before = disk.bytes(path)
        do {
            _ = try open(disk)
            Issue.record("opened; \(label)")
        } catch {
            guard case .corrupted(let file, let offset, _) = error else {
                Issue.record("\(error); \(label)")
                return
            }
            #expect(file == path, "\(label)")
            #expect(Int(offset) <= damaged && damaged - Int(offset) < Self.headerBytes, "\(label)")
        }
        #expect(disk.bytes(path) == before, "nothing was cut; \(label)")
    }

    /// Every byte of the batches, and of the headers what is not a run of zeros.
    private func damagedOffsets(end: Int) -> [Int] {
        Array(0..<96) + Array(stride(from: 96, to: 4080, by: 41)) + Array(4080..<end)
    }

    @Test func everyFlippedByteBelowTheMarkIsRefused() throws {
        let (disk, _, mark) = try marked()
        var random = SeededGenerator(seed: 5)
        let firstEnd = try #require(end(ofFirstSegment: disk))
        for (generation, end) in [(UInt64(1), firstEnd), (2, Int(mark.offset))] {
            let path = LogFixture.segmentPath(generation)
            for offset in damagedOffsets(end: end) {
                let copy = disk.copy()
                var bytes = copy.bytes(path)
                bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                copy.replace(path, with: bytes)
                requireRefusal(copy, path, offset, "generation \(generation) byte \(offset)")
            }
        }
    }

    /// The second segment's header names it, at byte 32.
    private func end(ofFirstSegment disk: SimulatedDisk) -> Int? {
        let header = disk.bytes(LogFixture.segmentPath(2))
        guard header.count > 40 else { return nil }
        return header[32..<40].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    @Test func everyCutBelowTheMarkIsRefused() throws {
        let (disk, _, mark) = try marked()
        let path = LogFixture.segmentPath(2)
        let bytes = disk.bytes(path)
        let used = bytes[..<Int(mark.offset)].lastIndex { $0 != 0 } ?? 0
        #expect(used > 5_000)
        for offset in damagedOffsets(end: used + 1) {
            let shorter = disk.copy()
            shorter.replace(path, with: Array(bytes[..<offset]))
            requireRefusal(shorter, path, offset, "cut at \(offset)")
            let wiped = disk.copy()
            let zeros = [UInt8](repeating: 0, count: bytes.count - offset)
            wiped.replace(path, with: Array(bytes[..<offset]) + zeros)
            let changed = bytes[offset...].firstIndex { $0 != 0 } ?? offset
            requireRefusal(wiped, path, changed, "zeros from \(offset)")
        }
    }

    @Test func bytesBehindTheLogsEndDoNotMatter() throws {
        let (disk, expected, mark) = try marked()
        var random = SeededGenerator(seed: 6)
        let firstEnd = try #require(end(ofFirstSegment: disk))
        for generation in [UInt64(1), 2] {
            let path = LogFixture.segmentPath(generation)
            let end = generation == 1 ? firstEnd : Int(mark.offset)
            for offset in stride(from: end, to: disk.bytes(path).count, by: 53) {
                let copy = disk.copy()
                var bytes = copy.bytes(path)
                bytes[offset] = UInt8.random(in: 1...255, using: &random)
                copy.replace(path, with: bytes)
                #expect(try model(copy) == expected, "generation \(generation) byte \(offset)")
            }
        }
    }

    @Test func aMissingSegmentIsRefused() throws {
        let (disk, _, _) = try marked()
        for generation in [UInt64(1), 2] {
            let copy = disk.copy()
            let path = LogFixture.segmentPath(generation)
            copy.drop(path)
            let reason = "the segment is missing"
            #expect(throws: LogError.corrupted(file: path, offset: 0, reason: reason)) {
                _ = try open(copy)
            }
        }
    }

    @Test func exchangedSegmentsAreRefused() throws {
        let (disk, _, _) = try marked()
        disk.move(LogFixture.segmentPath(1), to: "aside")
        disk.move(LogFixture.segmentPath(2), to: LogFixture.segmentPath(1))
        disk.move("aside", to: LogFixture.segmentPath(2))
        requireRefusal(disk, LogFixture.segmentPath(1), 16, "exchanged")
    }

    @Test func damagedMetadataNeverLosesAnything() throws {
        let (disk, expected, _) = try marked()
        let path = "log/log.meta"
        let bytes = disk.bytes(path)
        for offset in [0..<64, 500..<512, 4096..<4160, 4596..<4608].joined() {
            let copy = disk.copy()
            var damaged = bytes
            damaged[offset] ^= 1
            copy.replace(path, with: damaged)
            #expect(try model(copy) == expected, "byte \(offset)")
        }
        for length in [0, 100, 512, 4096, 8191] {
            let copy = disk.copy()
            copy.replace(path, with: Array(bytes[..<length]))
            requireRefusal(copy, path, length, "cut at \(length)")
        }
        let zeros = disk.copy()
        zeros.replace(path, with: [UInt8](repeating: 0, count: bytes.count))
        requireRefusal(zeros, path, 0, "zeros")
        disk.drop(path)
        #expect(
            performing: { _ = try open(disk) },
            throws: { if case LogError.corrupted(path, 0, _) = $0 { true } else { false } }
        )
    }

    /// The last batch, not marked, reaches the disk up to any byte: nothing before it suffers, and
    /// nothing of it ever joins what is written there next.
    @Test func everyCutOfAnUnsyncedTail() throws {
        let disk = SimulatedDisk()
        let (log, _) = try open(disk)
        try log.append([.entries(Self.group, (1...3).map { LogFixture.entry($0) })])
        _ = try log.sync()
        let start = Int(log.durableEnd.offset)
        let before = try model(disk.copy())
        try log.append([.entries(Self.group, (4...8).map { LogFixture.entry($0, bytes: 60) })])
        _ = try log.sync()
        let end = Int(log.durableEnd.offset)
        let after = try model(disk.copy())
        let path = LogFixture.segmentPath(1)
        let whole = disk.bytes(path)
        for cut in start...end {
            let copy = disk.copy()
            var bytes = whole
            for offset in cut..<end { bytes[offset] = 0 }
            copy.replace(path, with: bytes)
            let (again, recovered) = try open(copy)
            let isWhole = bytes == whole
            #expect(try LogModel(again, recovered) == (isWhole ? after : before), "cut at \(cut)")
            #expect(
                (recovered.report.tornTail != nil) == (cut > start && !isWhole),
                "cut at \(cut)"
            )
            if let torn = recovered.report.tornTail {
                #expect(torn.file == path && Int(torn.offset) == start)
            }
            let next = again.lastIndex(Self.group).rawValue + 1
            try again.append([.entries(Self.group, [LogFixture.entry(next, term: 2)])])
            _ = try again.sync()
            copy.loseUnsynced()
            let (_, last) = try open(copy)
            #expect(last[Self.group]?.last.index == LogIndex(next), "cut at \(cut)")
        }
    }

    /// Without a mark: a batch that another one names durable is not a torn tail.
    @Test func aLaterBatchBearsWitness() throws {
        let disk = SimulatedDisk()
        let (log, _) = try open(disk)
        var starts: [Int] = []
        for index in UInt64(1)...4 {
            starts.append(Int(log.durableEnd.offset))
            try log.append([.entries(Self.group, [LogFixture.entry(index)])])
            _ = try log.sync()
        }
        let path = LogFixture.segmentPath(1)
        let end = Int(log.durableEnd.offset)
        for offset in starts[0]..<end {
            let copy = disk.copy()
            var bytes = copy.bytes(path)
            bytes[offset] ^= 4
            copy.replace(path, with: bytes)
            if offset < starts[3] {
                requireRefusal(copy, path, offset, "byte \(offset)")
            } else {
                // The last batch: above every witness, so it passes for torn. A mark is what
                // forbids it.
                let (_, recovered) = try open(copy)
                #expect(recovered[Self.group]?.last.index == LogIndex(3))
                #expect(recovered.report.tornTail?.offset == UInt64(starts[3]))
            }
        }
    }

    /// Equal batches: in a reused segment, where the log ends, an old batch starts, whole but for
    /// its place in time.
    @Test func staleBatchesOfAReusedSegmentDoNotCheck() throws {
        let disk = SimulatedDisk()
        let (log, _) = try open(disk)
        var reused = 0
        for index in UInt64(1)...120 {
            try log.append([.entries(Self.group, [LogFixture.entry(index, bytes: 200)])])
            _ = try log.sync()
            if index > 2 { try log.append([.compact(Self.group, through: LogIndex(index - 2))]) }
            _ = try log.sync()
            let path = LogFixture.segmentPath(log.durableEnd.generation)
            let bytes = disk.bytes(path)
            let end = Int(log.durableEnd.offset)
            guard bytes[48] & 1 == 1, end + 8 < bytes.count,
                Array(bytes[end + 4..<end + 8]) == Array("CCBT".utf8)
            else { continue }
            reused += 1
            let (again, recovered) = try open(disk.copy())
            #expect(again.lastIndex(Self.group) == LogIndex(index))
            #expect(recovered.report.tornTail == nil)
        }
        #expect(reused > 20, "old batches did stand at the end \(reused) times")
    }

    @Test func aDamagedEntryIsNotHandedOut() throws {
        let disk = SimulatedDisk()
        let (log, _) = try open(disk)
        try log.append([.entries(Self.group, [LogFixture.entry(1)])])
        _ = try log.sync()
        let path = LogFixture.segmentPath(1)
        var bytes = disk.bytes(path)
        bytes[Self.headerBytes + 32 + 16 + 16 + 3] ^= 1
        disk.replace(path, with: bytes)
        #expect(
            performing: {
                _ = try log.entries(
                    Self.group,
                    from: LogIndex(1),
                    through: LogIndex(1),
                    bytesMax: 1
                )
            },
            throws: { if case LogError.corrupted(path, 4128, _) = $0 { true } else { false } }
        )
    }
}
