import ClusterPrimitives
import RaftCore

/// Changes of the membership, and who leads.
extension ReplicaDriver {
    /// Proposes a change of the membership, now. Its ticket is answered by the store like any proposal's,
    /// when the change is in force; leaving a joint configuration follows by itself.
    public mutating func propose(_ change: ConfigurationChange, ticket: Ticket) {
        guard !isStopped else { return ports.failed(ticket, .stopping) }
        let inFlight = proposalsInFlight
        guard inFlight < limits.proposalsMax else {
            let failure = ReplicaFailure.overloaded(inFlight: inFlight, limit: limits.proposalsMax)
            return ports.failed(ticket, failure)
        }
        proposeGathered()  // What came before keeps its place.
        if let refusal = raft.step(.proposeConfigurationChange(change)) {
            return ports.failed(ticket, failure(for: refusal))
        }
        let now = raft.brief
        pending.append(Pending(index: now.lastIndex, term: now.term, ticket: ticket))
    }

    /// Begins to hand leadership to `node`.
    /// - Returns: nil if it was begun; whether it comes about is seen by who leads.
    public mutating func transferLeadership(to node: NodeID) -> ReplicaFailure? {
        guard !isStopped else { return .stopping }
        guard leads else {
            return .notLeader(leader: leadership.leader)
        }
        switch beginTransfer(to: node) {
        case nil: return nil
        case .foreignPeer: return .unfitChange("node \(node) has no vote in \(group)")
        case let refusal?: return failure(for: refusal)
        }
    }

    /// Begins to hand leadership to a voter that was heard of lately: to one of those that hold nearly
    /// everything, in turn, so that a node's groups don't all go to the same one and a second try goes to
    /// another; else to the one that is furthest. Does nothing without one, and on a replica that doesn't lead.
    public mutating func handOver() {
        let status = raft.status
        guard status.role == .leader, status.transferee == .none else { return }
        let heard = status.progress.filter {
            $0.id != id && !$0.progress.isLearner && $0.progress.recentActive
        }
        let ready = heard.filter { status.isCaughtUp($0.id) == true }
        let turn = UInt64(group.rawValue) &+ handOvers
        let best =
            ready.isEmpty
            ? heard.max { $0.progress.match < $1.progress.match }
            : ready[Int(turn % UInt64(ready.count))]
        guard let best else { return }
        handOvers &+= 1
        beginTransfer(to: best.id)
    }

    /// Gives leadership back to who is to lead, once that member has been fit for a while: see `LeaderReturn`.
    mutating func giveBackIfFit() {
        let standing = standingOfPreferred()
        guard leaderReturn.tick(standing), let preferredLeader else { return }
        leaderReturns += 1
        beginTransfer(to: preferredLeader)
    }

    /// Nil where there is nothing to say of it.
    private mutating func standingOfPreferred() -> LeaderReturn.Standing? {
        guard let node = preferredLeader, node != id, !isStopped else { return nil }
        guard leads else { return raft.brief.lead == node ? .leads : nil }
        guard !isHandingOver else { return nil }
        let status = raft.status
        defer { committedBefore = (committedBefore.1, status.commit) }
        // Who is behind by more than two ticks would lead with a slow disk, or over a slow link.
        guard !status.configuration.isJoint,
            let member = status.progress.first(where: { $0.id == node })?.progress,
            !member.isLearner, member.state == .replicate, member.match > .zero,
            member.match >= committedBefore.0
        else { return .unfit }
        return member.recentActive ? .fit : .silent
    }

    /// What was given before is proposed before: afterwards it would be refused.
    @discardableResult
    private mutating func beginTransfer(to node: NodeID) -> Refusal? {
        proposeGathered()
        return raft.step(.transferLeadership(to: node))
    }

    /// Once the membership has changed, nobody may be brought up by the log from its first entry: a newcomer
    /// has no membership to apply the changes to, it needs a snapshot, which the log's beginning would make
    /// unnecessary. The founders of a group of whose members none was ever changed follow the log alone.
    mutating func forgetFirstEntry() {
        guard raft.storage.base.index == .zero, applied >= LogIndex(1) else { return }
        raft.storage.compact(through: LogIndex(1))
    }
}

extension RaftStatus {
    /// Entries that a member may lack and still count as caught up: what a round trip brings.
    public static let caughtUpEntriesMax: UInt64 = 1_000

    /// Whether a member, a learner mostly, holds nearly all that is committed, so that its vote would hold
    /// nothing up. Nil where it is no member, or this replica doesn't lead.
    public func isCaughtUp(_ node: NodeID) -> Bool? {
        guard let member = progress.first(where: { $0.id == node }) else { return nil }
        let isLogEnough = member.progress.state != .snapshot
        return isLogEnough
            && member.progress.match.rawValue + Self.caughtUpEntriesMax >= commit.rawValue
            && member.progress.match > .zero
    }
}

extension MemoryLog {
    /// The log that a replica begins with: of a group whose membership has changed (the store keeps one)
    /// without its first entry.
    public func asRecovered(applied: LogIndex, hasChanged: Bool) -> MemoryLog {
        guard hasChanged, base.index == .zero, applied >= LogIndex(1) else { return self }
        var log = self
        log.compact(through: LogIndex(1))
        return log
    }
}
