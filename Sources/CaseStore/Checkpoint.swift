import ClusterPrimitives
import GRDB
import GRDBSQLite

/// How far a checkpoint came.
public struct CheckpointOutcome: Hashable, Sendable {
    /// Every frame of the write-ahead log is in the file and synced. Only then may the replicated log be cut.
    public let isComplete: Bool
    /// The applied index that was committed before the checkpoint began: durable if it is complete.
    public let durableIndex: LogIndex
    /// Frames (pages) that the write-ahead log held when the checkpoint began.
    public let walFrames: Int
    /// Frames of them that are in the file.
    public let copiedFrames: Int
}

extension DatabaseFile {
    /// Copies the write-ahead log into the file and syncs both.
    ///
    /// Two steps. PASSIVE does the work and waits for nobody, neither writer nor readers. It can't make
    /// the log start anew while commands keep coming, so a log that has grown over `walBytesMax`, or may
    /// hold what was erased, then gets TRUNCATE, which holds the write lock for what came in since, and
    /// waits for readers no longer than 100 ms; if they don't leave, the next checkpoint tries again.
    ///
    /// `durableIndex` is what was committed before this call.
    func checkpoint(durableIndex: LogIndex) throws(StoreError) -> CheckpointOutcome {
        let walBytesMax = configuration.walBytesMax
        let frameBytes = 4_096 + 24
        return try onCheckpointer { db throws(StoreError) in
            guard let passive = try Self.checkpoint(db, SQLITE_CHECKPOINT_PASSIVE) else {
                // Somebody else checkpoints: nothing can be said.
                return CheckpointOutcome(
                    isComplete: false,
                    durableIndex: durableIndex,
                    walFrames: 0,
                    copiedFrames: 0
                )
            }
            let isTooLong = passive.walFrames * frameBytes > walBytesMax
            let wasEmptied =
                isTooLong || wantsEmptyLog.withLock { $0 } ? try emptyLog(db) : false
            return CheckpointOutcome(
                isComplete: wasEmptied || passive.walFrames == passive.copiedFrames,
                durableIndex: durableIndex,
                walFrames: passive.walFrames,
                copiedFrames: wasEmptied ? passive.walFrames : passive.copiedFrames
            )
        }
    }

    /// Copies the rest and cuts the log to nothing; false if readers or a writer didn't leave in time.
    private func emptyLog(_ db: Database) throws(StoreError) -> Bool {
        // Cleared before: what is erased from here on asks again.
        let wasWanted = wantsEmptyLog.withLock { wanted in
            defer { wanted = false }
            return wanted
        }
        wantsTurn.store(true, ordering: .relaxed)
        defer { wantsTurn.store(false, ordering: .relaxed) }
        sqlite3_busy_timeout(db.sqliteConnection, 100)
        let result = try Self.checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE)
        let wasEmptied = result.map { $0 == (0, 0) } ?? false
        if wasWanted, !wasEmptied { wantsEmptyLog.withLock { $0 = true } }
        return wasEmptied
    }

    /// Nil if the lock was taken by somebody else.
    private static func checkpoint(
        _ db: Database,
        _ mode: Int32
    ) throws(StoreError) -> (walFrames: Int, copiedFrames: Int)? {
        var walFrames: Int32 = -1
        var copiedFrames: Int32 = -1
        let code = sqlite3_wal_checkpoint_v2(
            db.sqliteConnection,
            "main",
            mode,
            &walFrames,
            &copiedFrames
        )
        switch code & 0xFF {
        case SQLITE_OK, SQLITE_BUSY:
            // BUSY with counts: copied what readers allow. Without: the lock was not to be had.
            guard walFrames >= 0, copiedFrames >= 0 else { return nil }
            return (Int(walFrames), Int(copiedFrames))
        default:
            let message = sqlite3_errmsg(db.sqliteConnection).map { String(cString: $0) }
            throw StoreError(code: code, message: message ?? "checkpoint failed")
        }
    }
}
