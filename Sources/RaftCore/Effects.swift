import ClusterPrimitives

/// A replica's part in its group.
public enum Role: Sendable {
    /// Follows a leader, or waits for one.
    case follower
    /// Asks whether it could win an election.
    case preCandidate
    /// Asks for votes.
    case candidate
    /// Leads.
    case leader
}

/// What is lost in a crash and need not be kept.
public struct SoftState: Hashable, Sendable {
    /// The leader, as far as known.
    public var lead: NodeID
    /// This replica's part.
    public var role: Role

    /// Puts a soft state together.
    public init(lead: NodeID, role: Role) {
        self.lead = lead
        self.role = role
    }
}

/// The answer to a read: serve it once `index` is applied.
public struct ReadState: Hashable, Sendable {
    /// The state machine must have applied this.
    public var index: LogIndex
    /// Which read, as named by its event.
    public var context: [UInt8]

    /// Puts an answer together.
    public init(index: LogIndex, context: [UInt8]) {
        self.index = index
        self.context = context
    }
}

/// What a replica wants done. To be performed in this order:
///
/// 1. Hand `snapshot`, then `entries` and `hardState` as one, to the log, and `snapshot` and
///    `entries` to the core's `storage`.
/// 2. Send `messages`: they depend on nothing that is not durable yet.
/// 3. If `needsReceipt`: once the log is durable that far, and `snapshot` has replaced the state
///    machine, step `.persisted(receipt)`. Messages that depend on it, votes and acknowledgements,
///    can't be had otherwise: the core releases them then, into the effects taken next.
/// 4. Apply `committed` in order, then step `.applied(last index)`. They are durable here already.
/// 5. Answer `readStates` whose index is applied; keep the others until it is.
public struct Effects: Sendable {
    /// Set when leader or role changed.
    public internal(set) var softState: SoftState?
    /// Set when term, vote or commit changed.
    public internal(set) var hardState: HardState?
    /// A state to install in place of state machine and log, before anything else; `entries` follow
    /// it.
    public internal(set) var snapshot: Snapshot?
    /// To append; what the log holds from the first index on is replaced.
    public internal(set) var entries: [Entry] = []
    /// Whether entries, term or vote are to be synced. Off when only the commit index changed,
    /// which may be lost, and for a snapshot, whose installation is durable before its receipt in
    /// any case.
    public internal(set) var mustSync = false
    /// Whether the core waits for a receipt. Exactly one, in the order in which effects were taken.
    public internal(set) var needsReceipt = false
    /// To send now.
    public internal(set) var messages: [Message] = []
    /// To apply.
    public internal(set) var committed: [Entry] = []
    /// Whether a follower needs a snapshot and storage has none that fits. Make one of what is
    /// applied by now; it is asked for with the next heartbeat.
    public internal(set) var wantsSnapshot = false
    /// Reads that were granted.
    public internal(set) var readStates: [ReadState] = []
}

/// A write that was handed out, and what waits for it to be durable.
struct StorageWrite: Sendable {
    /// What the receipt must name: the log's end and the hard state's term once this write is
    /// durable.
    let last: SnapshotID
    let term: Term
    /// Whether the receipt attests the unstable entries up to `last`.
    ///
    /// Every write attests all entries under way, not only its own: the receipt of an earlier write
    /// may come to nothing because the term has changed meanwhile.
    let attestsEntries: Bool
    let snapshot: LogIndex?
    /// Votes and acknowledgements, some of them to this replica itself.
    var held: [Message]
}
