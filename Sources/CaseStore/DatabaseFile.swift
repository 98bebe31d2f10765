import CSQLiteSettings
import ClusterPrimitives
import GRDB
import GRDBSQLite
import Synchronization

/// What a kind of file is: how it is recognised and what is in it.
struct FileFormat: Sendable {
    /// `PRAGMA application_id`.
    let applicationID: Int64
    /// `PRAGMA user_version`: the newest schema that this program knows.
    let version: Int64
    /// Makes the tables of that version in an empty file.
    let schema: String
}

/// One SQLite file: a writer, readers and a connection for checkpoints, with the settings that the
/// store's promises rest on. What is in the file is others' business.
///
/// Invariants: WAL mode, `synchronous = NORMAL` and no automatic checkpoints, read back after opening;
/// after a fatal failure nothing is written any more.
final class DatabaseFile: Sendable {
    let location: StoreLocation
    let configuration: StoreConfiguration
    private let pool: DatabasePool
    private let checkpointer: Mutex<DatabaseQueue?>
    private let failed = Mutex(false)
    private let gate = UseGate()
    /// Erased content may still stand in the write-ahead log: the next checkpoint cuts it to nothing. True at
    /// first, since nobody knows what an earlier run left there.
    let wantsEmptyLog = Mutex(true)
    /// A checkpoint wants the write lock for a moment.
    let wantsTurn = Atomic(false)

    /// Opens the file, or makes it.
    /// - Throws: `.foreignFile`, `.newerFormat`: nothing was touched; input and output errors.
    init(
        _ location: StoreLocation,
        format: FileFormat,
        configuration: StoreConfiguration
    ) throws(StoreError) {
        _ = Self.libraryIsPrepared
        self.location = location
        self.configuration = configuration
        let settings = Self.settings(location, format, configuration)
        do {
            pool = try translating { try DatabasePool(path: location.uri, configuration: settings) }
        } catch .foreignFile {
            throw .foreignFile(path: location.path)
        }
        checkpointer = Mutex(nil)
        try translating {
            try pool.writeWithoutTransaction { db in try Self.prepareWriter(db, format) }
        }
    }

    /// Once for the whole process, before SQLite is used; false where somebody has used it before, and it goes on
    /// counting. A comment made 26 allocations in it, on each replica.
    private static let libraryIsPrepared =
        casecluster_sqlite_without_memory_count() == SQLITE_OK

    /// What every connection gets before its first use.
    private static func settings(
        _ location: StoreLocation,
        _ format: FileFormat,
        _ configuration: StoreConfiguration
    ) -> Configuration {
        var settings = Configuration()
        settings.foreignKeysEnabled = false
        settings.maximumReaderCount = configuration.readersMax
        settings.busyMode = .timeout(configuration.busySecondsMax)
        settings.label = "CaseStore"
        // `extend` leaves a transaction open, for the next batch.
        settings.allowsUnsafeTransactions = true
        settings.prepareDatabase { db in
            // First of all, so that a file of somebody else is not even switched to WAL.
            try Self.checkFormat(db, format, path: location.path)
            let cacheKiB =
                db.configuration.readonly
                ? configuration.readerCacheKiB : configuration.writerCacheKiB
            // mmap off: a failing disk would be a SIGBUS instead of a typed error.
            try db.execute(
                sql: """
                    PRAGMA page_size = 4096;
                    PRAGMA cache_size = -\(cacheKiB);
                    PRAGMA mmap_size = 0;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA secure_delete = FAST;
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA cell_size_check = ON;
                    PRAGMA trusted_schema = OFF;
                    """
            )
            if let pages = configuration.pagesMax, !db.configuration.readonly {
                try db.execute(sql: "PRAGMA max_page_count = \(pages)")
            }
        }
        return settings
    }

    /// Fails unless the file is empty or of this format.
    static func checkFormat(_ db: Database, _ format: FileFormat, path: String) throws {
        let application = try pragma(db, "application_id")
        let version = try pragma(db, "user_version")
        if application == 0, version == 0 {
            let tables = try PreparedStatement(uncached: "SELECT 1 FROM sqlite_schema", in: db)
            guard try !tables.step() else {
                tables.reset()
                throw StoreError.foreignFile(path: path)
            }
            return  // Empty: ours to fill.
        }
        guard application == format.applicationID else {
            throw StoreError.foreignFile(path: path)
        }
        guard version <= format.version else {
            throw StoreError.newerFormat(found: Int(version), known: Int(format.version))
        }
    }

