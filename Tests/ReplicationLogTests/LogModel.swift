import ClusterPrimitives
import RaftCore
import ReplicationLog

/// What a log should hold, computed in the most naive way.
struct LogModel: Equatable {
    struct Group: Equatable {
        var hardState = HardState()
        var snapshot: SnapshotID?
        var configuration: [UInt8]?
        var base = SnapshotID(index: .zero, term: .zero)
        var entries: [Entry] = []

        var last: SnapshotID {
            entries.last.map { SnapshotID(index: $0.index, term: $0.term) } ?? base
        }

        func term(at index: LogIndex) -> Term? {
            index == base.index ? base.term : entries.first { $0.index == index }?.term
        }
    }

    var groups: [GroupID: Group] = [:]

    mutating func apply(_ writes: [LogWrite]) {
        for write in writes { apply(write) }
    }

    private mutating func apply(_ write: LogWrite) {
        switch write {
        case .entries(let id, let entries):
            guard let first = entries.first else { return }
            groups[id, default: Group()].entries.removeAll { $0.index >= first.index }
            groups[id]?.entries.append(contentsOf: entries)
        case .hardState(let id, let state): groups[id, default: Group()].hardState = state
        case .configuration(let id, let bytes):
            groups[id, default: Group()].configuration = bytes
        case .snapshot(let id, let snapshot):
            var group = groups[id] ?? Group()
            if group.term(at: snapshot.index) == snapshot.term {
                group.entries.removeAll { $0.index <= snapshot.index }
            } else {
                group.entries = []
            }
            group.base = snapshot
            group.snapshot = snapshot
            groups[id] = group
        case .compact(let id, let through):
            guard var group = groups[id], let term = group.term(at: through) else { return }
            group.base = SnapshotID(index: through, term: term)
            group.entries.removeAll { $0.index <= through }
            groups[id] = group
        case .removeGroup(let id): groups[id] = nil
        }
    }

    /// Reads a log back whole.
    init(_ log: ReplicationLog, _ recovered: RecoveredLog) throws(LogError) {
        for found in recovered.groups {
            var group = Group()
            group.hardState = found.hardState
            group.snapshot = found.snapshot
            group.configuration = found.configuration
            group.base = found.base
            if let range = found.entries {
                group.entries = try log.entries(
                    found.group,
                    from: range.lowerBound,
                    through: range.upperBound,
                    bytesMax: .max
                )
            }
            groups[found.group] = group
        }
    }

    init() {}
}

/// Draws calls that a correct replica could make.
struct LogWorkload {
    var random: SeededGenerator
    var model = LogModel()
    /// The last group is written to rarely: its records must be moved, or retirement stands still.
    var groupCount: UInt32 = 5
    var payloadBytesMax = 120

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// One call, already applied to the model.
    mutating func next() -> [LogWrite] {
        var number = UInt32.random(in: 0..<groupCount, using: &random)
        if number == groupCount - 1, Int.random(in: 0..<8, using: &random) > 0 { number = 0 }
        let id = GroupID(rawValue: number)
        let writes = draw(id, model.groups[id] ?? .init())
        model.apply(writes)
        return writes
    }

    private mutating func draw(_ id: GroupID, _ group: LogModel.Group) -> [LogWrite] {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<50: return [append(id, group, after: group.last.index, group.hardState.term)]
        case 50..<62: return newTerm(id, group)
        case 62..<74:
            var state = group.hardState
            let range =
                state.commit.rawValue...max(state.commit.rawValue, group.last.index.rawValue)
            state.commit = LogIndex(UInt64.random(in: range, using: &random))
            return [.hardState(id, state)]
        case 74..<88:
            let end = max(group.hardState.commit, group.base.index)
            guard group.term(at: end) != nil else { return [] }
            return [.compact(id, through: end)]
        case 88..<91:
            guard let inside = group.entries.randomElement(using: &random) else { return [] }
            return [.snapshot(id, SnapshotID(index: inside.index, term: inside.term))]
        case 91..<94:
            let index = LogIndex(group.last.index.rawValue + 7)
            let id2 = SnapshotID(index: index, term: max(group.hardState.term, group.last.term))
            return [.snapshot(id, id2), .configuration(id, [1, 2, 3])]
        case 94..<98:
            let count = Int.random(in: 0...40, using: &random)
            return [.configuration(id, bytes(count))]
        case 98: return [.removeGroup(id)]
        default: return []
        }
    }

    /// A new leader: term and vote, and sometimes entries that replace a suffix above the commit
    /// index.
    private mutating func newTerm(_ id: GroupID, _ group: LogModel.Group) -> [LogWrite] {
        var state = group.hardState
        state.term = max(state.term, group.last.term).next
        state.vote = NodeID(UInt64.random(in: 0...3, using: &random))
        let lowest = max(state.commit, group.base.index).rawValue
        let after = UInt64.random(
            in: lowest...max(lowest, group.last.index.rawValue),
            using: &random
        )
        return [.hardState(id, state), append(id, group, after: LogIndex(after), state.term)]
    }

    private mutating func append(
        _ id: GroupID,
        _ group: LogModel.Group,
        after: LogIndex,
        _ term: Term
    ) -> LogWrite {
        let term = max(term, group.term(at: after) ?? .zero)
        let count = UInt64.random(in: 1...4, using: &random)
        return .entries(
            id,
            (1...count).map { step in
                Entry(
                    term: term,
                    index: LogIndex(after.rawValue + step),
                    kind: Bool.random(using: &random) ? .normal : .configurationChange,
                    payload: bytes(Int.random(in: 0...payloadBytesMax, using: &random))
                )
            }
        )
    }

    private mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }
}
