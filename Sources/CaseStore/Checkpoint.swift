import ClusterPrimitives
import GRDB
import GRDBSQLite

/// How far a checkpoint came.
public struct CheckpointOutcome: Hashable, Sendable {
    /// Every frame of the write-ahead log is in the file and synced. Only then may the replicated log be cut.
    public let isComplete: Bool
    /// The applied index that was committed before the checkpoint began: durable if it is complete.
    public let durableIndex: LogIndex
    /// Frames (pages) that the write-ahead log held.
    public let walFrames: Int
    /// Frames of them that are in the file.
    public let copiedFrames: Int
}

extension DatabaseFile {
    /// Copies the write-ahead log into the file and syncs both.
    ///
    /// Two steps. PASSIVE does the work and waits for nobody, neither writer nor readers. It can't make
    /// the log start anew while commands keep coming, so a log that has grown over `walBytesMax` then
    /// gets RESTART, which holds the write lock for what came in since, and waits for readers no longer
    /// than 100 ms; if they don't leave, the next checkpoint tries again.
    ///
    /// `durableIndex` is what was committed before this call.
    func checkpoint(durableIndex: LogIndex) throws(StoreError) -> CheckpointOutcome {
        let walBytesMax = configuration.walBytesMax
        let frameBytes = 4_096 + 24
        return try onCheckpointer { db throws(StoreError) in
            let passive = try Self.checkpoint(db, SQLITE_CHECKPOINT_PASSIVE)
            var last = passive
            if let walFrames = passive?.walFrames, walFrames * frameBytes > walBytesMax {
                sqlite3_busy_timeout(db.sqliteConnection, 100)
                last = try Self.checkpoint(db, SQLITE_CHECKPOINT_RESTART) ?? passive
            }
            guard let last else {
                // Somebody else checkpoints: nothing can be said.
                return CheckpointOutcome(
                    isComplete: false,
                    durableIndex: durableIndex,
                    walFrames: 0,
                    copiedFrames: 0
                )
            }
            // The first step may have been whole where the second was not: frames came in between.
            let isComplete =
                last.walFrames == last.copiedFrames
                || passive.map { $0.walFrames == $0.copiedFrames } ?? false
            return CheckpointOutcome(
                isComplete: isComplete,
                durableIndex: durableIndex,
                walFrames: last.walFrames,
                copiedFrames: last.copiedFrames
            )
        }
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
