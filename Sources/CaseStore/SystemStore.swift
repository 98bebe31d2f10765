import ClusterPrimitives
import CoordinatorCore
import GRDB
import Synchronization

/// One entry of the system group's log, applied: what it changed.
public struct SystemEntry: Hashable, Sendable {
    /// Its place.
    public var index: LogIndex
    /// The term of the leader that made it.
    public var term: Term
    /// What the state machine changed, in order; empty for a no-op.
    public var mutations: [SystemMutation]
    /// The group's membership from here on, as the replica encodes it; nil where the entry leaves it.
    public var configuration: [UInt8]?

    /// Puts an entry together.
    public init(
        index: LogIndex,
        term: Term,
        mutations: [SystemMutation],
        configuration: [UInt8]? = nil
    ) {
        self.index = index
        self.term = term
        self.mutations = mutations
        self.configuration = configuration
    }
}

/// How far the system group's file has come.
public struct SystemStoreState: Hashable, Sendable {
    /// The last log entry that is in the records.
    public internal(set) var appliedIndex = LogIndex.zero
    /// That entry's term.
    public internal(set) var appliedTerm = Term.zero
    /// The group's membership as of the applied index; empty before the first change.
    public internal(set) var configuration: [UInt8] = []
}

/// Everything in the system group's file, as one snapshot of it.
public struct SystemImage: Sendable {
    /// How far it has come.
    public var state: SystemStoreState
    /// By kind, then by the bytes of the key.
    public var records: [(SystemRecordKey, [UInt8])]
}

/// The system group's state: records that its state machine names and encodes. The state machine itself
/// lives in memory; this is what it starts from, and what a snapshot of it is.
///
/// Promises as a shard's: a batch is one transaction with the applied index in it, and what was applied is
/// not applied again.
///
/// Threads: `apply` from one lane at a time; everything else from any thread.
public final class SystemStore: Sendable {
    /// "CaSy" in ASCII.
    static let applicationID: Int64 = 0x4361_5379
    static let format = FileFormat(
        applicationID: applicationID,
        version: 1,
        schema: """
            CREATE TABLE meta (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                applied_index INTEGER NOT NULL,
                applied_term INTEGER NOT NULL,
                configuration BLOB NOT NULL
            );
            CREATE TABLE records (
                kind INTEGER NOT NULL,
                key TEXT NOT NULL,
                value BLOB NOT NULL,
                PRIMARY KEY (kind, key)
            ) WITHOUT ROWID;
            """
    )
    static let tables: [(name: String, key: String)] = [
        ("meta", "id"), ("records", "kind, key"),
    ]

    let file: DatabaseFile
    private let published: Mutex<SystemStoreState>

    /// Opens the file, or makes it.
    /// - Throws: `.foreignFile`, `.newerFormat`: the file was left alone; input and output errors.
    public init(
        at location: StoreLocation,
        configuration: StoreConfiguration = StoreConfiguration()
    ) throws(StoreError) {
        file = try DatabaseFile(location, format: Self.format, configuration: configuration)
        published = Mutex(try file.read { db throws(StoreError) in try Self.loadState(db) })
    }

    /// Where its file is.
    public var location: StoreLocation { file.location }

    /// Opens the file that stands in this one's place, with the same settings. This one is closed.
    public func reopened() throws(StoreError) -> SystemStore {
        try SystemStore(at: location, configuration: file.configuration)
    }

    /// How far it has come, after the last batch that was committed.
    public var state: SystemStoreState { published.withLock { $0 } }
    /// The last log entry that is in the records.
    public var appliedIndex: LogIndex { state.appliedIndex }

