import CaseModel
import CaseStore
import ClusterPrimitives
import ClusterSimulator
import DiskSimulator
import GRDB
import Testing

/// A machine whose name no other test has.
private final class Machine {
    let name: String
    let disk = SimulatedDisk()

    init(_ name: String) {
        self.name = name
        SimulatedVFS.mount(disk, as: name)
    }

    deinit { SimulatedVFS.unmount(name) }

    func location(_ store: String) -> StoreLocation {
        StoreLocation(directory: "/\(name)/store", name: store, vfs: SimulatedVFS.name)
    }
}

/// One row a committed transaction: `n` counts them. What survives must be a prefix of what was committed.
@Suite struct VFSTests {
    private func open(_ machine: Machine) throws -> DatabaseQueue {
        let uri = "file:/\(machine.name)/db.sqlite?vfs=\(SimulatedVFS.name)"
        return try DatabaseQueue(path: uri)
    }

    @Test func keepsWhatWasWritten() throws {
        let machine = Machine("vfs-keeps")
        let first = try open(machine)
        try first.writeWithoutTransaction { db in
            try db.execute(sql: "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2)")
        }
        try first.close()
        let second = try open(machine)
        let sum = try second.read { db in try Int.fetchOne(db, sql: "SELECT sum(n) FROM t") }
        #expect(sum == 3)
    }

    @Test func twoConnectionsShareTheWriteAheadLog() throws {
        let machine = Machine("vfs-shares")
        let writer = try open(machine)
        try writer.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)")
        }
        let reader = try open(machine)
        for number in 1...50 {
            try writer.writeWithoutTransaction { db in
                try db.execute(sql: "INSERT INTO t VALUES (?)", arguments: [number])
            }
            let count = try reader.read { db in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM t")
            }
            #expect(count == number)
        }
    }

    @Test func aSecondWriterIsKeptOut() throws {
        let machine = Machine("vfs-busy")
        let first = try open(machine)
        try first.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)")
        }
        let second = try open(machine)
        try first.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN IMMEDIATE")
            #expect(throws: DatabaseError.self) {
                try second.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
            }
            try db.execute(sql: "COMMIT")
        }
    }

    @Test func aFullDiskIsSaidSo() throws {
        let machine = Machine("vfs-full")
        let queue = try open(machine)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE t (n BLOB)")
        }
        machine.disk.bytesMax = machine.disk.bytesUsed + 20_000
        do {
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "INSERT INTO t VALUES (zeroblob(100000))")
            }
            Issue.record("there was no room")
        } catch let error as DatabaseError {
            #expect(error.resultCode == .SQLITE_FULL)
        }
        machine.disk.bytesMax = .max
        try queue.writeWithoutTransaction { db in try db.execute(sql: "INSERT INTO t VALUES (1)") }
    }

    /// Cuts the power in the midst of any operation, in both journal modes, tearing what was not synced;
    /// with EXTRA (which also syncs the directory that a journal leaves) every committed transaction must be
    /// there afterwards, and nothing of an unfinished one.
    @Test(arguments: UInt64(1)...80)
    func recoversFromAPowerCutAnywhere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let machine = Machine("vfs-cut-\(seed)")
        let mode = Bool.random(using: &random) ? "WAL" : "DELETE"
        let queue = try open(machine)
        try queue.writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    PRAGMA journal_mode = \(mode); PRAGMA synchronous = EXTRA;
                    CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB);
                    """
            )
        }
        machine.disk.operationsUntilCut = Int.random(in: 1...300, using: &random)
        var committed = 0
        do {
            for number in 1...60 {
                let bytes = Int.random(in: 1...9_000, using: &random)
                try queue.writeWithoutTransaction { db in
                    try db.execute(
                        sql: "INSERT INTO t VALUES (?, zeroblob(?))",
                        arguments: [number, bytes]
                    )
                    if number % 10 == 0, mode == "WAL" { try db.checkpoint(.truncate) }
                }
                committed = number
            }
        } catch is DatabaseError {
            // The power went.
        }
        machine.disk.cutPower(using: &random)
        let again = try open(machine)
        let found = try again.read { db in
            try Row.fetchOne(db, sql: "SELECT count(*) AS c, coalesce(max(n), 0) AS m FROM t")
        }
        let check = try again.read { db in
            try String.fetchOne(db, sql: "PRAGMA integrity_check")
        }
        #expect(check == "ok", "SEED=\(seed)")
        let count: Int = found?["c"] ?? -1
        #expect(count == found?["m"], "SEED=\(seed): a prefix")
        #expect(count == committed || count == committed + 1, "SEED=\(seed) \(committed)")
    }

    /// The real store: what a completed checkpoint covered is there after any power cut, and the rest is a
    /// prefix of what was applied.
    @Test(arguments: UInt64(1)...40)
    func aShardsStoreKeepsWhatACheckpointCovered(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let machine = Machine("vfs-store-\(seed)")
        var durable = LogIndex.zero
        var last = LogIndex.zero
        do {
            let store = try ShardStore(at: machine.location("s"), shard: ShardID(1))
            machine.disk.operationsUntilCut = Int.random(in: 1...400, using: &random)
            for number in UInt64(1)...200 {
                let entry = CommittedEntry(index: LogIndex(number), term: Term(1), payload: [])
                _ = try store.apply([entry])
                last = LogIndex(number)
                guard Int.random(in: 0..<10, using: &random) == 0 else { continue }
                let outcome = try store.checkpoint()
                if outcome.isComplete { durable = outcome.durableIndex }
            }
        } catch {
            #expect(machine.disk.isOff, "SEED=\(seed): \(error)")
        }
        machine.disk.cutPower(using: &random)
        let store = try ShardStore(at: machine.location("s"), shard: ShardID(1))
        #expect(store.appliedIndex >= durable, "SEED=\(seed)")
        #expect(store.appliedIndex <= last.next, "SEED=\(seed)")
        try store.close()
    }
}
