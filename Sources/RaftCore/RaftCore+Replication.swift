import ClusterPrimitives

/// The leader's side of replication: paper 5.3 and 5.4.2, thesis 10.2 (pipelining, writing in
/// parallel).
extension RaftCore {
    // MARK: Proposals

    mutating func propose(_ entries: [Entry]) -> Refusal? {
        guard !entries.isEmpty else { return .empty }
        switch role {
        case .candidate, .preCandidate:
            return .notLeader(term: term, hint: nil)
        case .follower:
            guard lead != .none else { return .notLeader(term: term, hint: nil) }
            guard settings.forwardsProposals else { return .notLeader(term: term, hint: lead) }
            send(Message(.proposal, to: lead, entries: entries))
            return nil
        case .leader:
            return proposeAsLeader(entries)
        }
    }

    /// A proposal that another replica passed on. It is not passed on again: two replicas that take
    /// each other for the leader would play it back and forth.
    mutating func receiveProposal(_ message: Message) -> Refusal? {
        guard role == .leader else {
            return .notLeader(term: term, hint: lead == .none ? nil : lead)
        }
        return proposeAsLeader(message.entries)
    }

    private mutating func proposeAsLeader(_ proposed: [Entry]) -> Refusal? {
        guard progress[id] != nil else { return .removed }
        // Or the one who takes over would be behind again before it does.
        guard transferee == .none else { return .transferring(to: transferee) }
        var entries = proposed
        var unfit: Refusal?
        for offset in entries.indices where entries[offset].kind == .configurationChange {
            if let reason = whyUnfit(entries[offset]), !settings.acceptsUnfitChanges {
                unfit = .unfitChange(reason)
                entries[offset] = Entry(term: .zero, index: .zero)
            } else {
                pendingChangeIndex = LogIndex(log.lastIndex.rawValue + UInt64(offset) + 1)
            }
        }
        if let refusal = appendOwn(entries) { return refusal }
        broadcastAppend()
        return unfit
    }

    /// Appends to the leader's own log, unless too much waits already.
    mutating func appendOwn(_ proposed: [Entry]) -> Refusal? {
        let payloadBytes = proposed.payloadBytes
        let limit = settings.uncommittedBytesMax
        // While nothing waits, any size may: a limit below one command would block for ever.
        if uncommittedBytes > 0, payloadBytes > 0,
            uncommittedBytes.addingReportingOverflow(payloadBytes).overflow
                || uncommittedBytes + payloadBytes > limit
        {
            return .uncommittedTailFull(bytes: uncommittedBytes, limit: limit)
        }
        uncommittedBytes += payloadBytes
        var index = log.lastIndex
        let entries = proposed.map { entry in
            index = index.next
            return Entry(term: term, index: index, kind: entry.kind, payload: entry.payload)
        }
        log.append(entries)
        // The leader acknowledges to itself like any follower: once it is durable. A single voter
        // commits by this answer alone, and never before its disk.
        sendAfterWrite(Message(.appendResponse, to: id, index: index))
        return nil
    }

    // MARK: Sending

    mutating func broadcastAppend() {
        for peer in progress.ids where peer != id { sendAppend(to: peer, evenEmpty: true) }
    }

    /// Sends the next entries, or what replaces them; an append without entries only where its
    /// commit index makes it worth sending (`evenEmpty`). Says whether something was sent.
    @discardableResult
    mutating func sendAppend(to peer: NodeID, evenEmpty: Bool) -> Bool {
        guard let member = progress[peer], !member.isPaused else { return false }
        guard let previousTerm = log.term(at: member.next.previous) else {
            return sendSnapshot(to: peer)
        }
        // Past a full window only empty appends go: they find out whether the window was lost.
        var entries: [Entry] = []
        if member.state != .replicate || !member.inflights.isFull, member.next <= log.lastIndex {
            let next = log.entries(
                from: member.next,
                through: log.lastIndex,
                bytesMax: settings.messageBytesMax
            )
            guard let next else { return sendSnapshot(to: peer) }
            entries = next
        }
        guard evenEmpty || !entries.isEmpty else { return false }
        send(
            Message(
                .append,
                to: peer,
                logTerm: previousTerm,
                index: member.next.previous,
                commit: log.committed,
                entries: entries
            )
        )
        let commit = log.committed
        let bytes = entries.payloadBytes
        _ = progress.update(peer) {
            $0.sent(count: entries.count, bytes: bytes)
            $0.sent(commit: commit)
        }
        return true
    }

    /// Sends the newest snapshot, if there is one and the peer is there to receive it.
    private mutating func sendSnapshot(to peer: NodeID) -> Bool {
        guard let member = progress[peer], member.recentActive else { return false }
        // One from before the peer belonged to the group would be of no use to it.
        guard let snapshot = log.unstable.snapshot ?? log.storage.snapshot,
            snapshot.id.index > .zero, snapshot.configuration.contains(peer)
        else {
            wantsSnapshot = true
            return false
        }
        _ = progress.update(peer) { $0.becomeSnapshot(snapshot.id.index) }
        send(Message(.snapshot, to: peer, snapshot: snapshot))
        return true
    }

