import ClusterPrimitives

/// The part of the log that storage has not yet confirmed: waiting to be taken, or taken and being
/// written.
///
/// It keeps what was taken until storage confirms it, and is read before storage: an append that is
/// still under way must never be seen half-way.
///
/// Invariants: `entries` begin at `offset`; `offset <= taken <= offset + entries.count`.
struct UnstableLog: Sendable {
    private(set) var entries: ArraySlice<Entry> = []
    /// The index of the first of `entries`; storage is confirmed below it. It may lie below
    /// storage's last index: the next write truncates there.
    private(set) var offset: LogIndex
    /// Entries below this were taken.
    private(set) var taken: LogIndex
    private(set) var snapshot: Snapshot?
    private(set) var snapshotTaken = false

    init(offset: LogIndex) {
        self.offset = offset
        taken = offset
    }

    var lastIndex: LogIndex? { entries.last?.index ?? snapshot?.id.index }

    func term(at index: LogIndex) -> Term? {
        if index < offset {
            return snapshot.flatMap { $0.id.index == index ? $0.id.term : nil }
        }
        return position(of: index).map { entries[$0].term }
    }

    /// What was not taken yet.
    var nextEntries: ArraySlice<Entry> {
        entries.dropFirst(Int(taken.rawValue - offset.rawValue))
    }

    var nextSnapshot: Snapshot? { snapshotTaken ? nil : snapshot }

    /// Notes that everything was handed out for writing.
    mutating func take() {
        if let last = entries.last { taken = last.index.next }
        snapshotTaken = snapshot != nil
    }

    func slice(from first: LogIndex, through last: LogIndex) -> ArraySlice<Entry> {
        guard last >= first, let start = position(of: first), let end = position(of: last) else {
            preconditionFailure("a slice of the unstable log outside of it")
        }
        return entries[start...end]
    }

    mutating func append(_ fresh: some Collection<Entry>) {
        guard let first = fresh.first?.index else { return }
        if first <= offset {
            entries = []
            offset = first
            taken = first
        } else if first.rawValue < offset.rawValue + UInt64(entries.count) {
            entries = entries.prefix(Int(first.rawValue - offset.rawValue))
            taken = min(taken, first)
        }
        assert(first.rawValue == offset.rawValue + UInt64(entries.count), "no gaps in the log")
        entries.append(contentsOf: fresh)
    }

    /// Drops what storage holds now. Ignored unless the entry is the very one that is held: it may
    /// have been replaced while it was being written.
    mutating func confirm(_ last: SnapshotID) {
        guard last.index >= offset, term(at: last.index) == last.term else { return }
        entries = ArraySlice(entries.dropFirst(Int(last.index.rawValue - offset.rawValue) + 1))
        offset = last.index.next
        taken = max(taken, offset)
    }

    mutating func confirm(snapshot index: LogIndex) {
        guard snapshot?.id.index == index else { return }
        snapshot = nil
        snapshotTaken = false
    }

    mutating func restore(_ snapshot: Snapshot) {
        offset = snapshot.id.index.next
        taken = offset
        entries = []
        self.snapshot = snapshot
        snapshotTaken = false
    }

    private func position(of index: LogIndex) -> Int? {
        guard index >= offset, index.rawValue < offset.rawValue + UInt64(entries.count) else {
            return nil
        }
        return entries.startIndex + Int(index.rawValue - offset.rawValue)
    }
}
