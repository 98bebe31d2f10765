import ClusterPrimitives
import GRDB
import GRDBSQLite

/// One prepared statement of one connection, driven directly.
///
/// Why not GRDB's own execution: it wraps each argument and each column in a `DatabaseValue`, which costs
/// more than the statement does (notes, Speed). GRDB still compiles, caches and finalises.
/// Used only inside the access of the connection that it belongs to; reset after every use, since an
/// open statement would keep a read snapshot.
struct PreparedStatement {
    private let statement: Statement
    private let handle: OpaquePointer

    /// Compiles `sql`, or takes it from the connection's cache.
    init(_ db: Database, _ sql: String) throws(StoreError) {
        statement = try translating { try db.cachedStatement(sql: sql) }
        handle = statement.sqliteStatement
    }

    /// Compiles `sql` without keeping it: for texts that vary.
    init(uncached sql: String, in db: Database) throws(StoreError) {
        statement = try translating { try db.makeStatement(sql: sql) }
        handle = statement.sqliteStatement
    }

    // SQLite copies the bytes before the call returns.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    /// Binds an integer; nil is NULL. Positions count from 1.
    func bind(_ position: Int32, _ value: Int64?) {
        let code =
            value.map { sqlite3_bind_int64(handle, position, $0) }
            ?? sqlite3_bind_null(handle, position)
        assert(code == SQLITE_OK, "no parameter \(position)")
    }

    /// Binds a number below 2^63, or any 64 bits by their pattern.
    func bind(_ position: Int32, _ value: UInt64) { bind(position, Int64(bitPattern: value)) }

    /// Binds an instant; nil is NULL.
    func bind(_ position: Int32, _ value: Timestamp?) { bind(position, value?.rawValue) }

    /// Binds a case's id.
    func bind(_ position: Int32, _ value: CaseID) { bind(position, value.rawValue) }

    /// Binds bytes; none are an empty blob, not NULL.
    func bind(_ position: Int32, _ value: [UInt8]) {
        let code = value.withUnsafeBytes { bytes in
            bytes.isEmpty
                ? sqlite3_bind_zeroblob(handle, position, 0)
                : sqlite3_bind_blob64(
                    handle,
                    position,
                    bytes.baseAddress,
                    UInt64(bytes.count),
                    Self.transient
                )
        }
        assert(code == SQLITE_OK, "no parameter \(position)")
    }

    /// Binds bytes; nil is NULL.
    func bind(_ position: Int32, optional value: [UInt8]?) {
        guard let value else { return bind(position, Int64?.none) }
        bind(position, value)
    }

    /// Binds a text with its length, so that a NUL within doesn't cut it; nil is NULL.
    func bind(_ position: Int32, _ value: String?) {
        guard var value else { return bind(position, Int64?.none) }
        // A literal, since an empty text's pointer may be nil, and that would bind NULL.
        guard !value.isEmpty else {
            sqlite3_bind_text(handle, position, "", 0, Self.transient)
            return
        }
        let code = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text(
                    handle,
                    position,
                    characters.baseAddress,
                    Int32(characters.count),
                    Self.transient
                )
            }
        }
        assert(code == SQLITE_OK, "no parameter \(position)")
    }

    /// Moves to the next row; false at the end, and the statement is reset.
    func step() throws(StoreError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            reset()
            return false
        default:
            let connection = sqlite3_db_handle(handle)
            let code = sqlite3_extended_errcode(connection)
            let message = sqlite3_errmsg(connection).map { String(cString: $0) } ?? "no message"
            reset()
            throw StoreError(code: code, message: message)
        }
    }

    /// Runs a statement that gives no rows.
    func run() throws(StoreError) {
        let hasRow = try step()
        assert(!hasRow, "a writing statement gave a row")
        if hasRow { reset() }
    }

    /// Makes it ready for other parameters. Its last error, if any, was thrown by `step`.
    func reset() { sqlite3_reset(handle) }

    /// How many columns a row has.
    var columnCount: Int32 { sqlite3_column_count(handle) }

    /// The column's storage class, as SQLite numbers it.
    func type(_ column: Int32) -> Int32 { sqlite3_column_type(handle, column) }

    /// The column's integer. Positions count from 0.
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// The column's 64 bits, by their pattern.
    func bits(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    /// The column's instant.
    func instant(_ column: Int32) -> Timestamp { Timestamp(rawValue: integer(column)) }

    /// Whether the column is NULL.
    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    /// The column's bytes; NULL gives none.
    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The column's text; NULL gives an empty one.
    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    /// The column's case id.
    func caseID(_ column: Int32) throws(StoreError) -> CaseID {
        guard let id = CaseID(rawValue: bits(column)) else {
            throw .corrupt(detail: "a case id needs more than 60 bits")
        }
        return id
    }

    /// The column's value in canonical form.
    func value<Value: BinaryCodable>(
        _ column: Int32,
        as type: Value.Type = Value.self
    ) throws(StoreError) -> Value {
        do {
            return try Value(decoding: bytes(column))
        } catch {
            throw .corrupt(detail: "a stored \(type) can't be read back: \(error)")
        }
    }
}