    /// Fills an empty file, then asserts by reading back what GRDB may have set after us.
    private static func prepareWriter(_ db: Database, _ format: FileFormat) throws {
        try db.execute(sql: "PRAGMA synchronous = NORMAL")
        guard try pragma(db, "synchronous") == 1,
            try pragma(db, "wal_autocheckpoint") == 0,
            try pragma(db, "secure_delete") == 2,
            try PreparedStatement.firstText(db, "PRAGMA journal_mode") == "wal"
        else {
            throw StoreError.sqlite(code: SQLITE_MISUSE, message: "a setting did not hold")
        }
        guard try pragma(db, "application_id") == 0 else { return }
        // One transaction with its marks: a crash leaves an empty file or a whole one.
        try db.inTransaction(.immediate) {
            try db.execute(sql: format.schema)
            try db.execute(sql: "PRAGMA application_id = \(format.applicationID)")
            try db.execute(sql: "PRAGMA user_version = \(format.version)")
            return .commit
        }
    }

    private static func pragma(_ db: Database, _ name: String) throws(StoreError) -> Int64 {
        let statement = try PreparedStatement(uncached: "PRAGMA \(name)", in: db)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    /// Runs `body` in one immediate transaction on the writer: all of it or nothing is kept.
    /// Never retries; a fatal failure closes the store to further writes. `undo` runs, still on the writer,
    /// when nothing was kept.
    func write<Value>(
        undo: () -> Void = {},
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try requireSound()
        do {
            return try using {
                try pool.writeWithoutTransaction { db in
                    var value: Value?
                    do {
                        try db.inTransaction(.immediate) {
                            value = try body(db)
                            return .commit
                        }
                    } catch {
                        undo()
                        throw error
                    }
                    guard let value else { throw StoreError.stopped }
                    return value
                }
            }
        } catch {
            noteFailure(error)
            throw error
        }
    }

    /// Runs `body` in the transaction that is open on the writer, which begins where none is and stays open until
    /// `commit`. A failure undoes all of it, what earlier calls did too; then `undo` runs, still on the writer.
    func extend<Value>(
        undo: () -> Void,
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try requireSound()
        return try onOpenTransaction(undo: undo) { db throws(StoreError) in
            if !db.isInsideTransaction { try translating { try db.beginTransaction(.immediate) } }
            return try body(db)
        }
    }

    /// Keeps what `extend` did, if anything; a failure undoes all of it, and then `undo` runs.
    func commit<Value>(
        undo: () -> Void,
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try requireSound()
        return try onOpenTransaction(undo: undo) { db throws(StoreError) in
            let value = try body(db)
            if db.isInsideTransaction { try translating { try db.commit() } }
            return value
        }
    }

    private func onOpenTransaction<Value>(
        undo: () -> Void,
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        do {
            return try using {
                try pool.writeWithoutTransaction { db in
                    do {
                        return try body(db)
                    } catch {
                        undo()
                        // A full disk may have undone it already.
                        if db.isInsideTransaction { try db.rollback() }
                        throw error
                    }
                }
            }
        } catch {
            noteFailure(error)
            throw error
        }
    }

    /// Runs `body` on the writer's connection without a transaction.
    func onWriter<Value>(
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try using { try pool.writeWithoutTransaction { db in try body(db) } }
    }

    /// Everything that asks for a connection, once it is open: see `UseGate`.
    private func using<Value>(_ body: () throws -> Value) throws(StoreError) -> Value {
        try gate.use { () throws(StoreError) in try translating(body) }
    }

    /// Runs `body` on one snapshot of the file, ended when it is older than `ageMax`.
    func read<Value>(
        ageMax: Duration? = nil,
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let deadline = ReadDeadline(after: ageMax ?? configuration.readerAgeMax)
        return try using {
            try pool.read { db in
                deadline.watch(db)
                defer { deadline.release(db) }
                return try body(db)
            }
        }
    }

    /// Runs `body` on the connection that checkpoints use, opened on first use.
    func onCheckpointer<Value>(
        _ body: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try requireSound()
        do {
            return try using {
                let queue = try checkpointer.withLock { queue throws(StoreError) -> DatabaseQueue in
                    if let queue { return queue }
                    let opened = try openCheckpointer()
                    queue = opened
                    return opened
                }
                return try queue.writeWithoutTransaction { db in try body(db) }
            }
        } catch {
            noteFailure(error)
            throw error
        }
    }

    private func openCheckpointer() throws(StoreError) -> DatabaseQueue {
        var settings = Configuration()
        settings.foreignKeysEnabled = false
        settings.label = "CaseStore.checkpoint"
        settings.prepareDatabase { db in
            // NORMAL makes a checkpoint sync the WAL before it copies, and the file after.
            try db.execute(
                sql: """
                    PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 0;
                    PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64;
                    """
            )
        }
        let uri = location.uri
        let queue = try translating { try DatabaseQueue(path: uri, configuration: settings) }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.checkpointsWithoutSync.isOn {
            try translating {
                try queue.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA synchronous = OFF")
                }
            }
            return queue
        }
        #endif
        let isSynced = try translating {
            try queue.writeWithoutTransaction { db in try Self.pragma(db, "synchronous") == 1 }
        }
        guard isSynced else {
            throw .sqlite(code: SQLITE_MISUSE, message: "a checkpoint would not sync")
        }
        return queue
    }

