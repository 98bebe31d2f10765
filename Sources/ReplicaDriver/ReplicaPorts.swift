import ClusterPrimitives
import RaftCore

/// What one round of a replica wants written, in this order, before it is told that it is durable.
public struct ReplicaWrite: Sendable {
    /// The group.
    public var group: GroupID
    /// To be found again after a crash; nil if unchanged.
    public var hardState: HardState?
    /// Replace whatever the log holds from the first one's index on.
    public var entries: [Entry]
    /// A snapshot that the log begins behind from now on; nil if none came. `entries` follow it.
    public var snapshot: Snapshot?
    /// The core waits for a receipt of exactly this write.
    public var needsReceipt: Bool

    /// Puts a write together.
    public init(
        group: GroupID,
        hardState: HardState?,
        entries: [Entry],
        snapshot: Snapshot? = nil,
        needsReceipt: Bool = true
    ) {
        self.group = group
        self.hardState = hardState
        self.entries = entries
        self.snapshot = snapshot
        self.needsReceipt = needsReceipt
    }
}

/// A committed entry on its way to the store, with whoever waits for its result on this node.
public struct DeliveredEntry<Ticket: Sendable>: Sendable {
    /// What to apply.
    public var entry: Entry
    /// The proposer, if it was proposed here in this entry's term.
    public var ticket: Ticket?
    /// The membership from here on, for the store to keep with its applied index; nil where the entry is no
    /// change of it.
    public var configuration: Configuration?

    /// Puts an entry together.
    public init(entry: Entry, ticket: Ticket?, configuration: Configuration? = nil) {
        self.entry = entry
        self.ticket = ticket
        self.configuration = configuration
    }
}

/// Why a proposal or a read ended without a result. Says whether it may have happened.
public enum ReplicaFailure: Error, Equatable, Sendable {
    /// Does not lead; surely not proposed. Retry at `leader`, if known.
    case notLeader(leader: NodeID?)
    /// Too much in flight; surely not proposed. Retry after a while.
    case overloaded(inFlight: Int, limit: Int)
    /// Larger, in bytes, than the log takes; surely not proposed. Don't retry.
    case tooLarge(bytes: Int, limit: Int)
    /// The disk is full; surely not proposed. Retry when there is room.
    case diskFull
    /// The change of the membership does not fit now, for the reason given; it has no effect. Look at the
    /// configuration before retrying.
    case unfitChange(String)
    /// Proposed, and then another leader came: it may or may not be carried out. Retry with the same key.
    case outcomeUnknown
    /// The node stops; a proposal may or may not be carried out.
    case stopping
}

/// What a replica's effects are performed on. The server's ports hop to the log's and the store's threads;
/// a simulator's put them on a queue of events.
///
/// Contract: each call returns at once. What is to be answered is answered later, by the driver's input of
/// the name given; `write` and `apply` in the order given.
public protocol ReplicaPorts<Ticket> {
    /// Names whoever waits for a proposal or a read.
    associatedtype Ticket: Sendable

    /// Makes durable; answered by `persisted` if a receipt is needed.
    ///
    /// With a snapshot, the receipt says more: that the log durably names the snapshot (and its
    /// configuration), and that it has then taken the store's place, behind everything that was given to
    /// `apply` before.
    func write(_ write: ReplicaWrite)

    /// Applies, and answers the tickets; answered by `applied` when readers of the store see it, which may be
    /// later.
    func apply(_ entries: [DeliveredEntry<Ticket>])

    /// Somebody waits until the store shows everything up to `index`: nothing should be put off.
    func storeAwaited(through index: LogIndex)

    /// Sends to peers; may lose, delay, repeat. None of them is a snapshot.
    func send(_ messages: [Message])

    /// Copies the store as it is now, its configuration with it; answered once by `snapshotMade`. Asked for
    /// again only after that. Of two copies of one index the ports keep one.
    func makeSnapshot()

    /// Sends a message of kind `snapshot` and the copy that it names; answered once by `snapshotSent`.
    func sendSnapshot(_ message: Message)

    /// Nobody needs that copy any more: it may be removed. Never while it is being sent.
    func dropSnapshot(_ id: SnapshotID)

    /// A linearizable read may look at the store now: all these tickets at once. Also: the store has reached
    /// the index that was waited for.
    func readable(_ tickets: [Ticket])

    /// A linearizable read may look at any replica's store that has applied `index`.
    func readIndexKnown(_ tickets: [Ticket], _ index: LogIndex)

    /// A proposal or read ended without a result.
    func failed(_ ticket: Ticket, _ failure: ReplicaFailure)

    /// Leadership or the known leader changed.
    func leadershipChanged(_ leadership: Leadership)
}

extension ReplicaPorts {
    /// For stores that put nothing off.
    public func storeAwaited(through index: LogIndex) {}
}

/// Who leads a group, as one of its replicas knows it.
public struct Leadership: Equatable, Sendable {
    /// The term.
    public var term: Term
    /// The leader, if known.
    public var leader: NodeID?
    /// This replica leads and has applied an entry of its own term: it may stamp time and serve reads.
    public var isReady: Bool

    /// Puts a leadership together.
    public init(term: Term, leader: NodeID?, isReady: Bool) {
        self.term = term
        self.leader = leader
        self.isReady = isReady
    }
}
