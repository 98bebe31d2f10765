import ClusterPrimitives

/// The tail of one group's log, in memory: the entries since the last compaction.
///
/// The server keeps one beside the durable log so that the core never waits for a disk; tests use
/// it alone.
///
/// Invariants: entries follow each other without a gap, from `base.index + 1`; terms never fall.
public struct MemoryLog: RaftStorage {
    /// What was compacted last, or the snapshot the log begins with.
    public private(set) var base: SnapshotID
    /// The membership at the applied index; see `RaftStorage`.
    public var configuration: Configuration
    /// A snapshot that may be sent; see `RaftStorage`.
    public var snapshot: Snapshot?
    private var tail: ArraySlice<Entry> = []

    /// An empty log behind `base`.
    public init(
        base: SnapshotID = .zero,
        configuration: Configuration = Configuration(),
        snapshot: Snapshot? = nil
    ) {
        self.base = base
        self.configuration = configuration
        self.snapshot = snapshot
    }

    /// The first entry held.
    public var firstIndex: LogIndex { base.index.next }

    /// The last entry held, or the compacted one.
    public var lastIndex: LogIndex { tail.last?.index ?? base.index }

    /// The last entry's name, or the compacted one's.
    public var last: SnapshotID {
        tail.last.map { SnapshotID(index: $0.index, term: $0.term) } ?? base
    }

    /// All entries held.
    public var entries: ArraySlice<Entry> { tail }

    /// The term at `index`; nil outside the log.
    public func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        return position(of: index).map { tail[$0].term }
    }

    /// See `RaftStorage`.
    public func entries(
        from first: LogIndex,
        through last: LogIndex,
        bytesMax: UInt64
    ) -> [Entry]? {
        guard first >= firstIndex else { return nil }
        guard let start = position(of: first), last >= first else { return [] }
        let end = position(of: last) ?? tail.endIndex - 1
        return Array(tail[start...end].limited(to: bytesMax))
    }

    /// Takes entries over: what conflicts with them, and everything behind it, is replaced; what
    /// was compacted already is passed over.
    public mutating func append(_ entries: [Entry]) {
        guard let last = entries.last, last.index > base.index else { return }
        let fresh = entries.drop { $0.index <= base.index }
        guard let first = fresh.first else { return }
        precondition(first.index <= lastIndex.next, "entries leave a gap in the log")
        let keep = Int(first.index.rawValue - firstIndex.rawValue)
        if keep < tail.count { tail = tail.prefix(keep) }
        tail.append(contentsOf: fresh)
        assert(last.index == lastIndex, "the last entry given is the last one held")
    }

    /// Drops the entries up to `index`, which some durable state must contain.
    public mutating func compact(through index: LogIndex) {
        guard index > base.index, let term = term(at: index) else { return }
        // A copy: a slice would keep what was dropped in memory.
        tail = ArraySlice(Array(tail.dropFirst(Int(index.rawValue - base.index.rawValue))))
        base = SnapshotID(index: index, term: term)
    }

    /// Begins anew behind a snapshot that was installed.
    public mutating func applySnapshot(_ snapshot: Snapshot) {
        guard snapshot.id.index > base.index else { return }
        tail = []
        base = snapshot.id
        configuration = snapshot.configuration
        self.snapshot = snapshot
    }

    private func position(of index: LogIndex) -> Int? {
        guard index > base.index, index <= lastIndex else { return nil }
        return tail.startIndex + Int(index.rawValue - firstIndex.rawValue)
    }
}
