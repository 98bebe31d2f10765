import ClusterPrimitives

/// The follower's side of replication: paper 5.3.
extension RaftCore {
    mutating func receiveAppend(_ message: Message) {
        let previous = SnapshotID(index: message.index, term: message.logTerm)
        guard previous.index >= log.committed else {
            // Overlaps what is committed, perhaps even compacted: nothing to compare.
            sendAfterWrite(Message(.appendResponse, to: message.from, index: log.committed))
            return
        }
        if let agreed = log.append(message.entries, after: previous) {
            log.commit(to: min(message.commit, agreed))
            sendAfterWrite(Message(.appendResponse, to: message.from, index: agreed))
            return
        }
        let hint = log.conflictHint(
            at: min(message.index, log.lastIndex),
            term: message.logTerm
        )
        sendAfterWrite(
            Message(
                .appendResponse,
                to: message.from,
                logTerm: hint.term,
                index: message.index,
                reject: true,
                rejectHint: hint.index
            )
        )
    }

    mutating func receiveHeartbeat(_ message: Message) {
        // A leader never names more than this log has acknowledged. If it does, the log lost
        // something; to commit what happens to be here instead could commit entries that differ.
        #if CASECLUSTER_FAULTS
        if DeliberateFault.heartbeatCommitsUnmatched.isOn {
            log.commit(to: min(message.commit, log.lastIndex))
        }
        #endif
        if message.commit <= log.lastIndex { log.commit(to: message.commit) }
        send(Message(.heartbeatResponse, to: message.from, context: message.context))
    }

    mutating func receiveSnapshot(_ message: Message) {
        if let snapshot = message.snapshot, restore(snapshot) {
            sendAfterWrite(Message(.appendResponse, to: message.from, index: log.lastIndex))
        } else {
            sendAfterWrite(Message(.appendResponse, to: message.from, index: log.committed))
        }
    }

    /// Begins anew from a snapshot; false if it is of no use here.
    private mutating func restore(_ snapshot: Snapshot) -> Bool {
        guard snapshot.id.index > log.committed, role == .follower else { return false }
        // A replica that the snapshot doesn't know would have no part in the group it describes.
        guard snapshot.configuration.contains(id) else { return false }
        if log.contains(snapshot.id) {
            // The entries are here: no need to fetch the state.
            log.commit(to: snapshot.id.index)
            return false
        }
        log.restore(snapshot)
        configuration = snapshot.configuration
        changesApplying = []
        changesAppliedThrough = snapshot.id.index
        rebuildProgress()
        return true
    }
}
