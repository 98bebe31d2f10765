import ClusterPrimitives
import RaftCore

/// What the log knows of one group: the outcome of its records, and where the live ones stand.
///
/// Writing and recovery run the same `apply`, so that they can't come to different ends.
///
/// Invariants: entries follow `base` without a gap; their terms never fall; none at or below the
/// commit index is ever replaced; nothing live stands in a segment before `oldestGeneration`.
final class GroupIndex {
    let group: GroupID
    private(set) var hardState = HardState()
    private(set) var snapshot: SnapshotID?
    private(set) var configuration: [UInt8]?
    /// The entry before the first one.
    private(set) var base = SnapshotID.none
    private(set) var entries = EntryIndex(first: 1)
    /// While recovering a log whose first segments retired: what this group had there is not known,
    /// and the record that says where its log starts may stand behind its entries, moved forward.
    private(set) var isProvisional: Bool
    /// Whether a receipt is due.
    var isTouched = false

    private var hardStateGeneration: UInt64?
    private var snapshotGeneration: UInt64?
    private var configurationGeneration: UInt64?
    private var baseGeneration: UInt64?

    init(group: GroupID, isProvisional: Bool) {
        self.group = group
        self.isProvisional = isProvisional
    }

    var lastIndex: UInt64 { entries.end - 1 }
    var last: SnapshotID {
        entries.count == 0
            ? base : SnapshotID(index: LogIndex(lastIndex), term: term(at: lastIndex) ?? .zero)
    }

    func term(at index: UInt64) -> Term? {
        if index == base.index.rawValue { return base.term }
        return entries.term(of: index).map { Term($0) }
    }

    /// The oldest generation of the records besides entries.
    var stateGeneration: UInt64? {
        [hardStateGeneration, snapshotGeneration, configurationGeneration, baseGeneration]
            .compactMap { $0 }.min()
    }

    /// The oldest segment that this group needs.
    var oldestGeneration: UInt64? {
        [stateGeneration, entries.firstLocation.map { UInt64($0.generation) }]
            .compactMap { $0 }.min()
    }

    /// Why the record can't follow what is there; nil if it can.
    func objection(to record: LogRecord) -> String? {
        switch record {
        case .entry(let term, let index): objection(toEntry: index.rawValue, term: term)
        case .hardState(let next):
            if next.term < hardState.term {
                "the term falls from \(hardState.term) to \(next.term)"
            } else if next.term == hardState.term, hardState.vote != .none,
                next.vote != hardState.vote
            {
                "the vote of term \(next.term) changes from \(hardState.vote) to \(next.vote)"
            } else if !isProvisional, next.commit.rawValue > lastIndex {
                "commit \(next.commit) passes the last entry \(lastIndex)"
            } else {
                nil
            }
        case .snapshot(let id, let keepsSuffix):
            if !isProvisional, id.index < base.index {
                "snapshot \(id.index) is before the log's start \(base.index)"
            } else if !isProvisional, !keepsSuffix, id.index < hardState.commit {
                "snapshot \(id.index) drops entries below commit \(hardState.commit)"
            } else {
                nil
            }
        case .compaction(let id):
            if !isProvisional, id.index < base.index {
                "compaction \(id.index) is before the log's start \(base.index)"
            } else if !isProvisional, id.index.rawValue > lastIndex {
                "compaction \(id.index) passes the last entry \(lastIndex)"
            } else {
                nil
            }
        case .removal, .configuration, .state: nil
        }
    }

    private func objection(toEntry index: UInt64, term: Term) -> String? {
        if index == 0 || index == .max { return "an entry has index \(index)" }
        if !isProvisional {
            if index > entries.end { return "entry \(index) leaves a gap after \(lastIndex)" }
            if index <= base.index.rawValue {
                return "entry \(index) is at or below the log's start \(base.index)"
            }
        }
        if entries.count > 0, index <= min(hardState.commit.rawValue, lastIndex) {
            return "entry \(index) replaces one at or below commit \(hardState.commit)"
        }
        if let before = self.term(at: index - 1), before > term {
            return "entry \(index) has term \(term) after term \(before)"
        }
        return nil
    }

    /// Takes a record without objection. Returns whether it replaced entries.
    @discardableResult
    func apply(_ record: LogRecord, at location: EntryLocation) -> Bool {
        assert(objection(to: record) == nil)
        let generation = UInt64(location.generation)
        switch record {
        case .entry(let term, let index):
            return append(term: term, index: index.rawValue, at: location)
        case .hardState(let next):
            hardState = next
            hardStateGeneration = generation
        case .snapshot(let id, let keepsSuffix):
            snapshot = id
            snapshotGeneration = generation
            start(after: id, keepsSuffix: keepsSuffix, generation: generation)
        case .compaction(let id):
            start(after: id, keepsSuffix: true, generation: generation)
        case .configuration(let bytes):
            configuration = bytes
            configurationGeneration = generation
        case .state(let state):
            take(state, generation: generation)
        case .removal:
            preconditionFailure("a removed group has no index; the owner drops it")
        }
        return false
    }

    private func append(term: Term, index: UInt64, at location: EntryLocation) -> Bool {
        if isProvisional, index < entries.first || index > entries.end {
            entries = EntryIndex(first: index)
        }
        let replaces = index < entries.end
        if replaces { entries.truncate(from: index) }
        entries.append(term: term.rawValue, at: location)
        return replaces
    }

    private func start(after id: SnapshotID, keepsSuffix: Bool, generation: UInt64) {
        let index = id.index.rawValue
        if keepsSuffix, index < entries.end {
            if index >= entries.first { entries.compact(through: index) }
        } else {
            entries = EntryIndex(first: index + 1)
        }
        base = id
        baseGeneration = generation
        if !keepsSuffix { isProvisional = false }
    }

    /// The end of recovery: why the records don't make a whole; nil if they do.
    func settle() -> String? {
        isProvisional = false
        if entries.first != base.index.rawValue + 1 {
            return "the entries of \(group) start at \(entries.first), its log at \(base.index)"
        }
        if hardState.commit.rawValue > lastIndex {
            return "\(group) has commit \(hardState.commit) and ends at \(lastIndex)"
        }
        return nil
    }

    private func take(_ state: GroupState, generation: UInt64) {
        hardState = state.hardState ?? HardState()
        snapshot = state.snapshot
        configuration = state.configuration
        start(after: state.base, keepsSuffix: !state.resets, generation: generation)
        hardStateGeneration = state.hardState.map { _ in generation }
        snapshotGeneration = state.snapshot.map { _ in generation }
        configurationGeneration = state.configuration.map { _ in generation }
    }

    /// What is moved forward when the group's older records retire.
    func state(resets: Bool) -> GroupState {
        GroupState(
            resets: resets,
            base: base,
            hardState: hardStateGeneration == nil ? nil : hardState,
            snapshot: snapshot,
            configuration: configuration
        )
    }
}
