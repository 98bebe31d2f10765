import ClusterPrimitives
import GRDB
import GRDBSQLite

/// SHA-256 over all rows of all tables in the order of their keys: equal on replicas that applied the same
/// log, however SQLite laid out the pages, and whatever batches, restarts and snapshots came in between.
///
/// Blocks of rows are hashed one after the other, each together with the digest before it, so that memory
/// stays bounded. Where a block ends depends on the rows alone.
struct ReplicaChecksum {
    private static let blockBytes = 64 * 1_024
    private var digest = SHA256Digest.zero
    private var block = ByteWriter(reserving: blockBytes)

    static func compute(
        _ db: Database,
        tables: [(name: String, key: String)]
    ) throws(StoreError) -> SHA256Digest {
        var checksum = ReplicaChecksum()
        for table in tables { try checksum.add(table.name, orderedBy: table.key, in: db) }
        checksum.flush()
        return checksum.digest
    }

    private mutating func add(
        _ table: String,
        orderedBy key: String,
        in db: Database
    ) throws(StoreError) {
        block.write(table)
        let select = try PreparedStatement(
            uncached: "SELECT * FROM \(table) ORDER BY \(key)",
            in: db
        )
        defer { select.reset() }
        while try select.step() {
            for column in 0..<select.columnCount { add(select, column) }
            if block.bytes.count >= Self.blockBytes { flush() }
        }
    }

    /// The type, then the value, so that NULL, an empty text and an empty blob differ.
    private mutating func add(_ select: PreparedStatement, _ column: Int32) {
        let type = select.type(column)
        block.write(byte: UInt8(truncatingIfNeeded: type))
        switch type {
        case SQLITE_INTEGER: block.write(select.integer(column))
        case SQLITE_NULL: break
        default: block.write(select.bytes(column))
        }
    }

    private mutating func flush() {
        digest = SHA256Digest(hashing: digest.bytes + block.bytes)
        block = ByteWriter(reserving: Self.blockBytes)
    }
}
