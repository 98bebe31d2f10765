import ClusterPrimitives

/// Time, and the passages between the roles.
extension RaftCore {
    mutating func tick() {
        if role == .leader { tickLeader() } else { tickWaiting() }
    }

    private mutating func tickWaiting() {
        electionElapsed += 1
        guard isPromotable, electionElapsed >= electionTimeout else { return }
        electionElapsed = 0
        // Who does not stand must not go on protecting a leader that is silent: others do stand.
        if isHeldBack { forgetLeader() }
        campaignIfAllowed(settings.preVote ? .preElection : .election)
    }

    private mutating func tickLeader() {
        heartbeatElapsed += 1
        electionElapsed += 1
        if electionElapsed >= settings.electionTicks {
            electionElapsed = 0
            if settings.checkQuorum { checkQuorum() }
            // A transfer that took an election timeout has failed: accept proposals again.
            if role == .leader, transferee != .none {
                transferee = .none
                leaveJointIfDue()
            }
        }
        guard role == .leader, heartbeatElapsed >= settings.heartbeatTicks else { return }
        heartbeatElapsed = 0
        beat()
    }

    /// Steps down if no quorum was heard of since the last check; then everybody has to be heard of
    /// anew.
    private mutating func checkQuorum() {
        let active = configuration.voters.voteResult { progress[$0]?.recentActive ?? false }
        if active != .won { becomeFollower(term: term, lead: .none) }
        let own = id
        progress.updateAll { if $0 != own { $1.recentActive = false } }
    }

    mutating func becomeFollower(term: Term, lead: NodeID) {
        reset(term: term)
        self.lead = lead
        role = .follower
    }

    /// Changes neither term nor vote: asking costs nothing that would have to be durable.
    mutating func becomePreCandidate() {
        precondition(role != .leader, "a leader doesn't stand against itself")
        votes = [:]
        lead = .none
        role = .preCandidate
    }

    mutating func becomeCandidate() {
        precondition(role != .leader, "a leader doesn't stand against itself")
        reset(term: term.next)
        vote = id
        role = .candidate
    }

    mutating func becomeLeader() {
        precondition(role == .candidate, "only a candidate wins an election")
        precondition(vote == id, "a candidate has voted for itself")
        reset(term: term)
        lead = id
        role = .leader
        _ = progress.update(id) {
            $0.becomeReplicate()
            $0.recentActive = true
        }
        // There may be a change among the entries inherited. To wait for all of them is cheaper
        // than to search, and keeps the rule that no change is proposed before this term has
        // committed.
        pendingChangeIndex = log.lastIndex
        // The empty entry commits the older terms' entries; without it they can't be counted as
        // committed.
        let refusal = appendOwn([Entry(term: .zero, index: .zero)])
        precondition(refusal == nil, "an empty entry is never too large")
        settlingIndex = log.lastIndex
    }

    mutating func reset(term: Term) {
        assert(term >= self.term, "terms never fall")
        if self.term != term {
            self.term = term
            vote = .none
        }
        lead = .none
        electionElapsed = 0
        heartbeatElapsed = tickNumber % settings.heartbeatTicks
        electionTimeout =
            settings.electionTicks + Int(random.next() % UInt64(settings.electionTicks))
        transferee = .none
        votes = [:]
        let lastIndex = log.lastIndex
        let own = id
        progress.updateAll { id, progress in
            progress.reset(next: lastIndex.next, match: id == own ? lastIndex : .zero)
        }
        pendingChangeIndex = .zero
        uncommittedBytes = 0
        reads = ReadRounds()
    }

    mutating func forgetLeader() {
        // With leases the leader may rely on this replica's silence: forgetting it would break its
        // reads.
        guard role == .follower, settings.readMode != .lease else { return }
        lead = .none
    }

    /// Whether this replica may stand for election: it votes, and no snapshot stands between its
    /// log and its state.
    var isPromotable: Bool {
        guard let own = progress[id] else { return false }
        return !own.isLearner && log.unstable.snapshot == nil
    }
}
