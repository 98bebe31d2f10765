import ClusterPrimitives
import GRDB

/// What a snapshot holds: the state up to an entry of the log, that entry included.
public struct SnapshotInfo: Hashable, Sendable {
    /// The last entry in it.
    public let index: LogIndex
    /// That entry's term.
    public let term: Term
    /// The membership that it keeps, as the replica encodes it; empty before the first change.
    public let configuration: [UInt8]

    /// Names a snapshot.
    public init(index: LogIndex, term: Term, configuration: [UInt8] = []) {
        self.index = index
        self.term = term
        self.configuration = configuration
    }

    init(_ state: ShardState) {
        self.init(
            index: state.appliedIndex,
            term: state.appliedTerm,
            configuration: state.configuration
        )
    }

    init(_ state: SystemStoreState) {
        self.init(
            index: state.appliedIndex,
            term: state.appliedTerm,
            configuration: state.configuration
        )
    }
}

extension ShardStore {
    /// Copies the shard's file, as one snapshot of it, to a place where there is none.
    ///
    /// `apply` goes on meanwhile; only the write-ahead log can't be started anew until the copy is done.
    /// The copy is durable, closed, and stands by itself: one file without a write-ahead log.
    /// - Throws: `.diskFull`: remove the part that was written; input and output errors.
    public func snapshot(to destination: StoreLocation) throws(StoreError) -> SnapshotInfo {
        let shard = self.shard
        return try file.copy(to: destination) { db throws(StoreError) in
            guard let (found, state) = try StateTable.load(db), found == shard else {
                throw .corrupt(detail: "a copy holds something else than its shard")
            }
            #if CASECLUSTER_FAULTS
            if DeliberateFault.dropsKeysFromSnapshot.isOn {
                try translating { try db.execute(sql: "DELETE FROM keys") }
            }
            #endif
            return SnapshotInfo(state)
        }
    }
}

/// What a snapshot's file must be.
public enum StoreKind: Hashable, Sendable {
    /// The system group's.
    case system
    /// A shard's.
    case shard(ShardID)

    var format: FileFormat {
        switch self {
        case .system: SystemStore.format
        case .shard: ShardSchema.format
        }
    }

    /// Reads from a file what it holds; fails if it is of another kind, or contradicts itself.
    func inspect(_ location: StoreLocation) throws(StoreError) -> SnapshotInfo {
        var settings = Configuration()
        settings.readonly = true
        settings.foreignKeysEnabled = false
        settings.label = "CaseStore.inspect"
        let format = self.format
        settings.prepareDatabase { db in
            try DatabaseFile.checkFormat(db, format, path: location.path)
        }
        let uri = location.uri
        return try translating {
            let queue = try DatabaseQueue(path: uri, configuration: settings)
            let info = try queue.read { db in
                guard try PreparedStatement.firstText(db, "PRAGMA quick_check(1)") == "ok" else {
                    throw StoreError.corrupt(detail: "a received snapshot fails SQLite's check")
                }
                return try contents(of: db)
            }
            try queue.close()
            return info
        }
    }

    private func contents(of db: Database) throws(StoreError) -> SnapshotInfo {
        switch self {
        case .system:
            return SnapshotInfo(try SystemStore.loadState(db))
        case .shard(let shard):
            guard let (found, state) = try StateTable.load(db) else {
                throw .corrupt(detail: "a received snapshot is empty")
            }
            guard found == shard else { throw .wrongShard(expected: shard, found: found) }
            return SnapshotInfo(state)
        }
    }
}
