import ClusterPrimitives

/// Why an election is held.
enum Campaign {
    case preElection
    case election
    case transfer

    /// What a vote request carries when the leader asked for the election: voters then don't
    /// protect it.
    static let transferContext = Array("transfer".utf8)
}

/// Elections: paper 5.2 and 5.4.1, thesis 9.6 (pre-vote) and 4.2.3 (voters that hear a leader).
extension RaftCore {
    mutating func campaignIfAllowed(_ campaign: Campaign) {
        guard role != .leader, isPromotable, !isHeldBack || configuration.isSingleVoter else {
            return
        }
        // A change that is committed and not applied could mean that this is no voter any more.
        guard !log.hasUnappliedChange(pageBytes: settings.committedBytesMax) else { return }
        self.campaign(campaign)
    }

    private mutating func campaign(_ campaign: Campaign) {
        let request: Message.Kind
        let requestTerm: Term
        if campaign == .preElection {
            becomePreCandidate()
            request = .preVote
            requestTerm = term.next
        } else {
            becomeCandidate()
            request = .vote
            requestTerm = term
        }
        let last = log.last
        for voter in configuration.voters.voters {
            guard voter != id else {
                // Its own vote counts like any other: once it is durable.
                let answer: Message.Kind = request == .vote ? .voteResponse : .preVoteResponse
                sendAfterWrite(Message(answer, to: id, term: requestTerm))
                continue
            }
            send(
                Message(
                    request,
                    to: voter,
                    term: requestTerm,
                    logTerm: last.term,
                    index: last.index,
                    context: campaign == .transfer ? Campaign.transferContext : []
                )
            )
        }
    }

    /// Whether a vote request is to be passed over without an answer: this replica hears a leader.
    func protectsLeader(from message: Message) -> Bool {
        settings.checkQuorum && lead != .none && electionElapsed < settings.electionTicks
            && message.context != Campaign.transferContext
    }

    /// Answers a vote or pre-vote request. A learner votes when asked: the candidate may know
    /// better, and a group whose newest voter has not heard of its vote yet could otherwise be
    /// stuck.
    mutating func receiveVoteRequest(_ message: Message) {
        let answer: Message.Kind = message.kind == .vote ? .voteResponse : .preVoteResponse
        let mayVote =
            vote == message.from || (vote == .none && lead == .none)
            || (message.kind == .preVote && message.term > term)
        let candidate = SnapshotID(index: message.index, term: message.logTerm)
        #if CASECLUSTER_FAULTS
        if DeliberateFault.votesTwice.isOn && log.isUpToDate(candidate)
            || DeliberateFault.votesForShorterLog.isOn && mayVote
        {
            sendAfterWrite(Message(answer, to: message.from, term: message.term))
            if message.kind == .vote { vote = message.from }
            return
        }
        #endif
        guard mayVote, log.isUpToDate(candidate) else {
            sendAfterWrite(rejection(answer, to: message.from))
            return
        }
        // With the request's term: a pre-candidate would pass over an answer from its own, older
        // one.
        sendAfterWrite(
            tellingCommit(Message(answer, to: message.from, term: message.term))
        )
        if message.kind == .vote {
            assert(vote == .none || vote == message.from, "one vote a term")
            electionElapsed = 0
            vote = message.from
        }
    }

    /// A no, in this replica's own term.
    func rejection(_ answer: Message.Kind, to candidate: NodeID) -> Message {
        tellingCommit(Message(answer, to: candidate, term: term, reject: true))
    }

    /// An answer to a candidate, with what is committed: see `RaftConfiguration.tellsCommitToCandidates`.
    private func tellingCommit(_ answer: Message) -> Message {
        guard settings.tellsCommitToCandidates, let logTerm = log.term(at: log.committed) else {
            return answer
        }
        var answer = answer
        answer.commit = log.committed
        answer.logTerm = logTerm
        return answer
    }

    /// Takes over from an answer, of whatever term, what is committed, if this log holds it: logs that share an
    /// entry are equal up to it.
    mutating func learnCommit(from message: Message) {
        guard role != .leader, message.commit > log.committed,
            log.term(at: message.commit) == message.logTerm
        else { return }
        log.commit(to: message.commit)
        // Who stands may be no voter any more, or need others' votes: see `campaignIfAllowed`.
        guard role != .follower, log.hasUnappliedChange(pageBytes: settings.committedBytesMax)
        else { return }
        becomeFollower(term: term, lead: .none)
    }

    /// Counts an answer, as candidate or pre-candidate.
    mutating func receiveVoteAnswer(_ message: Message) {
        let expected: Message.Kind = role == .preCandidate ? .preVoteResponse : .voteResponse
        // While standing, stale answers to the pre-vote may still come in.
        guard message.kind == expected else { return }
        if votes[message.from] == nil { votes[message.from] = !message.reject }
        switch configuration.voters.voteResult({ votes[$0] }) {
        case .won:
            if role == .preCandidate {
                campaign(.election)
            } else if votes[id] == true {
                // Not before its own vote is durable: after a crash it could lead this term once
                // more.
                becomeLeader()
                broadcastAppend()
            }
        case .lost:
            // A rejected pre-vote carries the term asked for; the own one stays.
            becomeFollower(term: term, lead: .none)
        case .pending:
            break
        }
    }

    /// The leader asks this replica to take over. Without pre-vote: nobody comes back from a
    /// partition.
    mutating func receiveTimeoutNow() {
        guard role == .follower else { return }
        campaignIfAllowed(.transfer)
    }
}
