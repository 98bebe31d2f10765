import ClusterPrimitives

/// What an entry of a replicated log carries.
public enum EntryKind: UInt8, Sendable {
    /// A command for the state machine; empty when a leader opens its term.
    case normal = 0
    /// A change of the group's membership, as `ConfigurationChange` encodes it.
    case configurationChange = 1
}

/// One entry of a replicated log.
public struct Entry: Hashable, Sendable {
    /// The term of the leader that made it.
    public var term: Term
    /// Its place.
    public var index: LogIndex
    /// What `payload` is.
    public var kind: EntryKind
    /// Opaque to the core.
    public var payload: [UInt8]

    /// Puts an entry together.
    public init(term: Term, index: LogIndex, kind: EntryKind = .normal, payload: [UInt8] = []) {
        self.term = term
        self.index = index
        self.kind = kind
        self.payload = payload
    }
}

/// What a replica must find again after a crash, beside its entries.
public struct HardState: Hashable, Sendable {
    /// The latest term it has seen.
    public var term: Term
    /// Whom it voted for in that term; `NodeID.none` for nobody.
    public var vote: NodeID
    /// The commit index it knew. It may lag; it never leads.
    public var commit: LogIndex

    /// Puts a hard state together.
    public init(term: Term = .zero, vote: NodeID = .none, commit: LogIndex = .zero) {
        self.term = term
        self.vote = vote
        self.commit = commit
    }
}

/// The name of a snapshot: the state up to `index`, whose entry had `term`.
public struct SnapshotID: Hashable, Sendable {
    /// The last entry that the snapshot contains.
    public var index: LogIndex
    /// That entry's term.
    public var term: Term

    /// Names a snapshot.
    public init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }
}

/// Proof that a log holds a group's state on stable storage up to a point.
///
/// Only the log's sync makes one (the initialiser is behind `@_spi(StableStorage)`); the core gives
/// out messages that depend on durability only against it. It names the term, because an index
/// alone can be acknowledged across terms (the ABA race of asynchronous log writes).
public struct StorageReceipt: Hashable, Sendable {
    /// The group.
    public let group: GroupID
    /// The last durable entry, with the term in which it was appended; zero and zero if none.
    public let last: SnapshotID
    /// The hard state's term that is durable.
    public let term: Term

    /// States what a sync has made durable. For the log alone.
    @_spi(StableStorage)
    public init(group: GroupID, last: SnapshotID, term: Term) {
        self.group = group
        self.last = last
        self.term = term
    }
}
