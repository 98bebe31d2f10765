import CaseModel
import ClusterPrimitives
import GRDB

/// A contact's claimed key.
public struct Claim: Hashable, Sendable {
    /// SHA-256 of the contact's bytes.
    public var contentHash: SHA256Digest
    /// When it was claimed, by the shard's time.
    public var at: Timestamp
    /// The case that the contact went to, once recorded.
    public var caseID: CaseID?

    /// Under which a claim is kept: SHA-256 over channel and key, each with its length.
    public static func digest(key: String, channel: PrincipalID) -> SHA256Digest {
        var writer = ByteWriter(reserving: 256)
        writer.write(channel.rawValue)
        writer.write(key)
        return SHA256Digest(hashing: writer.bytes)
    }
}

/// Claimed keys of contacts. Kept as long as the store: the index from a Message-ID to its case.
struct ClaimTable {
    static let selectSQL =
        "SELECT digest, content_hash, at, case_id, seq FROM claims WHERE prefix = ?"
    private let select: PreparedStatement
    private let insert: PreparedStatement
    private let update: PreparedStatement

    init(_ db: Database) throws(StoreError) {
        select = try PreparedStatement(db, Self.selectSQL)
        insert = try PreparedStatement(
            db,
            "INSERT INTO claims (seq, prefix, at, digest, content_hash) VALUES (?, ?, ?, ?, ?)"
        )
        update = try PreparedStatement(db, "UPDATE claims SET case_id = ? WHERE seq = ?")
    }

    func find(_ digest: SHA256Digest) throws(StoreError) -> (seq: UInt64, claim: Claim)? {
        try Self.find(select, digest)
    }

    static func find(
        _ select: PreparedStatement,
        _ digest: SHA256Digest
    ) throws(StoreError) -> (seq: UInt64, claim: Claim)? {
        select.bind(1, digest.prefix64)
        while try select.step() {
            guard select.bytes(0) == digest.bytes else { continue }
            defer { select.reset() }
            guard let content = SHA256Digest(bytes: select.bytes(1)) else {
                throw .corrupt(detail: "a claim's content hash has not 32 bytes")
            }
            let claim = Claim(
                contentHash: content,
                at: select.instant(2),
                caseID: select.isNull(3) ? nil : try select.caseID(3)
            )
            return (select.bits(4), claim)
        }
        return nil
    }

    func insert(
        _ digest: SHA256Digest,
        contentHash: SHA256Digest,
        at time: Timestamp,
        index: LogIndex
    ) throws(StoreError) {
        insert.bind(1, index.rawValue)
        insert.bind(2, digest.prefix64)
        insert.bind(3, time)
        insert.bind(4, digest.bytes)
        insert.bind(5, contentHash.bytes)
        try insert.run()
    }

    func record(_ caseID: CaseID, seq: UInt64) throws(StoreError) {
        update.bind(1, caseID)
        update.bind(2, seq)
        try update.run()
    }
}
