import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore
import Synchronization

/// The system group's state machine: a value in memory, its rows in an SQLite file of its own.
final class SystemMachine: StateMachine {
    private struct Cell {
        var state: SystemState
        var applied: SnapshotID
    }

    private let store: SystemStore
    private let cell: Mutex<Cell>
    private let listener: Mutex<(@Sendable (SystemState) -> Void)?> = Mutex(nil)

    /// Loads all rows.
    init(store: SystemStore) throws {
        self.store = store
        let image = try store.loadAll()
        cell = Mutex(
            Cell(
                state: try SystemState(records: image.records),
                applied: SnapshotID(index: image.state.appliedIndex, term: image.state.appliedTerm)
            )
        )
    }

    /// The state as of the last applied command. Any thread; a copy costs a few references.
    var state: SystemState { cell.withLock { $0.state } }

    /// Who hears of every applied batch, on the store's lane.
    func listen(_ listener: @escaping @Sendable (SystemState) -> Void) {
        self.listener.withLock { $0 = listener }
    }

    var applied: SnapshotID { cell.withLock { $0.applied } }

    var time: Timestamp { cell.withLock { $0.state.now } }

    func encode(_ command: StampedSystemCommand, at: Timestamp) -> [UInt8] {
        var command = command
        command.at = at
        return command.encodedBytes
    }

    func apply(_ entries: [Entry]) throws -> [SystemResult?] {
        var (state, applied) = cell.withLock { ($0.state, $0.applied) }
        var answers: [SystemResult?] = []
        var batch: [SystemEntry] = []
        for entry in entries {
            guard entry.index > applied.index else {
                answers.append(nil)
                continue
            }
            precondition(entry.index == applied.index.next, "the system group's log has a gap")
            var mutations: [SystemMutation] = []
            if entry.kind == .normal, !entry.payload.isEmpty {
                let command = try StampedSystemCommand(decoding: entry.payload)
                let outcome = state.apply(command, index: entry.index, term: entry.term)
                mutations = outcome.mutations
                answers.append(outcome.result)
            } else {
                answers.append(nil)
            }
            batch.append(
                SystemEntry(index: entry.index, term: entry.term, mutations: mutations)
            )
            applied = SnapshotID(index: entry.index, term: entry.term)
        }
        try store.apply(batch)
        cell.withLock { $0 = Cell(state: state, applied: applied) }
        listener.withLock { $0 }?(state)
        return answers
    }

    func checkpoint() throws -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func close() throws { try store.close() }
}
