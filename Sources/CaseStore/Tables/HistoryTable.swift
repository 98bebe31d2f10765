import CaseModel
import ClusterPrimitives
import GRDB

/// An archived case's history in its row; nil columns where it was too long to pack.
struct PackedHistory {
    var entries: [UInt8]?
    var notes: [UInt8]?
    var audit: [UInt8]?

    /// Bytes of history that move into the row at most: a row is read and written as a whole.
    static let bytesMax = 4 * 1_024 * 1_024
}

/// The rows of histories: public entries, notes, raw messages.
///
/// Why notes apart: a requester's read goes to a table in which no note can be, whatever a query forgets.
struct HistoryTable {
    private let insertEntry: PreparedStatement
    private let insertNote: PreparedStatement
    private let insertRaw: PreparedStatement
    private let selectEntries: PreparedStatement
    private let selectNotes: PreparedStatement
    private let deletions: [PreparedStatement]
    private let audit: AuditTable
    private let deleteRawOfEntries: PreparedStatement
    private let deleteRawOfNotes: PreparedStatement
    private let deleteRaw: PreparedStatement
    private let selectPacked: PreparedStatement
    private let updatePacked: PreparedStatement

    init(_ db: Database, audit: AuditTable) throws(StoreError) {
        self.audit = audit
        insertEntry = try PreparedStatement(db, Self.insertSQL("entries"))
        insertNote = try PreparedStatement(db, Self.insertSQL("notes"))
        insertRaw = try PreparedStatement(db, "INSERT INTO raw (seq, message) VALUES (?, ?)")
        selectEntries = try PreparedStatement(db, Self.allSQL("entries"))
        selectNotes = try PreparedStatement(db, Self.allSQL("notes"))
        deletions = [
            try PreparedStatement(db, "DELETE FROM entries WHERE case_id = ?"),
            try PreparedStatement(db, "DELETE FROM notes WHERE case_id = ?"),
        ]
        deleteRawOfEntries = try PreparedStatement(db, Self.deleteRawSQL("entries"))
        deleteRawOfNotes = try PreparedStatement(db, Self.deleteRawSQL("notes"))
        deleteRaw = try PreparedStatement(db, "DELETE FROM raw WHERE seq = ?")
        selectPacked = try PreparedStatement(
            db,
            "SELECT entries, notes, audit FROM archived WHERE id = ?"
        )
        updatePacked = try PreparedStatement(
            db,
            "UPDATE archived SET entries = NULL, notes = NULL, audit = ? WHERE id = ?"
        )
    }

    private static func insertSQL(_ table: String) -> String {
        "INSERT INTO \(table) (seq, case_id, number, entry) VALUES (?, ?, ?, ?)"
    }

    private static func allSQL(_ table: String) -> String {
        "SELECT entry FROM \(table) WHERE case_id = ? ORDER BY number"
    }

    private static func deleteRawSQL(_ table: String) -> String {
        "DELETE FROM raw WHERE seq IN (SELECT seq FROM \(table) WHERE case_id = ?)"
    }

    /// Appends one entry; `raw` goes to its own table, under the same key.
    func append(
        _ entry: HistoryEntry,
        raw: [UInt8]?,
        to id: CaseID,
        key: UInt64,
        staffOnly: Bool
    ) throws(StoreError) {
        assert((entry.rawKey == key) == (raw != nil), "an entry says where its raw message is")
        let insert = staffOnly ? insertNote : insertEntry
        insert.bind(1, key)
        insert.bind(2, id)
        insert.bind(3, entry.number)
        insert.bind(4, entry.encodedBytes)
        try insert.run()
        guard let raw else { return }
        insertRaw.bind(1, key)
        insertRaw.bind(2, raw)
        try insertRaw.run()
    }

    /// Drops what a case's people wrote, and the salts; the audit entries stay.
    func erase(_ stored: StoredCase) throws(StoreError) {
        let id = stored.record.id
        if stored.isArchived { try erasePacked(id) }
        for statement in [deleteRawOfEntries, deleteRawOfNotes] + deletions {
            statement.bind(1, id)
            try statement.run()
        }
        try audit.dropSalts(endingAt: stored.auditKey)
    }

    private func erasePacked(_ id: CaseID) throws(StoreError) {
        let packed = try packed(id)
        for column in [packed.entries, packed.notes] {
            for entry in try Packed.decode(column ?? [], of: HistoryEntry.self) {
                guard let key = entry.rawKey else { continue }
                deleteRaw.bind(1, key)
                try deleteRaw.run()
            }
        }
        let audit = try packed.audit.map { bytes throws(StoreError) in
            try Packed.decode(bytes, of: SaltedAudit.self)
                .map { SaltedAudit(salt: nil, entry: $0.entry) }
        }
        updatePacked.bind(1, optional: audit.map { Packed.encode($0) })
        updatePacked.bind(2, id)
        try updatePacked.run()
    }

    private func packed(_ id: CaseID) throws(StoreError) -> PackedHistory {
        selectPacked.bind(1, id)
        guard try selectPacked.step() else { return PackedHistory() }
        defer { selectPacked.reset() }
        return PackedHistory(
            entries: selectPacked.isNull(0) ? nil : selectPacked.bytes(0),
            notes: selectPacked.isNull(1) ? nil : selectPacked.bytes(1),
            audit: selectPacked.isNull(2) ? nil : selectPacked.bytes(2)
        )
    }

    /// Takes a case's rows out of the tables, packed. A history that is too long stays where it is.
    func pack(_ id: CaseID, auditKey: UInt64) throws(StoreError) -> PackedHistory {
        let entries = try all(selectEntries, id)
        let notes = try all(selectNotes, id)
        let chain = try audit.chain(endingAt: auditKey)
        let packed = PackedHistory(
            entries: Self.join(entries),
            notes: notes.isEmpty ? nil : Self.join(notes),
            audit: Packed.encode(chain.map(\.audit))
        )
        let size = [packed.entries, packed.notes, packed.audit].reduce(0) { $0 + ($1?.count ?? 0) }
        guard size <= PackedHistory.bytesMax else { return PackedHistory() }
        for statement in deletions {
            statement.bind(1, id)
            try statement.run()
        }
        try audit.remove(chain.map(\.key))
        return packed
    }

    private func all(_ statement: PreparedStatement, _ id: CaseID) throws(StoreError) -> [[UInt8]] {
        var rows: [[UInt8]] = []
        statement.bind(1, id)
        while try statement.step() { rows.append(statement.bytes(0)) }
        return rows
    }

    /// The same bytes as `Packed.encode` of the decoded values: a value is written without its length.
    private static func join(_ rows: [[UInt8]]) -> [UInt8] {
        var writer = ByteWriter(reserving: rows.reduce(10) { $0 + $1.count })
        writer.write(array: rows) { $0.write(raw: $1) }
        return writer.bytes
    }
}
