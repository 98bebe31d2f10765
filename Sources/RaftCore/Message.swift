import ClusterPrimitives

/// What one replica says to another of the same group.
public struct Message: Hashable, Sendable {
    /// What a message is for. The numbers are the wire's and never change their meaning.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Entries to append, behind `index` and `logTerm`; the leader's commit index.
        case append = 1
        /// How an append went.
        case appendResponse = 2
        /// The leader is there; its commit index as far as the receiver holds it; a read round in
        /// `context`. `index` may say how far is committed at all, for those who read there: the
        /// core doesn't look.
        case heartbeat = 3
        /// The receiver is there; `context` as received.
        case heartbeatResponse = 4
        /// A state in place of entries that are gone.
        case snapshot = 5
        /// Would you vote for me in `term`? Changes nothing at the receiver.
        case preVote = 6
        /// The answer.
        case preVoteResponse = 7
        /// Vote for me in `term`.
        case vote = 8
        /// The answer.
        case voteResponse = 9
        /// Start an election now: the leader hands over.
        case timeoutNow = 10
        /// Payloads on their way to the leader.
        case proposal = 11
        /// A wish to hand leadership to `from`, on its way to the leader.
        case transferLeadership = 12
        /// A question for the read index, on its way to the leader.
        case readIndex = 13
        /// The answer: what `context` asked for may be read at `index`.
        case readIndexResponse = 14

        /// Whether only a member has reason to send this: an answer.
        var isResponse: Bool {
            switch self {
            case .appendResponse, .heartbeatResponse, .preVoteResponse, .voteResponse,
                .readIndexResponse:
                true
            default: false
            }
        }

        /// Whether only the leader of `term` sends this.
        var isFromLeader: Bool {
            self == .append || self == .heartbeat || self == .snapshot
        }

        /// Whether this carries no term: it is forwarded on a client's behalf, not said by a
        /// replica.
        var isTermless: Bool { self == .proposal || self == .readIndex }
    }

    /// What it is for.
    public var kind: Kind
    /// Who says it. For a wish to transfer leadership: who shall lead.
    public var from: NodeID
    /// To whom.
    public var to: NodeID
    /// The sender's term; in pre-votes the term that would follow; zero in what is forwarded for a
    /// client.
    public var term: Term
    /// The term of the entry at `index`; in an answer to a candidate, of the one at `commit`.
    public var logTerm: Term
    /// The entry before `entries`; in answers the last one acknowledged, or the one rejected.
    public var index: LogIndex
    /// The sender's commit index; zero where it says nothing of it.
    public var commit: LogIndex
    /// What to append, or what is proposed.
    public var entries: [Entry]
    /// The state that replaces entries.
    public var snapshot: Snapshot?
    /// Whether an answer is a no.
    public var reject: Bool
    /// In a rejected append: where the logs may agree.
    public var rejectHint: LogIndex
    /// A read round, a read's name, or the reason for an election.
    public var context: [UInt8]

    /// Puts a message together.
    public init(
        _ kind: Kind,
        from: NodeID = .none,
        to: NodeID,
        term: Term = .zero,
        logTerm: Term = .zero,
        index: LogIndex = .zero,
        commit: LogIndex = .zero,
        entries: [Entry] = [],
        snapshot: Snapshot? = nil,
        reject: Bool = false,
        rejectHint: LogIndex = .zero,
        context: [UInt8] = []
    ) {
        self.kind = kind
        self.from = from
        self.to = to
        self.term = term
        self.logTerm = logTerm
        self.index = index
        self.commit = commit
        self.entries = entries
        self.snapshot = snapshot
        self.reject = reject
        self.rejectHint = rejectHint
        self.context = context
    }
}

extension Message {
    /// Whether the parts fit each other. A message that came over the wire and fails this is
    /// dropped: it is a fault of the sender's, not a reason to stop here.
    var isWellFormed: Bool {
        guard from != .none, kind.isTermless || term > .zero else { return false }
        guard [term, logTerm].allSatisfy({ $0.rawValue <= Self.numberMax }),
            [index, commit, rejectHint].allSatisfy({ $0.rawValue <= Self.numberMax })
        else { return false }
        switch kind {
        case .append:
            var before = SnapshotID(index: index, term: logTerm)
            for entry in entries {
                guard entry.index == before.index.next, entry.term >= before.term,
                    entry.term <= term
                else { return false }
                before = SnapshotID(index: entry.index, term: entry.term)
            }
            return true
        case .snapshot:
            guard let snapshot else { return true }
            return snapshot.configuration.isValid && snapshot.id.index.rawValue <= Self.numberMax
                && snapshot.id.term <= term
        case .proposal: return !entries.isEmpty
        default: return true
        }
    }

    /// The highest term and index that are believed: out of reach of any real log (a million
    /// entries a second for 146,000 years), so that adding to one can't overflow whatever a peer
    /// sends.
    private static let numberMax = UInt64(1) << 62
}
