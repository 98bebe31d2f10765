import CaseModel
import ClusterPrimitives
import GRDB

/// A case as it is stored, and in which of the two tables. An object, since a record has some twenty parts whose
/// references a copy would count one by one.
final class StoredCase: Sendable {
    let record: CaseRecord
    let isArchived: Bool
    /// Under which key its newest audit entry stands; 0 while all of them are packed.
    let auditKey: UInt64

    init(record: CaseRecord, isArchived: Bool, auditKey: UInt64) {
        self.record = record
        self.isArchived = isArchived
        self.auditKey = auditKey
    }
}

/// The rows of live, ended and archived cases.
struct CaseTable {
    private let select: PreparedStatement
    private let selectArchived: PreparedStatement
    private let insert: PreparedStatement
    private let update: PreparedStatement
    private let touch: PreparedStatement
    private let updateArchived: PreparedStatement
    private let delete: PreparedStatement
    private let insertArchived: PreparedStatement
    private let selectDue: PreparedStatement
    private let selectFirstDue: PreparedStatement
    private let selectClosed: PreparedStatement
    private let selectOwned: PreparedStatement

    static let selectSQL = "SELECT record, audit_seq FROM cases WHERE id = ?"
    static let selectArchivedSQL = "SELECT record, audit_seq FROM archived WHERE id = ?"
    static let firstDueSQL = "SELECT min(due_at) FROM cases WHERE due_at IS NOT NULL"

    init(_ db: Database) throws(StoreError) {
        select = try PreparedStatement(db, Self.selectSQL)
        selectArchived = try PreparedStatement(db, Self.selectArchivedSQL)
        insert = try PreparedStatement(
            db,
            """
            INSERT INTO cases (status, priority, channel, queue, team, owner, requester, \
            updated_at, queued_at, due_at, closed_at, audit_seq, record, id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        )
        update = try PreparedStatement(
            db,
            """
            UPDATE cases SET status = ?, priority = ?, channel = ?, queue = ?, team = ?, \
            owner = ?, requester = ?, updated_at = ?, queued_at = ?, due_at = ?, \
            closed_at = ?, audit_seq = ?, record = ? WHERE id = ?
            """
        )
        touch = try PreparedStatement(
            db,
            "UPDATE cases SET updated_at = ?, audit_seq = ?, record = ? WHERE id = ?"
        )
        updateArchived = try PreparedStatement(
            db,
            """
            UPDATE archived SET status = ?, priority = ?, channel = ?, queue = ?, team = ?, \
            owner = ?, requester = ?, updated_at = ?, closed_at = ?, audit_seq = ?, record = ? \
            WHERE id = ?
            """
        )
        delete = try PreparedStatement(db, "DELETE FROM cases WHERE id = ?")
        insertArchived = try PreparedStatement(
            db,
            """
            INSERT INTO archived (id, status, priority, channel, queue, team, owner, requester, \
            updated_at, closed_at, audit_seq, record, entries, notes, audit)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        )
        selectDue = try PreparedStatement(
            db,
            """
            SELECT id FROM cases WHERE due_at IS NOT NULL AND due_at <= ?
            ORDER BY due_at, id LIMIT ?
            """
        )
        selectFirstDue = try PreparedStatement(db, Self.firstDueSQL)
        selectClosed = try PreparedStatement(
            db,
            """
            SELECT id FROM cases WHERE status = 8 AND closed_at < ?
            ORDER BY closed_at, id LIMIT ?
            """
        )
        selectOwned = try PreparedStatement(
            db,
            """
            SELECT id FROM cases WHERE owner = ? AND status BETWEEN 3 AND 6 ORDER BY id LIMIT ?
            """
        )
    }

    func load(_ id: CaseID) throws(StoreError) -> StoredCase? {
        if let live = try Self.load(id, select, isArchived: false) { return live }
        return try Self.load(id, selectArchived, isArchived: true)
    }

    static func load(
        _ id: CaseID,
        _ select: PreparedStatement,
        isArchived: Bool
    ) throws(StoreError) -> StoredCase? {
        select.bind(1, id)
        guard try select.step() else { return nil }
        defer { select.reset() }
        return StoredCase(
            record: try select.value(0),
            isArchived: isArchived,
            auditKey: select.bits(1)
        )
    }

    func insert(_ stored: StoredCase) throws(StoreError) {
        assert(!stored.isArchived, "a new case is live")
        bindLive(insert, stored)
        try insert.run()
    }

