import CaseModel
import ClusterPrimitives
import GRDB

/// The audit entries that stand in their table, newest first linked: each row names the row before it, and
/// the case's row names the newest.
///
/// Why no index: a chain is read as a whole or not at all, and an index would cost each command a write in
/// the middle of a tree.
struct AuditTable {
    static let selectSQL = "SELECT previous, salt, entry FROM audit WHERE seq = ?"
    private let insert: PreparedStatement
    private let select: PreparedStatement
    private let delete: PreparedStatement
    private let dropSalt: PreparedStatement

    init(_ db: Database) throws(StoreError) {
        insert = try PreparedStatement(
            db,
            "INSERT INTO audit (seq, previous, salt, entry) VALUES (?, ?, ?, ?)"
        )
        select = try PreparedStatement(db, Self.selectSQL)
        delete = try PreparedStatement(db, "DELETE FROM audit WHERE seq = ?")
        dropSalt = try PreparedStatement(db, "UPDATE audit SET salt = NULL WHERE seq = ?")
    }

    /// Appends one entry under `key`, after the one under `previous`; 0 where there is none.
    func append(
        _ entry: AuditEntry,
        salt: [UInt8],
        key: UInt64,
        previous: UInt64
    ) throws(StoreError) {
        assert(previous < key, "keys grow along a chain")
        insert.bind(1, key)
        insert.bind(2, previous)
        insert.bind(3, salt)
        insert.bind(4, entry.encodedBytes)
        try insert.run()
    }

    /// The chain that ends under `key`, oldest first.
    func chain(endingAt key: UInt64) throws(StoreError) -> [(key: UInt64, audit: SaltedAudit)] {
        try Self.chain(endingAt: key, select)
    }

    static func chain(
        endingAt key: UInt64,
        _ select: PreparedStatement
    ) throws(StoreError) -> [(key: UInt64, audit: SaltedAudit)] {
        var found: [(key: UInt64, audit: SaltedAudit)] = []
        var next = key
        while next != 0 {
            select.bind(1, next)
            guard try select.step() else {
                throw .corrupt(detail: "an audit entry that is named is missing")
            }
            defer { select.reset() }
            let salt = select.isNull(1) ? nil : select.bytes(1)
            found.append((next, SaltedAudit(salt: salt, entry: try select.value(2))))
            guard select.bits(0) < next else {
                throw .corrupt(detail: "an audit chain runs in a circle")
            }
            next = select.bits(0)
        }
        return found.reversed()
    }

    /// Drops the salts of a chain: its contents are erased.
    func dropSalts(endingAt key: UInt64) throws(StoreError) {
        for (key, _) in try chain(endingAt: key) {
            dropSalt.bind(1, key)
            try dropSalt.run()
        }
    }

    /// Removes rows that were packed.
    func remove(_ keys: [UInt64]) throws(StoreError) {
        for key in keys {
            delete.bind(1, key)
            try delete.run()
        }
    }
}
