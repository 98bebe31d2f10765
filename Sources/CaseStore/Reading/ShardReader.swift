import CaseModel
import ClusterPrimitives
import GRDB

/// Reads of a shard on one snapshot of its file. Valid within the closure that got it.
///
/// Why a closure with many reads: taking a snapshot costs more than a small read does.
public struct ShardReader {
    let db: Database

    /// The shard's state as of this snapshot; its applied index says how old the answers are.
    public func state() throws(StoreError) -> ShardState {
        guard let (_, state) = try StateTable.load(db) else { return ShardState() }
        return state
    }

    /// A case in any status, archived and deleted ones too; nil if the shard has none of this id.
    public func record(_ id: CaseID) throws(StoreError) -> CaseRecord? {
        try stored(id)?.record
    }

    func stored(_ id: CaseID) throws(StoreError) -> StoredCase? {
        for sql in [CaseTable.selectSQL, CaseTable.selectArchivedSQL] {
            let select = try PreparedStatement(db, sql)
            defer { select.reset() }
            let isArchived = sql == CaseTable.selectArchivedSQL
            if let found = try CaseTable.load(id, select, isArchived: isArchived) { return found }
        }
        return nil
    }

    /// When the coordinator has something to do here next.
    public func nextDueAt() throws(StoreError) -> Timestamp? {
        let select = try PreparedStatement(db, CaseTable.firstDueSQL)
        defer { select.reset() }
        guard try select.step(), !select.isNull(0) else { return nil }
        return select.instant(0)
    }

    /// How many cases are due at an instant.
    public func dueCount(asOf instant: Timestamp) throws(StoreError) -> Int {
        try count(
            "SELECT count(*) FROM cases WHERE due_at IS NOT NULL AND due_at <= ?",
            instant
        )
    }

    /// How many cases a night with this boundary has to archive.
    public func closedCount(before boundary: Timestamp) throws(StoreError) -> Int {
        try count("SELECT count(*) FROM cases WHERE status = 8 AND closed_at < ?", boundary)
    }

    private func count(_ sql: String, _ instant: Timestamp) throws(StoreError) -> Int {
        let select = try PreparedStatement(db, sql)
        defer { select.reset() }
        select.bind(1, instant)
        return try select.step() ? Int(select.integer(0)) : 0
    }

    /// What a key is known for. `byIntake`: the key is a contact's, whose results don't expire.
    public func keyResult(
        _ scope: IdempotencyScope,
        byIntake: Bool = false
    ) throws(StoreError) -> KeyLookup {
        let sql = KeyTable.selectSQL(byIntake ? "contact_keys" : "keys")
        let select = try PreparedStatement(db, sql)
        defer { select.reset() }
        return try KeyTable.lookUp(select, scope.digest, scope.requestHash)
    }

    /// A contact's claim: from a Message-ID to its case.
    public func claim(key: String, channel: PrincipalID) throws(StoreError) -> Claim? {
        let select = try PreparedStatement(db, ClaimTable.selectSQL)
        defer { select.reset() }
        return try ClaimTable.find(select, Claim.digest(key: key, channel: channel))?.claim
    }

    /// The feed's items after a position, in order: at most `limit`, which is brought into
    /// 1...`StoreLimits.readPageMax`.
    public func feed(after position: UInt64, limit: Int) throws(StoreError) -> FeedPage {
        let state = try state()
        guard position >= state.feedFloor else { return .tooOld(last: state.feedPosition) }
        guard position <= state.feedPosition else { return .ahead(last: state.feedPosition) }
        let select = try PreparedStatement(
            db,
            "SELECT item FROM feed WHERE position > ? ORDER BY position LIMIT ?"
        )
        defer { select.reset() }
        select.bind(1, position)
        select.bind(2, Int64(Self.page(limit)))
        var items: [FeedItem] = []
        while try select.step() { items.append(try select.value(0)) }
        assert(items.first.map { $0.position == position + 1 } ?? true, "the feed has no gaps")
        return .items(items)
    }

    static func page(_ limit: Int) -> Int { min(max(limit, 1), StoreLimits.readPageMax) }
}
