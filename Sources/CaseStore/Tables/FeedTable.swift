import CaseModel
import ClusterPrimitives
import GRDB

/// The retained feed. Positions have no gaps, so its length is known without counting.
struct FeedTable {
    private let insert: PreparedStatement
    private let selectTime: PreparedStatement
    private let delete: PreparedStatement

    init(_ db: Database) throws(StoreError) {
        insert = try PreparedStatement(
            db,
            "INSERT INTO feed (position, at, item) VALUES (?, ?, ?)"
        )
        selectTime = try PreparedStatement(db, "SELECT at FROM feed WHERE position = ?")
        delete = try PreparedStatement(db, "DELETE FROM feed WHERE position <= ?")
    }

    func append(_ item: FeedItem) throws(StoreError) {
        insert.bind(1, item.position)
        insert.bind(2, item.at)
        insert.bind(3, item.encodedBytes)
        try insert.run()
    }

    /// When the item at a position was made; nil if it is not kept.
    func time(at position: UInt64) throws(StoreError) -> Timestamp? {
        selectTime.bind(1, position)
        defer { selectTime.reset() }
        return try selectTime.step() ? selectTime.instant(0) : nil
    }

    func remove(through position: UInt64) throws(StoreError) {
        delete.bind(1, position)
        try delete.run()
    }
}

/// Who is gone from the directory.
struct GoneTable {
    static let selectSQL = "SELECT principal FROM gone ORDER BY principal"
    private let insert: PreparedStatement
    private let delete: PreparedStatement

    init(_ db: Database) throws(StoreError) {
        insert = try PreparedStatement(db, "INSERT INTO gone (principal) VALUES (?)")
        delete = try PreparedStatement(db, "DELETE FROM gone WHERE principal = ?")
    }

    func insert(_ principal: PrincipalID) throws(StoreError) {
        insert.bind(1, principal.rawValue)
        try insert.run()
    }

    func delete(_ principal: PrincipalID) throws(StoreError) {
        delete.bind(1, principal.rawValue)
        try delete.run()
    }

    static func load(_ db: Database) throws(StoreError) -> Set<PrincipalID> {
        let select = try PreparedStatement(db, selectSQL)
        var principals: Set<PrincipalID> = []
        while try select.step() { principals.insert(PrincipalID(select.text(0))) }
        return principals
    }
}
