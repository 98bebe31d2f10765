import ClusterPrimitives

/// One replica's log: storage, and in front of it what storage has not confirmed.
///
/// Invariants: `applied <= applying <= committed <= lastIndex`; `committed` never falls.
struct RaftLog<Storage: RaftStorage>: Sendable {
    var storage: Storage
    private(set) var unstable: UnstableLog
    private(set) var committed: LogIndex
    /// Up to here entries were handed out to be applied.
    private(set) var applying: LogIndex
    /// Up to here they have been applied.
    private(set) var applied: LogIndex

    /// Handed out and not reported as applied, oldest first.
    private struct Batch: Sendable {
        var last: LogIndex
        var costBytes: UInt64
        var payloadBytes: UInt64
    }

    private var batches: [Batch] = []
    private var applyingBytes: UInt64 = 0
    private(set) var applyPaused = false
    private let applyingBytesMax: UInt64

    init(storage: Storage, applyingBytesMax: UInt64) {
        self.storage = storage
        self.applyingBytesMax = applyingBytesMax
        unstable = UnstableLog(offset: storage.lastIndex.next)
        committed = storage.firstIndex.previous
        applying = committed
        applied = committed
    }

    // MARK: Extent and terms

    var firstIndex: LogIndex { unstable.snapshot?.id.index.next ?? storage.firstIndex }

    var lastIndex: LogIndex { unstable.lastIndex ?? storage.lastIndex }

    var last: SnapshotID {
        let index = lastIndex
        guard let term = term(at: index) else {
            preconditionFailure("the last entry's term is always known")
        }
        return SnapshotID(index: index, term: term)
    }

    /// Nil when compacted or not there yet.
    func term(at index: LogIndex) -> Term? {
        if let term = unstable.term(at: index) { return term }
        guard index.next >= firstIndex, index <= lastIndex else { return nil }
        return storage.term(at: index)
    }

    func contains(_ id: SnapshotID) -> Bool { term(at: id.index) == id.term }

    /// Whether a log that ends so holds at least what this one does.
    func isUpToDate(_ other: SnapshotID) -> Bool {
        let own = last
        return other.term > own.term || (other.term == own.term && other.index >= own.index)
    }

    /// Entries from `first` on, limited; nil when `first` was compacted.
    func entries(from first: LogIndex, through end: LogIndex, bytesMax: UInt64) -> [Entry]? {
        guard first >= firstIndex else { return nil }
        guard first <= end else { return [] }
        precondition(end <= lastIndex, "entries beyond the end of the log")
        if first >= unstable.offset {
            return Array(unstable.slice(from: first, through: end).limited(to: bytesMax))
        }
        let storedEnd = min(end, unstable.offset.previous)
        let stored = storage.entries(from: first, through: storedEnd, bytesMax: bytesMax)
        guard let stored else { return nil }
        let wanted = storedEnd.rawValue - first.rawValue + 1
        let bytes = stored.costBytes
        guard stored.count == wanted, end > storedEnd, bytes < bytesMax else { return stored }
        let rest = unstable.slice(from: unstable.offset, through: end)
            .limited(to: bytesMax - bytes)
        if rest.count == 1, bytes + rest.costBytes > bytesMax { return stored }
        return stored + rest
    }

    /// The highest index up to `index` where a log, of which only one entry's term is known to be
    /// `term`, may agree with this one; and the term there, zero if unknown.
    ///
    /// Terms never fall within a log, so every index above with a higher term is passed over at
    /// once: probing takes a round for each term instead of one for each entry.
    func conflictHint(at index: LogIndex, term: Term) -> SnapshotID {
        var guess = index
        while guess > .zero {
            guard let own = self.term(at: guess) else {
                return SnapshotID(index: guess, term: .zero)
            }
            if own <= term { return SnapshotID(index: guess, term: own) }
            guess = guess.previous
        }
        return .zero
    }

    // MARK: Growing

    mutating func append(_ entries: some Collection<Entry>) {
        guard let first = entries.first else { return }
        precondition(first.index > committed, "committed entries are never replaced")
        unstable.append(entries)
    }