    /// Puts a case in the place of `old`, the row as it is.
    func update(_ stored: StoredCase, over old: StoredCase) throws(StoreError) {
        guard stored.isArchived else {
            if Self.standsWhereItStood(stored.record, old.record) {
                return try touch(stored)
            }
            bindLive(update, stored)
            return try update.run()
        }
        bindCommon(updateArchived, stored.record, from: 1)
        updateArchived.bind(9, stored.record.closedAt)
        updateArchived.bind(10, stored.auditKey)
        updateArchived.bind(11, stored.record.encodedBytes)
        updateArchived.bind(12, stored.record.id)
        try updateArchived.run()
    }

    /// Most commands, comments above all, leave every column alone that an index other than the one of times
    /// has. SQLite writes an index anew for each of its columns that an update names, changed or not: six
    /// trees instead of two.
    private static func standsWhereItStood(_ record: CaseRecord, _ old: CaseRecord) -> Bool {
        record.status == old.status && record.priority == old.priority
            && record.channel == old.channel && record.queue == old.queue
            && record.team == old.team && record.owner == old.owner
            && record.requester.principal == old.requester.principal
            && record.queuedAt == old.queuedAt && record.dueAt == old.dueAt
            && record.closedAt == old.closedAt
    }

    private func touch(_ stored: StoredCase) throws(StoreError) {
        touch.bind(1, stored.record.updatedAt)
        touch.bind(2, stored.auditKey)
        touch.bind(3, stored.record.encodedBytes)
        touch.bind(4, stored.record.id)
        try touch.run()
    }

    /// Moves a case to its compact row.
    func archive(_ stored: StoredCase, _ packed: PackedHistory) throws(StoreError) {
        delete.bind(1, stored.record.id)
        try delete.run()
        insertArchived.bind(1, stored.record.id)
        bindCommon(insertArchived, stored.record, from: 2)
        insertArchived.bind(10, stored.record.closedAt)
        insertArchived.bind(11, stored.auditKey)
        insertArchived.bind(12, stored.record.encodedBytes)
        insertArchived.bind(13, optional: packed.entries)
        insertArchived.bind(14, optional: packed.notes)
        insertArchived.bind(15, optional: packed.audit)
        try insertArchived.run()
    }

    private func bindLive(_ statement: PreparedStatement, _ stored: StoredCase) {
        bindCommon(statement, stored.record, from: 1)
        statement.bind(9, stored.record.queuedAt)
        statement.bind(10, stored.record.dueAt)
        statement.bind(11, stored.record.closedAt)
        statement.bind(12, stored.auditKey)
        statement.bind(13, stored.record.encodedBytes)
        statement.bind(14, stored.record.id)
    }

    /// Status to updated-at: eight parameters.
    private func bindCommon(
        _ statement: PreparedStatement,
        _ record: CaseRecord,
        from first: Int32
    ) {
        statement.bind(first, UInt64(record.status.rawValue))
        statement.bind(first + 1, UInt64(record.priority.rawValue))
        statement.bind(first + 2, UInt64(record.channel.rawValue))
        statement.bind(first + 3, record.queue.rawValue)
        statement.bind(first + 4, record.team.rawValue)
        statement.bind(first + 5, record.owner?.rawValue)
        statement.bind(first + 6, record.requester.principal.rawValue)
        statement.bind(first + 7, record.updatedAt)
    }

    /// The first cases that are due, in the order of their due times.
    func due(asOf instant: Timestamp, limit: Int) throws(StoreError) -> [CaseID] {
        selectDue.bind(1, instant)
        selectDue.bind(2, Int64(limit))
        return try ids(selectDue)
    }

    /// When the next case is due.
    func firstDue() throws(StoreError) -> Timestamp? {
        defer { selectFirstDue.reset() }
        guard try selectFirstDue.step(), !selectFirstDue.isNull(0) else { return nil }
        return selectFirstDue.instant(0)
    }

    /// The first cases that were closed before an instant, in the order of their closing.
    func closed(before instant: Timestamp, limit: Int) throws(StoreError) -> [CaseID] {
        selectClosed.bind(1, instant)
        selectClosed.bind(2, Int64(limit))
        return try ids(selectClosed)
    }

    /// The first cases that a principal owns and that a release concerns: assigned to pending.
    func owned(by principal: PrincipalID, limit: Int) throws(StoreError) -> [CaseID] {
        selectOwned.bind(1, principal.rawValue)
        selectOwned.bind(2, Int64(limit))
        return try ids(selectOwned)
    }

    private func ids(_ statement: PreparedStatement) throws(StoreError) -> [CaseID] {
        var ids: [CaseID] = []
        while try statement.step() { ids.append(try statement.caseID(0)) }
        return ids
    }
}
