import ClusterPrimitives

/// Linearizable reads without a log entry: thesis 6.4.
extension RaftCore {
    mutating func readIndex(from reader: NodeID, context: [UInt8]) -> Refusal? {
        guard role == .leader else {
            guard role == .follower, lead != .none, reader == id else {
                return .notLeader(term: term, hint: lead == .none ? nil : lead)
            }
            send(Message(.readIndex, to: lead, context: context))
            return nil
        }
        guard reads.count < settings.readsPendingMax else {
            return .tooManyReads(limit: settings.readsPendingMax)
        }
        let read = ReadRounds.Read(from: reader, context: context, index: log.committed)
        // The commit index of a fresh leader may lag behind what its predecessor has acknowledged,
        // also in a group of one voter that was restarted. Its first own entry, once committed,
        // settles that.
        guard hasCommittedInTerm else {
            reads.postpone(read)
            return nil
        }
        grantWhenConfirmed(read)
        return nil
    }

    var hasCommittedInTerm: Bool { log.term(at: log.committed) == term }

    private mutating func grantWhenConfirmed(_ read: ReadRounds.Read) {
        assert(hasCommittedInTerm, "a read index is known only behind the leader's first entry")
        #if CASECLUSTER_FAULTS
        if DeliberateFault.readsBeforeRound.isOn { return grant(read) }
        #endif
        let leadsAlone = configuration.isSingleVoter && configuration.voters.contains(id)
        if leadsAlone || settings.readMode == .lease {
            grant(read)
            return
        }
        reads.add(read)
        // While a round is under way the reads gather for the next one.
        if reads.latestRound == nil, let round = reads.startRound() {
            broadcastHeartbeat(round: round)
        }
    }

    mutating func releasePostponedReads() {
        guard hasCommittedInTerm else { return }
        for var read in reads.takePostponed() {
            read.index = log.committed
            grantWhenConfirmed(read)
        }
    }

    mutating func confirmReads(_ message: Message) {
        let confirmed = reads.answer(
            from: message.from,
            context: message.context,
            quorum: configuration.voters,
            own: id
        )
        guard !confirmed.isEmpty else { return }
        for read in confirmed { grant(read) }
        if reads.latestRound == nil, let round = reads.startRound() {
            broadcastHeartbeat(round: round)
        }
    }

    private mutating func grant(_ read: ReadRounds.Read) {
        if read.from == id {
            readStates.append(ReadState(index: read.index, context: read.context))
        } else {
            send(
                Message(
                    .readIndexResponse,
                    to: read.from,
                    index: read.index,
                    context: read.context
                )
            )
        }
    }
}
