import ClusterPrimitives

/// One accepted command as the audit keeps it: who, in which role, when, from where, and what came of it.
///
/// The contents stand in for themselves by a salted hash, so an erasure drops the contents and the salts
/// and every link still checks. Without the salt a short text can't be guessed from its hash.
public struct AuditEntry: Hashable, Sendable {
    /// The format that the link is computed over.
    public static let formatVersion: UInt8 = 1

    /// The case.
    public var caseID: CaseID
    /// The case's version after the command; the first entry has 1.
    public var version: UInt64
    /// When, by the shard's time.
    public var at: Timestamp
    /// Who.
    public var actor: PrincipalID
    /// In which capacity.
    public var role: Role
    /// From where.
    public var origin: String
    /// What.
    public var action: ActionName
    /// The status before; nil for a creation.
    public var from: CaseStatus?
    /// The status after.
    public var to: CaseStatus
    /// Over the salt and the canonical events.
    public var contentHash: SHA256Digest
    /// The link of the entry before; zero for the first.
    public var previous: SHA256Digest

    /// Puts an entry together.
    public init(
        caseID: CaseID,
        version: UInt64,
        at: Timestamp,
        actor: PrincipalID,
        role: Role,
        origin: String,
        action: ActionName,
        from: CaseStatus?,
        to: CaseStatus,
        contentHash: SHA256Digest,
        previous: SHA256Digest
    ) {
        self.caseID = caseID
        self.version = version
        self.at = at
        self.actor = actor
        self.role = role
        self.origin = origin
        self.action = action
        self.from = from
        self.to = to
        self.contentHash = contentHash
        self.previous = previous
    }

    /// What the next entry follows, and a case's head: SHA-256 over all of this entry.
    public var link: SHA256Digest { SHA256Digest(hashing: encodedBytes) }

    /// SHA-256 over the salt and the events, raw messages included.
    public static func contentHash(of events: [CaseEvent], salt: [UInt8]) -> SHA256Digest {
        var writer = ByteWriter(reserving: 512)
        writer.write(salt)
        writer.write(array: events)
        return SHA256Digest(hashing: writer.bytes)
    }
}

extension AuditEntry: BinaryCodable {
    /// The version byte, then the fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(caseID)
        writer.write(version)
        writer.write(at)
        writer.write(actor)
        writer.write(role)
        writer.write(origin)
        writer.write(action)
        writer.write(optional: from)
        writer.write(to)
        writer.write(contentHash)
        writer.write(previous)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        _ = try reader.formatVersion(upTo: Self.formatVersion, of: "an audit entry")
        self.init(
            caseID: try reader.value(),
            version: try reader.unsigned(),
            at: try reader.value(),
            actor: try reader.value(),
            role: try reader.value(),
            origin: try reader.string(),
            action: try reader.value(),
            from: try reader.optional(),
            to: try reader.value(),
            contentHash: try reader.value(),
            previous: try reader.value()
        )
    }
}
