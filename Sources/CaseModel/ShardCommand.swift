import ClusterPrimitives

/// Whose word counts: the coordinator's epoch. A restore from backup makes a new incarnation.
public struct Epoch: Hashable, Comparable, Sendable {
    /// Grows with every restore.
    public var incarnation: UInt64
    /// The system group's term.
    public var term: Term

    /// Puts an epoch together.
    public init(incarnation: UInt64, term: Term) {
        self.incarnation = incarnation
        self.term = term
    }

    /// Orders by incarnation, then term.
    public static func < (left: Epoch, right: Epoch) -> Bool {
        (left.incarnation, left.term) < (right.incarnation, right.term)
    }
}

/// Under what a command's result is remembered.
public struct IdempotencyScope: Hashable, Sendable {
    /// Whose key.
    public var principal: PrincipalID
    /// The call's full name, as `/casecluster.v1.Cases/Create`.
    public var method: String
    /// At most `CaseLimits.keyBytesMax` bytes.
    public var key: String
    /// SHA-256 of the canonical request: the same key with another is refused.
    public var requestHash: SHA256Digest

    /// Puts a scope together.
    public init(principal: PrincipalID, method: String, key: String, requestHash: SHA256Digest) {
        self.principal = principal
        self.method = method
        self.key = key
        self.requestHash = requestHash
    }

    /// What the principals of channels begin with: `channel:email`.
    public static let channelPrefix = "channel:"

    /// The key is a contact's own (a Message-ID, a chat's or call's id), and its channel the principal.
    public var isContact: Bool { principal.rawValue.hasPrefix(Self.channelPrefix) }

    /// The table's key: SHA-256 over the three parts, each with its length. Its first 8 bytes choose a create's shard.
    public var digest: SHA256Digest {
        var writer = ByteWriter(reserving: 256)
        writer.write(principal.rawValue)
        writer.write(method)
        writer.write(key)
        return SHA256Digest(hashing: writer.bytes)
    }
}

/// What a shard's log carries: one of these an entry, after the format's version and the stamped time.
public enum ShardCommand: Hashable, Sendable {
    /// A command on one case, remembered under its key. Indirect, since it is handed on several times before it is
    /// encoded, and has some thirty references to count each time.
    indirect case onCase(CaseCommand, IdempotencyScope)
    /// Claims a contact's key in the shard that the key chooses; answers with the case if it has one by now.
    case claim(key: String, channel: PrincipalID, contentHash: SHA256Digest)
    /// Says which case a claimed contact went to. Final: the first record stands.
    case recordClaim(key: String, channel: PrincipalID, caseID: CaseID)
    /// The coordinator: close what is due at `asOf`, resume what was parked until then; a page.
    case sweep(epoch: Epoch, asOf: Timestamp, limit: UInt32)
    /// The coordinator: the night with this number begins; raises the shard's time to the boundary.
    case beginNight(epoch: Epoch, night: UInt64, boundary: Timestamp)
    /// The coordinator: archive a page of what was closed before the boundary.
    case archivePage(epoch: Epoch, night: UInt64, boundary: Timestamp, limit: UInt32)
    /// The directory lost somebody: release a page of what they own, and remember that they are gone.
    case ownerGone(epoch: Epoch, principal: PrincipalID, limit: UInt32)
    /// The directory has somebody (again): no longer gone.
    case ownerBack(epoch: Epoch, principal: PrincipalID)
}

/// A shard command with the time that the shard's leader stamped it with.
public struct StampedShardCommand: Hashable, Sendable {
    /// The format written: a shard refuses (stops at) a newer one.
    public static let formatVersion: UInt8 = 1
    /// Never behind the shard's last; raised to it when applied.
    public var at: Timestamp
    /// What to do.
    public var command: ShardCommand

    /// Puts a stamped command together.
    public init(at: Timestamp, command: ShardCommand) {
        self.at = at
        self.command = command
    }
}

/// What applying one shard command answered; remembered where the command has a key.
public enum ShardResult: Hashable, Sendable {
    /// Carried out.
    case accepted(CaseReceipt)
    /// Refused by rule.
    case refused(CaseRefusal)
    /// The key is claimed; the case it went to, if known by now.
    case claimed(caseID: CaseID?)
    /// A page was done: how many, whether more is due at that instant, and the next due time after.
    case swept(count: UInt32, more: Bool, nextDueAt: Timestamp?)
}
