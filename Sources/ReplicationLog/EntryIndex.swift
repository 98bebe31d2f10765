import ClusterPrimitives

/// Where an entry's record stands: 12 bytes an entry, since a log holds millions.
struct EntryLocation: Equatable {
    /// The segment's generation, cut to 32 bits: 2^32 segments of 64 MiB are more than a disk's
    /// life.
    let generation: UInt32
    let offset: UInt32
    /// The record's length, header included.
    let bytes: UInt32

    var end: UInt32 { offset + bytes }
    var position: LogPosition {
        LogPosition(generation: UInt64(generation), offset: UInt64(offset))
    }
}

/// The places and terms of one group's entries, in order, without gaps.
///
/// Terms are kept as runs: they change with elections, not with entries.
struct EntryIndex {
    /// The index of the first entry; also of the one to come if there is none.
    private(set) var first: UInt64
    private var locations: [EntryLocation] = []
    /// Dropped ones at the front of `locations`, given back when they are half of it.
    private var dropped = 0
    private var runs: [(from: UInt64, term: UInt64)] = []
    /// The records' bytes, headers included.
    private(set) var bytes: UInt64 = 0

    init(first: UInt64) { self.first = first }

    var count: Int { locations.count - dropped }
    /// The index after the last entry.
    var end: UInt64 { first + UInt64(count) }
    var firstLocation: EntryLocation? { count == 0 ? nil : locations[dropped] }

    func location(of index: UInt64) -> EntryLocation? {
        guard index >= first, index < end else { return nil }
        return locations[dropped + Int(index - first)]
    }

    func term(of index: UInt64) -> UInt64? {
        guard index >= first, index < end else { return nil }
        var low = 0
        var high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].from <= index { low = middle } else { high = middle }
        }
        return runs[low].term
    }

    mutating func append(term: UInt64, at location: EntryLocation) {
        if runs.last?.term != term { runs.append((from: end, term: term)) }
        locations.append(location)
        bytes += UInt64(location.bytes)
    }

    /// Drops `index` and all above it.
    mutating func truncate(from index: UInt64) {
        assert(index >= first)
        while end > index {
            bytes -= UInt64(locations.removeLast().bytes)
        }
        while let run = runs.last, run.from >= index { runs.removeLast() }
    }

    /// Drops all up to `index`.
    mutating func compact(through index: UInt64) {
        assert(index < end)
        while first <= index {
            bytes -= UInt64(locations[dropped].bytes)
            dropped += 1
            first += 1
        }
        if dropped * 2 >= locations.count {
            locations.removeFirst(dropped)
            dropped = 0
        }
        let passed = runs.lastIndex { $0.from <= first } ?? 0
        runs.removeFirst(count == 0 ? runs.count : passed)
    }
}
