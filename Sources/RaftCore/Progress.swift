import ClusterPrimitives

/// How the leader deals with one follower.
public enum ReplicationState: Sendable {
    /// Where the logs agree is not known: one append at a time.
    case probe
    /// It is known: appends are pipelined within the window.
    case replicate
    /// The follower needs what was compacted: no appends until a snapshot has arrived.
    case snapshot
}

/// What the leader knows about one member.
///
/// Invariants: `match < next`; everything between them is on its way.
public struct Progress: Hashable, Sendable {
    /// Up to here the member's log is known to be the leader's, durably.
    public internal(set) var match = LogIndex.zero
    /// The next entry to send.
    public internal(set) var next: LogIndex
    /// How the leader deals with it.
    public internal(set) var state = ReplicationState.probe
    /// The snapshot under way in state `.snapshot`; otherwise zero.
    public internal(set) var pendingSnapshot = LogIndex.zero
    /// Whether it was heard of since the last check of the quorum.
    public internal(set) var recentActive = false
    /// Whether it has no vote.
    public internal(set) var isLearner = false
    /// Whether sending waits for a sign of life: after a probe, or when the window ran full.
    var flowPaused = false
    /// The commit index last sent. Regresses with `next`, because what was sent there may be lost.
    private(set) var sentCommit = LogIndex.zero
    var inflights: Inflights

    init(next: LogIndex, inflights: Inflights) {
        self.next = next
        self.inflights = inflights
    }

    /// Appends sent and not answered.
    public var inflightMessages: Int { inflights.count }

    /// Whether the window has no room.
    public var isInflightFull: Bool { inflights.isFull }

    /// Whether appends are held back.
    public var isPaused: Bool {
        switch state {
        case .probe, .replicate: flowPaused
        case .snapshot: true
        }
    }

    private mutating func enter(_ state: ReplicationState) {
        self.state = state
        flowPaused = false
        pendingSnapshot = .zero
        inflights.reset()
    }

    /// Begins behind the agreed prefix, or behind a snapshot that is believed to have arrived.
    mutating func becomeProbe() {
        let afterSnapshot = state == .snapshot ? pendingSnapshot.next : .zero
        enter(.probe)
        next = max(match.next, afterSnapshot)
        sentCommit = min(sentCommit, next.previous)
    }

    mutating func becomeReplicate() {
        enter(.replicate)
        next = match.next
    }

    mutating func becomeSnapshot(_ index: LogIndex) {
        enter(.snapshot)
        pendingSnapshot = index
        next = index.next
        sentCommit = index
    }

    /// Notes an append of `count` entries from `next` on.
    mutating func sent(count: Int, bytes: UInt64) {
        switch state {
        case .replicate:
            if count > 0 {
                next = LogIndex(next.rawValue + UInt64(count))
                inflights.add(last: next.previous, bytes: bytes)
            }
            // A message that fills the window, or one sent past a full one, is a probe: wait.
            flowPaused = inflights.isFull
        case .probe:
            if count > 0 { flowPaused = true }
        case .snapshot:
            assertionFailure("no appends while a snapshot is under way")
        }
    }

    mutating func sent(commit: LogIndex) { sentCommit = commit }

    /// Whether sending `commit` could move the follower's commit index.
    func canAdvanceCommit(to commit: LogIndex) -> Bool {
        commit > sentCommit && sentCommit < next.previous
    }

    /// Takes an acknowledgement; false if it is older than what is known.
    mutating func acknowledged(_ index: LogIndex) -> Bool {
        guard index > match else { return false }
        match = index
        next = max(next, index.next)
        flowPaused = false
        return true
    }

    /// Takes a rejection of the append behind `rejected`; false if it is stale.
    mutating func rejected(_ rejected: LogIndex, hint: LogIndex) -> Bool {
        if state == .replicate {
            guard rejected > match else { return false }
            next = match.next
            sentCommit = min(sentCommit, next.previous)
            return true
        }
        // Without pipelining only the one outstanding probe can be rejected.
        guard next.previous == rejected else { return false }
        next = max(min(rejected, hint.next), match.next)
        sentCommit = min(sentCommit, next.previous)
        flowPaused = false
        return true
    }

    /// Starts anew for another term, keeping what belongs to the membership.
    mutating func reset(next: LogIndex, match: LogIndex) {
        enter(.probe)
        self.match = match
        self.next = next
        recentActive = false
        sentCommit = .zero
    }
}

/// The progress of every member, ascending by id. Not a Dictionary: sending walks it, and the order
/// of messages must be the same in every run.
struct ProgressTable: Hashable, Sendable {
    private(set) var ids: [NodeID] = []
    private var values: [Progress] = []
    private let inflightMessagesMax: Int
    private let inflightBytesMax: UInt64

    init(inflightMessagesMax: Int, inflightBytesMax: UInt64) {
        self.inflightMessagesMax = inflightMessagesMax
        self.inflightBytesMax = inflightBytesMax
    }

    /// The same limits, nobody in it.
    func emptied() -> ProgressTable {
        ProgressTable(inflightMessagesMax: inflightMessagesMax, inflightBytesMax: inflightBytesMax)
    }

    /// The progress of somebody of whom nothing is known.
    func newcomer(next: LogIndex, isLearner: Bool, recentActive: Bool) -> Progress {
        let window = Inflights(countMax: inflightMessagesMax, bytesMax: inflightBytesMax)
        var progress = Progress(next: next, inflights: window)
        progress.isLearner = isLearner
        progress.recentActive = recentActive
        return progress
    }

    /// Nil for who is not a member; setting nil removes.
    subscript(id: NodeID) -> Progress? {
        get { ids.firstIndex(of: id).map { values[$0] } }
        set {
            let place = ids.firstIndex { $0 >= id } ?? ids.endIndex
            let known = place < ids.endIndex && ids[place] == id
            switch (newValue, known) {
            case (let value?, true): values[place] = value
            case (let value?, false):
                ids.insert(id, at: place)
                values.insert(value, at: place)
            case (nil, true):
                ids.remove(at: place)
                values.remove(at: place)
            case (nil, false): break
            }
        }
    }

    /// Changes one member's progress in place; nil if `id` is not a member.
    mutating func update<Result>(_ id: NodeID, _ body: (inout Progress) -> Result) -> Result? {
        guard let place = ids.firstIndex(of: id) else { return nil }
        return body(&values[place])
    }

    /// Changes every member's.
    mutating func updateAll(_ body: (NodeID, inout Progress) -> Void) {
        for place in ids.indices { body(ids[place], &values[place]) }
    }
}
