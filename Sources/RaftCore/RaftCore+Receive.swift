import ClusterPrimitives

/// What comes in from other replicas, sorted by term and then by role.
extension RaftCore {
    mutating func receive(_ message: Message) -> Refusal? {
        guard message.to == id, message.isWellFormed else { return .malformed }
        // What this replica says to itself never travels. Only a wish that it shall lead names it.
        guard message.from != id || message.kind == .transferLeadership else { return .malformed }
        if message.kind.isResponse, progress[message.from] == nil {
            return .foreignPeer(message.from)
        }
        return accept(message)
    }

    /// Takes a message whose form is checked, also those that this replica gave itself.
    mutating func accept(_ message: Message) -> Refusal? {
        if !message.kind.isTermless {
            if message.term > term {
                guard takeHigherTerm(of: message) else { return nil }
            } else if message.term < term {
                answerLowerTerm(of: message)
                return nil
            }
        }
        switch message.kind {
        case .vote, .preVote:
            receiveVoteRequest(message)
        case .append, .heartbeat, .snapshot:
            return receiveFromLeader(message)
        case .voteResponse, .preVoteResponse:
            learnCommit(from: message)
            if role == .candidate || role == .preCandidate { receiveVoteAnswer(message) }
        case .appendResponse:
            if role == .leader { receiveAppendAnswer(message) }
        case .heartbeatResponse:
            if role == .leader { receiveHeartbeatAnswer(message) }
        case .timeoutNow:
            receiveTimeoutNow()
        case .proposal:
            return receiveProposal(message)
        case .transferLeadership:
            return transferLeadership(to: message.from)
        case .readIndex:
            return readIndex(from: message.from, context: message.context)
        case .readIndexResponse:
            if role == .follower {
                readStates.append(ReadState(index: message.index, context: message.context))
            }
        }
        return nil
    }

    /// - Returns: false if the message is to be passed over.
    private mutating func takeHigherTerm(of message: Message) -> Bool {
        switch message.kind {
        case .vote where protectsLeader(from: message),
            .preVote where protectsLeader(from: message):
            return false
        case .preVote:
            break  // Never changes the term: that is its point.
        case .preVoteResponse where !message.reject:
            break  // Carries the term that was asked for; it counts only once a quorum agreed.
        default:
            becomeFollower(
                term: message.term,
                lead: message.kind.isFromLeader ? message.from : .none
            )
        }
        return true
    }

    private mutating func answerLowerTerm(of message: Message) {
        switch message.kind {
        case .heartbeat, .append:
            // A leader that doesn't know that its term is over. With vote requests being passed
            // over, this answer may be the only way to free a replica that is stuck in a higher
            // term.
            if settings.checkQuorum || settings.preVote {
                sendAfterWrite(Message(.appendResponse, to: message.from))
            }
        case .preVote:
            // Passing it over could leave two replicas waiting for each other while pre-vote is
            // introduced.
            sendAfterWrite(rejection(.preVoteResponse, to: message.from))
        case .preVoteResponse, .voteResponse:
            // No vote any more; what was committed then is committed now.
            learnCommit(from: message)
        default:
            break
        }
    }

    /// Takes what the leader of this term says. A second leader in one term can't be; if one speaks
    /// all the same, somebody lost a vote that was durable, and no replica may follow either into
    /// it.
    private mutating func receiveFromLeader(_ message: Message) -> Refusal? {
        switch role {
        case .leader:
            return .malformed
        case .candidate, .preCandidate:
            becomeFollower(term: message.term, lead: message.from)
        case .follower:
            electionElapsed = 0
            lead = message.from
        }
        switch message.kind {
        case .append: receiveAppend(message)
        case .heartbeat: receiveHeartbeat(message)
        default: receiveSnapshot(message)
        }
        return nil
    }
}
