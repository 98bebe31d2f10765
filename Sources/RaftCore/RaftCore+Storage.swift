import ClusterPrimitives

/// What storage and the state machine answer.
extension RaftCore {
    /// Storage has answered. Releases what waited for the write that the receipt names, and for
    /// those before it: a log makes things durable in order.
    ///
    /// The first write that matches counts. Two writes can look alike, such as a vote after a term;
    /// to take the later one would release a vote that is not durable.
    mutating func persisted(_ receipt: StorageReceipt) -> Refusal? {
        let place = writes.firstIndex { $0.last == receipt.last && $0.term == receipt.term }
        guard receipt.group == settings.group, let place else { return .unknownReceipt }
        let done = writes[...place]
        writes.removeFirst(done.count)
        for write in done {
            release(write.held)
            if write.attestsEntries { entriesPersisted(write.last, inTerm: write.term) }
            if let index = write.snapshot { snapshotPersisted(index) }
        }
        return nil
    }

    /// Entries are durable. Told only within the term of their write: since then another leader may
    /// have replaced them, and its write, still under way, would bring an older state back to
    /// light.
    mutating func entriesPersisted(_ last: SnapshotID, inTerm written: Term) {
        guard written == term else { return }
        log.confirm(last)
    }

    /// A snapshot is installed. True in every term: what it contains is committed.
    mutating func snapshotPersisted(_ index: LogIndex) {
        log.confirm(snapshot: index)
        applied(index)
    }

    /// The state machine has applied everything up to `index`; changes of the membership among it
    /// come into force, if they have not been brought into force already.
    mutating func applied(_ index: LogIndex) {
        for change in changesApplying.prefix(while: { $0.index <= index }) {
            applyConfigurationChange(change)
        }
        let payloadBytes = log.apply(through: max(index, log.applied))
        leaveJointIfDue()
        uncommittedBytes -= min(uncommittedBytes, payloadBytes)
    }
}
