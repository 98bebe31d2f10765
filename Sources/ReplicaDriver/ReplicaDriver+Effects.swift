import ClusterPrimitives
import RaftCore

/// From the core's effects to the ports, in the order that stands at their type.
extension ReplicaDriver {
    /// Performs what the inputs since the last call led to. Call it after each batch of inputs.
    public mutating func flush() {
        proposeGathered()
        startRound()
        while let effects = raft.takeEffects() { perform(effects) }
        updateLeadership()
        // A round that was answered at once may have left the next one waiting.
        startRound()
        while let effects = raft.takeEffects() { perform(effects) }
    }

    mutating func proposeGathered() {
        guard !proposals.isEmpty else { return }
        let batch = proposals
        proposals = []
        proposalBytes = 0
        let before = raft.brief
        guard let refusal = raft.step(.propose(batch.map(\.payload))) else {
            var index = before.lastIndex
            for proposal in batch {
                index = index.next
                pending.append(Pending(index: index, term: before.term, ticket: proposal.ticket))
            }
            return
        }
        let failure = failure(for: refusal)
        for proposal in batch { ports.failed(proposal.ticket, failure) }
    }

    func failure(for refusal: Refusal) -> ReplicaFailure {
        switch refusal {
        case .notLeader(_, let hint): .notLeader(leader: hint)
        case .transferring(let target): .notLeader(leader: target)
        case .uncommittedTailFull, .tooManyReads:
            .overloaded(inFlight: pending.count - pendingStart, limit: limits.proposalsMax)
        case .unfitChange(let reason): .unfitChange(reason)
        default: .notLeader(leader: nil)
        }
    }

    private mutating func perform(_ effects: Effects) {
        if let snapshot = effects.snapshot { take(snapshot) }
        if !effects.entries.isEmpty { raft.storage.append(effects.entries) }
        if effects.needsReceipt || effects.snapshot != nil {
            write(effects)
        } else if let state = effects.hardState {
            unwritten = state
        }
        if !effects.messages.isEmpty { send(effects.messages) }
        if !effects.committed.isEmpty { deliver(effects.committed) }
        for state in effects.readStates { grant(state) }
        if effects.wantsSnapshot { makeCopyIfNone() }
    }

    private mutating func write(_ effects: Effects) {
        if effects.needsReceipt { writesUnderWay += 1 }
        let unwritten = takeUnwritten()
        ports.write(
            ReplicaWrite(
                group: group,
                hardState: effects.hardState ?? unwritten,
                entries: effects.entries,
                snapshot: effects.snapshot,
                needsReceipt: effects.needsReceipt
            )
        )
    }

    private mutating func send(_ messages: [Message]) {
        let messages = holdNotices(of: sayingCommit(messages))
        guard !messages.isEmpty else { return }
        guard messages.contains(where: { $0.kind == .snapshot }) else {
            return ports.send(messages)
        }
        let others = messages.filter { $0.kind != .snapshot }
        if !others.isEmpty { ports.send(others) }
        for message in messages where message.kind == .snapshot { sendCopy(message) }
    }

    /// A heartbeat's commit index is what its receiver holds of it. Who reads there has to know what it lacks. A
    /// leader who has not committed in its term knows less than its predecessor, and says nothing.
    private func sayingCommit(_ messages: [Message]) -> [Message] {
        guard messages.contains(where: { $0.kind == .heartbeat }), raft.hasCommittedInTerm else {
            return messages
        }
        let commit = raft.brief.commit
        return messages.map { message in
            guard message.kind == .heartbeat else { return message }
            var message = message
            message.index = commit
            return message
        }
    }

    private mutating func deliver(_ entries: [Entry]) {
        var delivered: [DeliveredEntry<Ticket>] = []
        delivered.reserveCapacity(entries.count)
        for entry in entries {
            var item = DeliveredEntry(entry: entry, ticket: takeTicket(for: entry))
            if entry.kind == .configurationChange {
                // In force from here: it is committed and durable, and the store keeps it with this index.
                item.configuration = raft.applyConfigurationChange(entry)
                hasChangedMembership = true
            }
            delivered.append(item)
        }
        ports.apply(delivered)
    }

    /// The ticket that waits for this entry. Tickets below it, or of another term, wait for entries that a
    /// newer leader has replaced.
    private mutating func takeTicket(for entry: Entry) -> Ticket? {
        while pendingStart < pending.count {
            let first = pending[pendingStart]
            guard first.index <= entry.index else { return nil }
            pendingStart += 1
            defer { trimPending() }
            #if CASECLUSTER_FAULTS
            let isOwn = first.term == entry.term || DeliberateFault.answersOtherTerm.isOn
            #else
            let isOwn = first.term == entry.term
            #endif
            if first.index == entry.index, isOwn {
                inStore += 1
                return first.ticket
            }
            ports.failed(first.ticket, .outcomeUnknown)
        }
        return nil
    }

    private mutating func trimPending() {
        guard pendingStart > 256, pendingStart * 2 > pending.count else { return }
        pending.removeFirst(pendingStart)
        pendingStart = 0
    }

    private mutating func updateLeadership() {
        let status = raft.brief
        let leads = status.role == .leader
        let ready = leads && raft.hasAppliedInTerm
        let now = Leadership(
            term: status.term,
            leader: status.lead == .none ? nil : status.lead,
            isReady: leads && (ready || (leadership.isReady && leadership.term == status.term))
        )
        guard now != leadership else { return }
        let lost = leadership.leader == id && (now.leader != id || now.term != leadership.term)
        leadership = now
        if lost || now.leader == nil { failReads(.notLeader(leader: now.leader)) }
        // Granted, but its store may hang, and others' do not.
        if lost { failGrantedReads(.notLeader(leader: now.leader)) }
        // Whether they are carried out is the next leader's to say, and may take for ever to be known here.
        #if CASECLUSTER_FAULTS
        if DeliberateFault.answersOtherTerm.isOn { return ports.leadershipChanged(now) }
        #endif
        if lost { failPending(.outcomeUnknown) }
        if lost { forgetCopyUnlessSent() }
        ports.leadershipChanged(now)
    }

    mutating func failPending(_ failure: ReplicaFailure) {
        for item in pending[pendingStart...] { ports.failed(item.ticket, failure) }
        pending = []
        pendingStart = 0
    }
}