    /// Applies a batch in one transaction. Entries at or below `appliedIndex` are passed over; the rest must
    /// follow on.
    /// - Throws: `.diskFull`: nothing changed, free space and call again. Anything else: stop the replica.
    public func apply(_ batch: [SystemEntry]) throws(StoreError) {
        guard !batch.isEmpty else { return }
        let state = try file.write { db throws(StoreError) in
            var state = try Self.loadState(db)
            let put = try PreparedStatement(
                db,
                "INSERT OR REPLACE INTO records (kind, key, value) VALUES (?, ?, ?)"
            )
            let delete = try PreparedStatement(
                db,
                "DELETE FROM records WHERE kind = ? AND key = ?"
            )
            for entry in batch where entry.index > state.appliedIndex {
                guard entry.index == state.appliedIndex.next else {
                    throw .gap(expected: state.appliedIndex.next, got: entry.index)
                }
                for mutation in entry.mutations { try Self.carryOut(mutation, put, delete) }
                state.appliedIndex = entry.index
                state.appliedTerm = entry.term
                if let configuration = entry.configuration { state.configuration = configuration }
            }
            try Self.save(state, db)
            return state
        }
        published.withLock { $0 = state }
    }

    private static func carryOut(
        _ mutation: SystemMutation,
        _ put: PreparedStatement,
        _ delete: PreparedStatement
    ) throws(StoreError) {
        let statement = mutation.value == nil ? delete : put
        statement.bind(1, UInt64(mutation.key.kind))
        statement.bind(2, mutation.key.key)
        if let value = mutation.value { statement.bind(3, value) }
        try statement.run()
    }

    static func loadState(_ db: Database) throws(StoreError) -> SystemStoreState {
        let select = try PreparedStatement(
            db,
            "SELECT applied_index, applied_term, configuration FROM meta WHERE id = 1"
        )
        defer { select.reset() }
        guard try select.step() else { return SystemStoreState() }
        return SystemStoreState(
            appliedIndex: LogIndex(select.bits(0)),
            appliedTerm: Term(select.bits(1)),
            configuration: select.bytes(2)
        )
    }

    private static func save(_ state: SystemStoreState, _ db: Database) throws(StoreError) {
        let replace = try PreparedStatement(
            db,
            """
            INSERT OR REPLACE INTO meta (id, applied_index, applied_term, configuration)
            VALUES (1, ?, ?, ?)
            """
        )
        replace.bind(1, state.appliedIndex.rawValue)
        replace.bind(2, state.appliedTerm.rawValue)
        replace.bind(3, state.configuration)
        try replace.run()
    }

    /// Everything, for `SystemState(records:)` when the node starts or a snapshot was installed.
    public func loadAll() throws(StoreError) -> SystemImage {
        try file.read(ageMax: file.configuration.snapshotAgeMax) { db throws(StoreError) in
            let select = try PreparedStatement(
                db,
                "SELECT kind, key, value FROM records ORDER BY kind, key"
            )
            defer { select.reset() }
            var records: [(SystemRecordKey, [UInt8])] = []
            while try select.step() {
                guard let kind = UInt8(exactly: select.integer(0)) else {
                    throw .corrupt(detail: "a record's kind is out of range")
                }
                records.append(
                    (SystemRecordKey(kind: kind, key: select.text(1)), select.bytes(2))
                )
            }
            return SystemImage(state: try Self.loadState(db), records: records)
        }
    }

    /// Makes what is applied durable in the file itself, so that the log may be cut. Doesn't hold up `apply`.
    /// - Throws: any error means: stop the node; a failed sync is never tried again.
    public func checkpoint() throws(StoreError) -> CheckpointOutcome {
        try file.checkpoint(durableIndex: appliedIndex)
    }

    /// SHA-256 over all rows, to compare replicas at the same applied index.
    public func replicaChecksum() throws(StoreError) -> SHA256Digest {
        try file.read(ageMax: file.configuration.snapshotAgeMax) { db throws(StoreError) in
            try ReplicaChecksum.compute(db, tables: Self.tables)
        }
    }

    /// Copies the file, as one snapshot of it, to a place where there is none.
    public func snapshot(to destination: StoreLocation) throws(StoreError) -> SnapshotInfo {
        try file.copy(to: destination) { db throws(StoreError) in
            SnapshotInfo(try Self.loadState(db))
        }
    }

    /// Closes the file. Reads and writes fail from now on.
    public func close() throws(StoreError) { try file.close() }
}