    /// Copies the whole file, as one snapshot of it, into a new file that stands by itself.
    /// What `inspect` reads there is returned.
    func copy<Value>(
        to destination: StoreLocation,
        inspect: (Database) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        var settings = Configuration()
        settings.foreignKeysEnabled = false
        settings.label = "CaseStore.copy"
        let uri = destination.uri
        return try using {
            let target = try DatabaseQueue(path: uri, configuration: settings)
            // Synchronous FULL is SQLite's default here: the copy is durable when it is done.
            try pool.backup(to: target)
            // No WAL beside it: the copy is one file.
            let value = try target.writeWithoutTransaction { db in
                let mode = try PreparedStatement.firstText(db, "PRAGMA journal_mode = DELETE")
                guard mode == "delete" else { throw StoreError.busy }
                return try inspect(db)
            }
            try target.close()
            return value
        }
    }

    /// Closes every connection, when whoever is at work has ended: what comes from now on throws `.stopped`. Statements
    /// that others hold must be gone.
    func close() throws(StoreError) {
        failed.withLock { $0 = true }
        gate.close()
        let queue = checkpointer.withLock { queue in
            let opened = queue
            queue = nil
            return opened
        }
        try translating {
            try queue?.close()
            try pool.close()
        }
    }

    private func requireSound() throws(StoreError) {
        guard !failed.withLock({ $0 }) else { throw .stopped }
    }

    /// Closes the store to further writes where the failure puts its state in doubt.
    func noteFailure(_ error: StoreError) {
        if error.isFatal { failed.withLock { $0 = true } }
    }
}

extension PreparedStatement {
    /// The first column of the first row as text; empty without one.
    static func firstText(_ db: Database, _ sql: String) throws(StoreError) -> String {
        let statement = try PreparedStatement(uncached: sql, in: db)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : ""
    }
}

/// Ends a read that has lasted too long, from SQLite's progress callback.
///
/// Why: an open snapshot keeps the WAL from being started anew, so one forgotten reader would let it
/// grow until the disk is full.
private final class ReadDeadline: Sendable {
    private let end: ContinuousClock.Instant
    /// Steps of SQLite's machine between two looks at the clock: some 10 µs, so that small reads in a loop count.
    private static let stepsPerLook: Int32 = 200

    init(after age: Duration) { end = ContinuousClock.now + age }

    /// The deadline must live until `release`.
    func watch(_ db: Database) {
        sqlite3_progress_handler(
            db.sqliteConnection,
            Self.stepsPerLook,
            { context in
                guard let context else { return 0 }
                let deadline = Unmanaged<ReadDeadline>.fromOpaque(context).takeUnretainedValue()
                return ContinuousClock.now > deadline.end ? 1 : 0
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    func release(_ db: Database) { sqlite3_progress_handler(db.sqliteConnection, 0, nil, nil) }
}
