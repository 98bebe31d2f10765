import ClusterPrimitives
import DiskSimulator
import ReplicationLog
import Testing

@Suite struct SimulatedDiskTests {
    private let disk = SimulatedDisk()

    private func write(_ text: String, to file: any LogFile, at offset: UInt64) throws {
        try Array(text.utf8).withUnsafeBytes { bytes in
            do { try file.write(bytes, at: offset) } catch { throw error as any Error }
        }
    }

    private func text(_ path: String) -> String {
        String(decoding: disk.bytes(path), as: UTF8.self)
    }

    /// Cuts the power so that everything unsynced is lost.
    private func losePower() {
        var seed: UInt64 = 0
        while true {
            var probe = SeededGenerator(seed: seed)
            _ = Int.random(in: 0...0, using: &probe)
            if Int.random(in: 0..<4, using: &probe) == 0 { break }
            seed += 1
        }
        var random = SeededGenerator(seed: seed)
        disk.cutPower(using: &random)
    }

    @Test func syncedBytesStayAndTheRestGoes() throws {
        let files = SimulatedLogFiles(disk)
        let file = try files.create("/m/log/a")
        try files.synchronizeDirectory("/m/log")
        try write("durable", to: file, at: 0)
        try file.synchronize()
        try write("lost", to: file, at: 7)
        #expect(text("/m/log/a") == "durablelost")
        losePower()
        #expect(text("/m/log/a") == "durable")
    }

    @Test func aNameIsNotDurableBeforeItsDirectoryIs() throws {
        let files = SimulatedLogFiles(disk)
        let file = try files.create("/m/log/a")
        try write("x", to: file, at: 0)
        try file.synchronize()
        var lost = 0
        for seed in UInt64(1)...32 {
            let copy = disk.durableCopy()
            #expect(copy.paths.isEmpty, "SEED=\(seed)")
            lost += copy.paths.isEmpty ? 1 : 0
        }
        #expect(lost == 32)
    }

    @Test func aRenameIsWholeOrNot() throws {
        var seen: Set<[String]> = []
        for seed in UInt64(1)...64 {
            let disk = SimulatedDisk()
            let files = SimulatedLogFiles(disk)
            _ = try files.create("/m/a")
            try files.synchronizeDirectory("/m")
            try files.rename("/m/a", to: "/m/b")
            var random = SeededGenerator(seed: seed)
            disk.cutPower(using: &random)
            seen.insert(disk.paths)
        }
        #expect(seen == [["/m/a"], ["/m/b"]])
    }

    @Test func unsyncedWritesTearBySectors() throws {
        var kinds: Set<[Bool]> = []
        for seed in UInt64(1)...400 {
            let disk = SimulatedDisk()
            let files = SimulatedLogFiles(disk)
            let file = try files.create("/m/a")
            try files.synchronizeDirectory("/m")
            let count = 3 * SimulatedDisk.sectorBytes
            try file.preallocate(bytes: UInt64(count))
            try file.synchronize()
            let ones = [UInt8](repeating: 1, count: count)
            try ones.withUnsafeBytes { bytes in
                do { try file.write(bytes, at: 0) } catch { throw error as any Error }
            }
            var random = SeededGenerator(seed: seed)
            disk.cutPower(using: &random)
            let bytes = disk.bytes("/m/a")
            #expect(bytes.count == count)
            kinds.insert((0..<3).map { bytes[$0 * SimulatedDisk.sectorBytes] == 1 })
        }
        #expect(kinds.count == 8, "every subset of the sectors is met")
    }

    @Test func handlesFromBeforeTheCrashFail() throws {
        let files = SimulatedLogFiles(disk)
        let file = try files.create("/m/a")
        disk.endProcess()
        #expect(throws: LogError.self) { try write("x", to: file, at: 0) }
        #expect(throws: LogError.self) { _ = try files.open("/m/a") }
        #expect(throws: Never.self) { _ = try SimulatedLogFiles(disk).open("/m/a") }
    }

    @Test func thePowerGoesInTheMidstOfAnOperation() throws {
        let file = try SimulatedLogFiles(disk).create("/m/a")
        disk.operationsUntilCut = 2
        try write("a", to: file, at: 0)
        #expect(throws: LogError.self) { try write("b", to: file, at: 1) }
        #expect(disk.isOff)
        #expect(throws: LogError.self) { try file.synchronize() }
    }

    @Test func aFailedSyncMakesNothingDurable() throws {
        let files = SimulatedLogFiles(disk)
        let file = try files.create("/m/a")
        try files.synchronizeDirectory("/m")
        try write("a", to: file, at: 0)
        disk.syncsUntilFailure = 1
        #expect(throws: LogError.self) { try file.synchronize() }
        losePower()
        #expect(text("/m/a").isEmpty)
    }

    @Test func aFullDiskTakesNothingAndStaysUsable() throws {
        let file = try SimulatedLogFiles(disk).create("/m/a")
        disk.bytesMax = 4
        try write("abcd", to: file, at: 0)
        #expect(throws: LogError.diskFull(file: "/m/a")) { try write("e", to: file, at: 4) }
        try write("ABCD", to: file, at: 0)
        disk.bytesMax = 5
        try write("e", to: file, at: 4)
        #expect(text("/m/a") == "ABCDe")
    }

    @Test func oneHolderOfALock() throws {
        let files = SimulatedLogFiles(disk)
        let lock = try files.lock("/m/lock")
        #expect(throws: LogError.locked(file: "/m/lock")) { _ = try files.lock("/m/lock") }
        lock.close()
        _ = try files.lock("/m/lock")
        disk.endProcess()
        #expect(throws: Never.self) { _ = try SimulatedLogFiles(disk).lock("/m/lock") }
    }

    @Test func aFlippedBitStays() throws {
        let files = SimulatedLogFiles(disk)
        let file = try files.create("/m/a")
        try files.synchronizeDirectory("/m")
        try write("a", to: file, at: 0)
        try file.synchronize()
        disk.flipBit(1, ofByte: 0, in: "/m/a")
        losePower()
        #expect(text("/m/a") == "c")
    }
}
