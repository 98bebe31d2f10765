import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore
import Synchronization

/// The system group's state machine: a value in memory, its rows in an SQLite file of its own.
final class SystemMachine: StateMachine, MachineFile {
    /// The state after one batch. An object, since a copy of a state counts some twenty references, and every call
    /// looks at it several times.
    final class Version: Sendable {
        let state: SystemState
        let applied: SnapshotID

        init(state: SystemState, applied: SnapshotID) {
            self.state = state
            self.applied = applied
        }
    }

    private let current: Mutex<SystemStore>
    /// Held while the file is replaced.
    private let replacing = Mutex(())
    private let cell: Mutex<Version>
    private let listeners: Mutex<[@Sendable (SystemState) -> Void]> = Mutex([])

    /// Loads all rows.
    init(store: SystemStore) throws {
        current = Mutex(store)
        cell = Mutex(try Self.load(store))
    }

    private static func load(_ store: SystemStore) throws -> Version {
        let image = try store.loadAll()
        return Version(
            state: try SystemState(records: image.records),
            applied: SnapshotID(index: image.state.appliedIndex, term: image.state.appliedTerm)
        )
    }

    /// Its file.
    var storePath: String { store.location.path }

    private var store: SystemStore { current.withLock { $0 } }

    /// The state as of the last applied command. Any thread; a copy.
    var state: SystemState { version.state }

    /// The state as of the last applied command, to be looked at without a copy: for what runs in every call.
    var version: Version { cell.withLock { $0 } }

    /// Hears of every applied batch from now on, on the store's lane.
    func listen(_ listener: @escaping @Sendable (SystemState) -> Void) {
        listeners.withLock { $0.append(listener) }
    }

    var applied: SnapshotID { version.applied }

    var time: Timestamp { version.state.now }

    var file: (any MachineFile)? { self }

    func encode(_ command: StampedSystemCommand, at: Timestamp) -> [UInt8] {
        var command = command
        command.at = at
        return command.encodedBytes
    }

    func apply(_ entries: [MachineEntry]) throws -> [SystemResult?] {
        let version = version
        var (state, applied) = (version.state, version.applied)
        var answers: [SystemResult?] = []
        var batch: [SystemEntry] = []
        for item in entries {
            let entry = item.entry
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
                SystemEntry(
                    index: entry.index,
                    term: entry.term,
                    mutations: mutations,
                    configuration: item.configuration?.encodedBytes
                )
            )
            applied = SnapshotID(index: entry.index, term: entry.term)
        }
        try store.apply(batch)
        let next = Version(state: state, applied: applied)
        cell.withLock { $0 = next }
        tellListeners(state)
        return answers
    }

    /// Each batch is a transaction: every node checks rights by its own replica of this group.
    func commit() {}

    var isCommitWanted: Bool { true }

    func checkpoint() throws -> LogIndex? {
        let store = self.store
        do {
            let outcome = try store.checkpoint()
            return outcome.isComplete ? outcome.durableIndex : nil
        } catch {
            // Closed under its feet: what took its place is durable already.
            guard replacing.withLock({ _ in self.store }) === store else { return nil }
            throw error
        }
    }

    func close() throws { try store.close() }
}

extension SystemMachine {
    var installer: SnapshotInstaller {
        SnapshotInstaller(location: store.location, kind: .system)
    }

    var membership: [UInt8] { store.state.configuration }

    func copy(to place: StoreLocation) throws -> SnapshotInfo {
        let store = self.store
        do {
            return try store.snapshot(to: place)
        } catch {
            // Replaced meanwhile: another time, of what is there then.
            guard replacing.withLock({ _ in self.store }) === store else { throw StoreError.busy }
            throw error
        }
    }

    func replace(_ swap: () throws -> Void) throws {
        let state = try replacing.withLock { _ in
            let old = store
            try old.close()
            try swap()
            let new = try old.reopened()
            let loaded = try Self.load(new)
            current.withLock { $0 = new }
            cell.withLock { $0 = loaded }
            return loaded.state
        }
        tellListeners(state)
    }

    private func tellListeners(_ state: SystemState) {
        for listener in listeners.withLock({ $0 }) { listener(state) }
    }
}
