import ClusterPrimitives

/// What a count of votes says so far.
public enum VoteResult: Sendable {
    /// Voters that have not answered yet can still decide it either way.
    case pending
    /// No answer that is still missing can make it a majority.
    case lost
    /// A majority said yes.
    case won
}

/// A set of voters that decides by majority.
///
/// The empty set agrees to everything: it commits without bound and wins every vote, so that a
/// joint quorum with an empty half behaves as its other half alone.
public struct MajorityQuorum: Hashable, Sendable {
    /// Ascending, each once. Not a Set: its order would differ from run to run.
    public private(set) var voters: [NodeID]

    /// The voters in `ids`, in any order; repetitions count once.
    public init(_ ids: some Sequence<NodeID> = []) {
        voters = []
        for id in ids { insert(id) }
    }

    /// How many voters make a majority.
    public var majority: Int { voters.count / 2 + 1 }

    /// Whether `id` votes here.
    public func contains(_ id: NodeID) -> Bool { voters.contains(id) }

    /// Makes `id` a voter.
    mutating func insert(_ id: NodeID) { voters.insertSorted(id) }

    /// Makes `id` no voter.
    mutating func remove(_ id: NodeID) { voters.removeAll { $0 == id } }

    /// The highest index that a majority has acknowledged.
    ///
    /// Sorted here, from the answers of this moment: a list kept sorted elsewhere goes stale, and a
    /// stale list commits too much.
    /// - Parameter acknowledged: the last index that a voter has made durable; nil while unknown.
    /// - Returns: zero while no majority has acknowledged anything.
    public func committedIndex(_ acknowledged: (NodeID) -> LogIndex?) -> LogIndex {
        guard !voters.isEmpty else { return .unbounded }
        let ascending = voters.map { acknowledged($0) ?? .zero }.sorted()
        assert(majority <= ascending.count, "a majority is never more than all")
        #if CASECLUSTER_FAULTS
        if DeliberateFault.commitsOneVoterShort.isOn, ascending.count > 1 {
            return ascending[ascending.count - majority + 1]
        }
        #endif
        return ascending[ascending.count - majority]
    }

    /// Whether the answers so far decide a vote: yes, no, or nil while a voter has not answered.
    public func voteResult(_ vote: (NodeID) -> Bool?) -> VoteResult {
        guard !voters.isEmpty else { return .won }
        var granted = 0
        var missing = 0
        for voter in voters {
            switch vote(voter) {
            case true?: granted += 1
            case false?: break
            case nil: missing += 1
            }
        }
        if granted >= majority { return .won }
        return granted + missing >= majority ? .pending : .lost
    }
}

/// Two majorities that must both agree: the voters that come in and, while a change is under way,
/// those that go out.
public struct JointQuorum: Hashable, Sendable {
    /// The voters after the change.
    public internal(set) var incoming: MajorityQuorum
    /// The voters before it; empty unless a change is under way.
    public internal(set) var outgoing: MajorityQuorum

    /// Joins two majorities.
    public init(incoming: MajorityQuorum, outgoing: MajorityQuorum = MajorityQuorum()) {
        self.incoming = incoming
        self.outgoing = outgoing
    }

    /// Everybody who votes in either half, ascending.
    public var voters: [NodeID] {
        MajorityQuorum(incoming.voters + outgoing.voters).voters
    }

    /// Whether `id` votes in either half.
    public func contains(_ id: NodeID) -> Bool {
        incoming.contains(id) || outgoing.contains(id)
    }

    /// The highest index that both majorities have acknowledged.
    public func committedIndex(_ acknowledged: (NodeID) -> LogIndex?) -> LogIndex {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.countsOneHalfOfJoint.isOn {
            return incoming.committedIndex(acknowledged)
        }
        #endif
        return min(incoming.committedIndex(acknowledged), outgoing.committedIndex(acknowledged))
    }

    /// Won when both halves won it, lost when either lost it.
    public func voteResult(_ vote: (NodeID) -> Bool?) -> VoteResult {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.countsOneHalfOfJoint.isOn { return incoming.voteResult(vote) }
        #endif
        return switch (incoming.voteResult(vote), outgoing.voteResult(vote)) {
        case (.won, .won): .won
        case (.lost, _), (_, .lost): .lost
        default: .pending
        }
    }
}

extension LogIndex {
    /// Above every index: what the empty majority commits.
    static let unbounded = LogIndex(UInt64.max)
}

extension [NodeID] {
    /// Puts `id` in its place of an ascending list, once.
    mutating func insertSorted(_ id: NodeID) {
        let place = firstIndex { $0 >= id } ?? endIndex
        if place < endIndex, self[place] == id { return }
        insert(id, at: place)
    }
}
