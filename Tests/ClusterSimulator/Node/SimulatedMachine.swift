import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore

/// A committed entry, with the membership from here on where it changes that.
struct MachineEntry {
    let entry: Entry
    let configuration: Configuration?
}

/// What a simulated replica applies its entries to: the real stores, called as the server's machines call
/// them, on the one thread that there is.
protocol SimulatedMachine: AnyObject {
    associatedtype Command
    associatedtype Answer

    var kind: StoreKind { get }
    var applied: SnapshotID { get }
    var time: Timestamp { get }
    /// The membership kept with the applied index; empty before the first change.
    var membership: [UInt8] { get }
    func encode(_ command: Command, at: Timestamp) -> [UInt8]
    /// Applies in a transaction that stays open until `commit`, and answers for each entry; nil for a leader's empty
    /// one.
    func apply(_ entries: [MachineEntry]) throws(StoreError) -> [Answer?]
    func commit() throws(StoreError)
    func checkpoint() throws(StoreError) -> LogIndex?
    func checksum() throws(StoreError) -> SHA256Digest
    func copy(to place: StoreLocation) throws(StoreError) -> SnapshotInfo
    /// Closes the file, lets another take its place, and opens that.
    func replace(_ swap: () throws(StoreError) -> Void) throws(StoreError)
}

/// A shard's SQLite file.
final class SimulatedShardMachine: SimulatedMachine {
    private(set) var store: ShardStore
    /// Hears of what a batch changed, before its answers leave.
    var onResult: ((AppliedResult, Entry) -> Void)?

    init(_ store: ShardStore) { self.store = store }

    var kind: StoreKind { .shard(store.shard) }
    var time: Timestamp { store.state.shardTime }
    var membership: [UInt8] { store.state.configuration }

    var applied: SnapshotID {
        let state = store.state
        return SnapshotID(index: state.appliedIndex, term: state.appliedTerm)
    }

    func encode(_ command: ShardCommand, at: Timestamp) -> [UInt8] {
        StampedShardCommand(at: at, command: command).encodedBytes
    }

    func apply(_ entries: [MachineEntry]) throws(StoreError) -> [ShardResult?] {
        let batch = entries.map {
            CaseStore.CommittedEntry(
                index: $0.entry.index,
                term: $0.entry.term,
                payload: $0.entry.kind == .normal ? $0.entry.payload : [],
                configuration: $0.configuration?.encodedBytes
            )
        }
        let results = try store.extend(batch)
        var answers: [ShardResult?] = []
        for (result, item) in zip(results, entries) {
            onResult?(result, item.entry)
            if case .answered(let answer, _) = result.outcome {
                answers.append(answer)
            } else {
                answers.append(nil)
            }
        }
        return answers
    }

    func commit() throws(StoreError) { try store.commit() }

    func checkpoint() throws(StoreError) -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func checksum() throws(StoreError) -> SHA256Digest { try store.replicaChecksum() }

    func copy(to place: StoreLocation) throws(StoreError) -> SnapshotInfo {
        try store.snapshot(to: place)
    }

    func replace(_ swap: () throws(StoreError) -> Void) throws(StoreError) {
        try store.close()
        try swap()
        store = try store.reopened()
    }
}

/// The system group's state in memory, and its rows in a file.
final class SimulatedSystemMachine: SimulatedMachine {
    private var store: SystemStore
    private(set) var state: SystemState
    private(set) var applied: SnapshotID

    init(_ store: SystemStore) throws(StoreError) {
        self.store = store
        (state, applied) = try Self.load(store)
    }

    private static func load(_ store: SystemStore) throws(StoreError) -> (SystemState, SnapshotID) {
        let image = try store.loadAll()
        do throws(DecodingFault) {
            return (
                try SystemState(records: image.records),
                SnapshotID(index: image.state.appliedIndex, term: image.state.appliedTerm)
            )
        } catch {
            throw .corrupt(detail: "the system group's rows: \(error)")
        }
    }

    var kind: StoreKind { .system }
    var time: Timestamp { state.now }
    var membership: [UInt8] { store.state.configuration }

    func encode(_ command: StampedSystemCommand, at: Timestamp) -> [UInt8] {
        var command = command
        command.at = at
        return command.encodedBytes
    }

    func apply(_ entries: [MachineEntry]) throws(StoreError) -> [SystemResult?] {
        var (state, applied) = (state, applied)
        var answers: [SystemResult?] = []
        var batch: [SystemEntry] = []
        for item in entries {
            let entry = item.entry
            guard entry.index > applied.index else {
                answers.append(nil)
                continue
            }
            guard entry.index == applied.index.next else {
                throw .gap(expected: applied.index.next, got: entry.index)
            }
            let outcome = try carryOut(entry, &state)
            answers.append(outcome?.result)
            batch.append(
                SystemEntry(
                    index: entry.index,
                    term: entry.term,
                    mutations: outcome?.mutations ?? [],
                    configuration: item.configuration?.encodedBytes
                )
            )
            applied = SnapshotID(index: entry.index, term: entry.term)
        }
        try store.apply(batch)
        (self.state, self.applied) = (state, applied)
        return answers
    }

    private func carryOut(
        _ entry: Entry,
        _ state: inout SystemState
    ) throws(StoreError) -> SystemOutcome? {
        guard entry.kind == .normal, !entry.payload.isEmpty else { return nil }
        do throws(DecodingFault) {
            let command = try StampedSystemCommand(decoding: entry.payload)
            return state.apply(command, index: entry.index, term: entry.term)
        } catch {
            throw .undecodableCommand(index: entry.index, fault: error)
        }
    }

    /// Each batch is a transaction.
    func commit() {}

    func checkpoint() throws(StoreError) -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func checksum() throws(StoreError) -> SHA256Digest { try store.replicaChecksum() }

    func copy(to place: StoreLocation) throws(StoreError) -> SnapshotInfo {
        try store.snapshot(to: place)
    }

    func replace(_ swap: () throws(StoreError) -> Void) throws(StoreError) {
        try store.close()
        try swap()
        store = try store.reopened()
        (state, applied) = try Self.load(store)
    }
}