    /// Appends what follows `previous`, from the first entry on that is not held already: entries
    /// that agree stay, or a delayed message would cut off what came after it.
    /// - Returns: the last index that is now known to agree; nil if the logs differ at `previous`,
    ///   or if the sender contradicts what is committed.
    mutating func append(_ entries: [Entry], after previous: SnapshotID) -> LogIndex? {
        guard contains(previous) else { return nil }
        #if CASECLUSTER_FAULTS
        let conflict = entries.firstIndex {
            DeliberateFault.ignoresConflict.isOn
                ? $0.index > lastIndex : !contains(SnapshotID(index: $0.index, term: $0.term))
        }
        #else
        let conflict = entries.firstIndex {
            !contains(SnapshotID(index: $0.index, term: $0.term))
        }
        #endif
        if let conflict {
            guard entries[conflict].index > committed else { return nil }
            append(entries[conflict...])
        }
        return entries.last?.index ?? previous.index
    }

    /// Moves the commit index up; false if it already is there.
    @discardableResult
    mutating func commit(to index: LogIndex) -> Bool {
        guard index > committed else { return false }
        precondition(index <= lastIndex, "what is committed is held")
        committed = index
        return true
    }

    mutating func restore(_ snapshot: Snapshot) {
        committed = snapshot.id.index
        unstable.restore(snapshot)
    }

    mutating func confirm(_ last: SnapshotID) {
        unstable.confirm(last)
        assert(
            unstable.entries.isEmpty == false || unstable.snapshot != nil
                || storage.lastIndex >= unstable.offset.previous,
            "storage holds what it confirms: hand entries to it before their receipt"
        )
    }

    mutating func confirm(snapshot index: LogIndex) { unstable.confirm(snapshot: index) }

    mutating func takeUnstable() { unstable.take() }

    // MARK: Applying

    /// The last index that may be applied now; past what is durable only for a taker that writes
    /// the entries of the same batch first.
    private func appliable(beyondDurable: Bool) -> LogIndex {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.appliesBeforeDurable.isOn { return committed }
        #endif
        return beyondDurable ? committed : min(committed, unstable.offset.previous)
    }

    func hasNextCommitted(beyondDurable: Bool) -> Bool {
        !applyPaused && unstable.snapshot == nil
            && applying < appliable(beyondDurable: beyondDurable)
    }

    /// What may be applied and was not handed out yet, within the bytes left.
    func nextCommitted(beyondDurable: Bool) -> [Entry] {
        guard hasNextCommitted(beyondDurable: beyondDurable) else { return [] }
        let next = entries(
            from: applying.next,
            through: appliable(beyondDurable: beyondDurable),
            bytesMax: applyingBytesMax - min(applyingBytes, applyingBytesMax)
        )
        guard let next else { preconditionFailure("what is not applied must not be compacted") }
        return next
    }

    /// Notes that `entries` were handed out. Pauses when the outstanding bytes reach the limit, or
    /// when the limit cut this batch short: nothing more until something has been applied.
    mutating func accept(committed entries: [Entry], beyondDurable: Bool) {
        guard let last = entries.last?.index else { return }
        precondition(applying < last && last <= committed, "entries are handed out once, in order")
        applying = last
        let cost = entries.costBytes
        batches.append(Batch(last: last, costBytes: cost, payloadBytes: entries.payloadBytes))
        applyingBytes += cost
        applyPaused =
            applyingBytes >= applyingBytesMax || last < appliable(beyondDurable: beyondDurable)
    }

    /// Notes what was applied; the payload bytes of the batches that are done with, counted once.
    mutating func apply(through index: LogIndex) -> UInt64 {
        precondition(
            index >= applied && index <= committed,
            "applied never falls nor passes commit"
        )
        applied = index
        applying = max(applying, index)
        var payloadBytes: UInt64 = 0
        let done = batches.prefix { $0.last <= index }
        for batch in done {
            applyingBytes -= batch.costBytes
            payloadBytes += batch.payloadBytes
        }
        batches.removeFirst(done.count)
        applyPaused = applyingBytes >= applyingBytesMax
        return payloadBytes
    }

    /// Starts where an earlier run had arrived.
    mutating func resume(committed: LogIndex, applied: LogIndex) {
        self.committed = max(self.committed, committed)
        _ = apply(through: max(self.applied, applied))
    }

    /// Whether an entry that is committed and not yet applied changes the configuration.
    func hasUnappliedChange(pageBytes: UInt64) -> Bool {
        var from = applied.next
        while from <= committed {
            let page = entries(from: from, through: committed, bytesMax: pageBytes)
            guard let page, let last = page.last else { return true }
            if page.contains(where: { $0.kind == .configurationChange }) { return true }
            from = last.index.next
        }
        return false
    }
}
