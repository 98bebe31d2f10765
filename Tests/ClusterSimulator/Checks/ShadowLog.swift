import ClusterPrimitives
import RaftCore

/// What one replica's log holds, as far as could be seen from outside: terms and hashes, no payloads.
struct ShadowLog {
    struct Item: Equatable {
        let term: Term
        let hash: UInt64
    }

    private(set) var base = SnapshotID.zero
    private var items: [Item] = []

    init() {}

    init(_ log: MemoryLog) {
        base = log.base
        for entry in log.entries { items.append(Item(entry)) }
    }

    var lastIndex: LogIndex { LogIndex(base.index.rawValue + UInt64(items.count)) }

    /// Nil outside; at the base the hash is unknown.
    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        return item(at: index)?.term
    }

    func item(at index: LogIndex) -> Item? {
        guard index > base.index, index <= lastIndex else { return nil }
        return items[Int(index.rawValue - base.index.rawValue) - 1]
    }

    /// Takes entries over.
    /// - Returns: whether some that were there and differ had to go.
    mutating func append(_ entries: [Entry]) -> Bool {
        var conflict = false
        for entry in entries where entry.index > base.index {
            let place = Int(entry.index.rawValue - base.index.rawValue) - 1
            if place < items.count {
                conflict = conflict || items[place].term != entry.term
                items.removeLast(items.count - place)
            }
            items.append(Item(entry))
        }
        return conflict
    }

    mutating func begin(behind id: SnapshotID) {
        base = id
        items = []
    }
}

extension ShadowLog.Item {
    init(_ entry: Entry) {
        term = entry.term
        var trace = Trace()
        trace.note(UInt64(entry.kind.rawValue), UInt64(entry.payload.count))
        trace.note(entry.payload)
        hash = trace.hash
    }
}

extension Trace {
    mutating func note(_ bytes: [UInt8]) {
        var word: UInt64 = 0
        for (place, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if place & 7 == 7 { note(word) }
        }
        note(word)
    }
}