    /// Heartbeats to everybody, with the newest read round; reads that waited for a round get
    /// theirs.
    mutating func beat() {
        let round = reads.startRound()
        broadcastHeartbeat(round: round ?? reads.latestRound)
    }

    mutating func broadcastHeartbeat(round: ReadRounds.Round?) {
        let context = round?.context ?? []
        for peer in progress.ids where peer != id {
            guard let member = progress[peer] else { continue }
            // No more than the peer has acknowledged: it may hold other entries beyond.
            #if CASECLUSTER_FAULTS
            let isUnmatched = DeliberateFault.heartbeatCommitsUnmatched.isOn
            let commit = isUnmatched ? log.committed : min(member.match, log.committed)
            #else
            let commit = min(member.match, log.committed)
            #endif
            send(Message(.heartbeat, to: peer, commit: commit, context: context))
            _ = progress.update(peer) { $0.sent(commit: commit) }
        }
    }

    // MARK: Answers

    mutating func receiveAppendAnswer(_ message: Message) {
        guard progress.update(message.from, { $0.recentActive = true }) != nil else { return }
        if message.reject { takeRejection(message) } else { takeAcknowledgement(message) }
    }

    private mutating func takeRejection(_ message: Message) {
        var hint = message.rejectHint
        if message.logTerm > .zero {
            hint = log.conflictHint(at: hint, term: message.logTerm).index
        }
        let lowered = progress.update(message.from) { member in
            guard member.rejected(message.index, hint: hint) else { return false }
            if member.state == .replicate { member.becomeProbe() }
            return true
        }
        if lowered == true { sendAppend(to: message.from, evenEmpty: true) }
    }

    private mutating func takeAcknowledgement(_ message: Message) {
        // Nobody can hold more of this log than there is.
        guard message.index <= log.lastIndex else { return }
        let firstIndex = log.firstIndex
        let moved = progress.update(message.from) { member in
            let advanced = member.acknowledged(message.index)
            // The same index once more still proves that a probe has found where the logs agree.
            guard advanced || (member.match == message.index && member.state == .probe) else {
                return false
            }
            switch member.state {
            case .probe:
                member.becomeReplicate()
            case .snapshot where member.match.next >= firstIndex:
                // Whatever snapshot it was that arrived: from here the log can do the rest.
                member.becomeProbe()
                member.becomeReplicate()
            case .snapshot:
                break
            case .replicate:
                member.inflights.free(through: message.index)
            }
            return true
        }
        guard moved == true else { return }

        if advanceCommit() {
            releasePostponedReads()
            broadcastAppend()
        } else if message.from != id,
            progress[message.from]?.canAdvanceCommit(to: log.committed) == true
        {
            sendAppend(to: message.from, evenEmpty: true)
        }
        // The answer may have made room for several messages.
        if message.from != id {
            while sendAppend(to: message.from, evenEmpty: false) {}
        }
        if message.from == transferee, progress[message.from]?.match == log.lastIndex {
            send(Message(.timeoutNow, to: message.from))
        }
    }

    /// Commits what a quorum has made durable, if its last entry is of this term: an older one
    /// could still be replaced, however many hold it (paper, 5.4.2).
    mutating func advanceCommit() -> Bool {
        assert(role == .leader, "only the leader counts")
        let held = configuration.voters.committedIndex { progress[$0]?.match }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.commitsOldTermByCount.isOn, held > log.committed {
            return log.commit(to: held)
        }
        #endif
        guard held > log.committed, log.term(at: held) == term else { return false }
        return log.commit(to: held)
    }

    mutating func receiveHeartbeatAnswer(_ message: Message) {
        let lastIndex = log.lastIndex
        let behind = progress.update(message.from) { member in
            member.recentActive = true
            member.flowPaused = false
            return member.match < lastIndex || member.state == .probe
        }
        guard let behind else { return }
        if behind { sendAppend(to: message.from, evenEmpty: true) }
        confirmReads(message)
    }

    // MARK: Reports of the shell

    mutating func peerUnreachable(_ peer: NodeID) {
        guard role == .leader, peer != id else { return }
        // What was sent optimistically is probably lost.
        _ = progress.update(peer) { if $0.state == .replicate { $0.becomeProbe() } }
    }

    mutating func snapshotReported(_ peer: NodeID, arrived: Bool) {
        guard role == .leader else { return }
        _ = progress.update(peer) { member in
            guard member.state == .snapshot else { return }
            if !arrived { member.pendingSnapshot = .zero }
            member.becomeProbe()
            // Arrived: its own answer is on its way. Failed: try again after a heartbeat.
            member.flowPaused = true
        }
    }
}
