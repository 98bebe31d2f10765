import ClusterPrimitives

/// Changes of the membership: paper 6, thesis 4. A change is in force from the moment it is
/// applied.
extension RaftCore {
    /// Why a change can't be appended now; nil if it can. Judged by what is in force here, which
    /// may lag.
    func whyUnfit(_ entry: Entry) -> String? {
        // Bytes that can't be read would be passed over by everybody who applies them.
        guard let change = ConfigurationChange(of: entry) else { return "it can't be read" }
        // Until what it inherited is applied a leader can't know of the changes in it.
        if pendingChangeIndex > log.applied {
            return "a change at index \(pendingChangeIndex) may not be applied"
        }
        if configuration.isJoint, !change.leavesJoint {
            return "the joint configuration must be left first"
        }
        if !configuration.isJoint, change.leavesJoint { return "there is no joint configuration" }
        if settings.strictChanges {
            if !hasCommittedInTerm { return "this leader has not committed in its term" }
            if endsOwnVote(change) { return "it ends the leader's vote: transfer leadership first" }
        }
        return nil
    }

    /// Whether this replica would vote no longer once `change` is in force.
    private func endsOwnVote(_ change: ConfigurationChange) -> Bool {
        do throws(ConfigurationChangeError) {
            return try !outcome(of: change).configuration.voters.contains(id)
        } catch {
            return false  // It will be passed over.
        }
    }

    private func outcome(
        of change: ConfigurationChange
    ) throws(ConfigurationChangeError) -> ConfigurationChanger.Outcome {
        let changer = ConfigurationChanger(
            configuration: configuration,
            progress: progress,
            lastIndex: log.lastIndex
        )
        return try changer.apply(change)
    }

    /// Brings a change into force, as its entry is applied, and returns the configuration that
    /// results.
    ///
    /// To be called for those who keep the configuration with the state that `entry` leads to;
    /// `.applied` brings into force what was not before. Repeated calls change nothing.
    ///
    /// A change that can't be read or doesn't fit is passed over: every replica has the same bytes
    /// and the same configuration here, and so passes over the same ones.
    @discardableResult
    public mutating func applyConfigurationChange(_ entry: Entry) -> Configuration {
        guard entry.kind == .configurationChange, entry.index > changesAppliedThrough else {
            return configuration
        }
        precondition(entry.index <= log.committed, "only a committed change comes into force")
        changesAppliedThrough = entry.index
        changesApplying.removeAll { $0.index <= entry.index }
        guard let change = ConfigurationChange(of: entry) else { return configuration }
        let wasJoint = configuration.isJoint
        do throws(ConfigurationChangeError) {
            (configuration, progress) = try outcome(of: change)
        } catch {
            return configuration
        }
        configurationChanged()
        if wasJoint, !configuration.isJoint { settleMembership() }
        return configuration
    }

    /// Appends an entry behind the way out of a joint configuration. Whoever holds it durably knows durably that the
    /// way out is committed: the append brings both, and one write keeps them.
    private mutating func settleMembership() {
        guard role == .leader, settings.strictChanges else { return }
        let refusal = appendOwn([Entry(term: .zero, index: .zero)])
        precondition(refusal == nil, "an empty entry is never too large")
        settlingIndex = log.lastIndex
        broadcastAppend()
    }

    private mutating func configurationChanged() {
        guard role == .leader else { return }
        guard let own = progress[id], !own.isLearner else {
            // Removed or demoted. Until it steps down it leads without counting itself.
            if settings.stepsDownOnRemoval { becomeFollower(term: term, lead: .none) }
            return
        }
        if advanceCommit() {
            // Fewer voters may mean that more is committed.
            releasePostponedReads()
            broadcastAppend()
        } else {
            // New members need not wait for a heartbeat.
            for peer in progress.ids where peer != id { sendAppend(to: peer, evenEmpty: false) }
        }
        if transferee != .none, !configuration.voters.contains(transferee) { transferee = .none }
    }

    /// Proposes to leave a joint configuration that asked for it, once nothing else is pending.
    /// Tried again with each entry applied, and after a transfer of leadership that stood in the
    /// way.
    mutating func leaveJointIfDue() {
        guard configuration.autoLeave, role == .leader, log.applied >= pendingChangeIndex else {
            return
        }
        guard settings.strictChanges else {
            _ = propose([Entry(.leaveJoint)])
            return
        }
        guard hasCommittedInTerm else { return }
        if configuration.voters.incoming.contains(id) {
            _ = propose([Entry(.leaveJoint)])
        } else {
            handOver()
        }
    }

    /// Hands leadership to the voter of the next configuration that is furthest: it will leave the
    /// joint one.
    private mutating func handOver() {
        guard transferee == .none else { return }
        let candidates = configuration.voters.incoming.voters.compactMap { voter in
            progress[voter].map { (id: voter, match: $0.match) }
        }
        guard let furthest = candidates.max(by: { $0.match < $1.match }) else { return }
        _ = transferLeadership(to: furthest.id)
    }

    /// Starts the progress of all members anew, as at a start or behind a snapshot.
    mutating func rebuildProgress() {
        precondition(configuration.isValid, "a configuration is checked where it comes in")
        progress = progress.emptied()
        let next = max(log.lastIndex, LogIndex(1))
        for member in configuration.members {
            progress[member] = progress.newcomer(
                next: next,
                isLearner: configuration.learners.contains(member),
                recentActive: true
            )
        }
    }
}

extension ConfigurationChange {
    /// What an entry asks for; nil if it asks for nothing, or can't be read.
    init?(of entry: Entry) {
        guard entry.kind == .configurationChange else { return nil }
        var reader = ByteReader(entry.payload)
        do throws(DecodingFault) {
            try self.init(from: &reader)
            try reader.finish()
        } catch {
            return nil
        }
    }
}
