import CaseModel
import ClusterPrimitives
import GRDB

/// What an idempotency key is known for.
public enum KeyLookup: Hashable, Sendable {
    /// Not used, or expired.
    case unknown
    /// Used with this content: the first answer.
    case remembered(ShardResult)
    /// Used with other content.
    case otherContent
}

/// Remembered results, by the digest of their scope.
///
/// The rows stand in the order of arrival, so that expiry takes them from the front; an index on the
/// digest's first 8 bytes finds one, and the whole digest is compared.
struct KeyTable {
    private let select: PreparedStatement
    private let insert: PreparedStatement
    private let selectOldest: PreparedStatement
    private let expire: PreparedStatement

    static func selectSQL(_ name: String) -> String {
        "SELECT digest, request_hash, result FROM \(name) WHERE prefix = ?"
    }

    /// The table is `keys`, or `contact_keys`, whose rows never expire.
    init(_ db: Database, name: String) throws(StoreError) {
        select = try PreparedStatement(db, Self.selectSQL(name))
        insert = try PreparedStatement(
            db,
            """
            INSERT INTO \(name) (seq, prefix, at, digest, request_hash, result)
            VALUES (?, ?, ?, ?, ?, ?)
            """
        )
        selectOldest = try PreparedStatement(db, "SELECT at FROM \(name) ORDER BY seq LIMIT 1")
        expire = try PreparedStatement(
            db,
            """
            DELETE FROM \(name) WHERE seq IN \
            (SELECT seq FROM \(name) ORDER BY seq LIMIT ?) AND at <= ?
            """
        )
    }

    func lookUp(
        _ digest: SHA256Digest,
        requestHash: SHA256Digest
    ) throws(StoreError) -> KeyLookup {
        try Self.lookUp(select, digest, requestHash)
    }

    static func lookUp(
        _ select: PreparedStatement,
        _ digest: SHA256Digest,
        _ requestHash: SHA256Digest
    ) throws(StoreError) -> KeyLookup {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.forgetsKeys.isOn { return .unknown }
        #endif
        select.bind(1, digest.prefix64)
        while try select.step() {
            guard select.bytes(0) == digest.bytes else { continue }
            defer { select.reset() }
            #if CASECLUSTER_FAULTS
            if DeliberateFault.ignoresRequestHash.isOn {
                return .remembered(try select.value(2))
            }
            #endif
            guard select.bytes(1) == requestHash.bytes else { return .otherContent }
            return .remembered(try select.value(2))
        }
        return .unknown
    }

    func remember(
        _ result: ShardResult,
        digest: SHA256Digest,
        requestHash: SHA256Digest,
        at time: Timestamp,
        index: LogIndex
    ) throws(StoreError) {
        insert.bind(1, index.rawValue)
        insert.bind(2, digest.prefix64)
        insert.bind(3, time)
        insert.bind(4, digest.bytes)
        insert.bind(5, requestHash.bytes)
        insert.bind(6, result.encodedBytes)
        try insert.run()
    }

    /// When the oldest row was made.
    func oldest() throws(StoreError) -> Timestamp? {
        defer { selectOldest.reset() }
        return try selectOldest.step() ? selectOldest.instant(0) : nil
    }

    /// Removes at most `limit` rows, the oldest first, that were made at `instant` or before.
    func expire(through instant: Timestamp, limit: Int) throws(StoreError) {
        expire.bind(1, Int64(limit))
        expire.bind(2, instant)
        try expire.run()
    }
}
