import ClusterPrimitives

/// Handing leadership over: thesis 3.10.
extension RaftCore {
    mutating func transferLeadership(to target: NodeID) -> Refusal? {
        switch role {
        case .candidate, .preCandidate:
            return .notLeader(term: term, hint: nil)
        case .follower:
            guard lead != .none else { return .notLeader(term: term, hint: nil) }
            send(Message(.transferLeadership, from: target, to: lead))
            return nil
        case .leader:
            return beginTransfer(to: target)
        }
    }

    private mutating func beginTransfer(to target: NodeID) -> Refusal? {
        guard let member = progress[target], !member.isLearner else {
            return .foreignPeer(target)
        }
        guard transferee != target else { return nil }
        transferee = .none
        guard target != id else { return nil }
        // It has one election timeout to take over.
        electionElapsed = 0
        transferee = target
        if member.match == log.lastIndex {
            send(Message(.timeoutNow, to: target))
        } else {
            sendAppend(to: target, evenEmpty: true)
        }
        return nil
    }
}
