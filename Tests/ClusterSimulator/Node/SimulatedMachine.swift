import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore

/// What a simulated replica applies its entries to: the real stores, called as the server's machines call
/// them, on the one thread that there is.
protocol SimulatedMachine: AnyObject {
    associatedtype Command
    associatedtype Answer

    var applied: SnapshotID { get }
    var time: Timestamp { get }
    func encode(_ command: Command, at: Timestamp) -> [UInt8]
    /// Applies in one transaction, and answers for each entry; nil for a leader's empty one.
    func apply(_ entries: [Entry]) throws(StoreError) -> [Answer?]
    func checkpoint() throws(StoreError) -> LogIndex?
    func checksum() throws(StoreError) -> SHA256Digest
}

/// A shard's SQLite file.
final class SimulatedShardMachine: SimulatedMachine {
    let store: ShardStore
    /// Hears of what a batch changed, before its answers leave.
    var onResults: ((AppliedResult, Entry) -> Void)?

    init(_ store: ShardStore) { self.store = store }

    var applied: SnapshotID {
        let state = store.state
        return SnapshotID(index: state.appliedIndex, term: state.appliedTerm)
    }

    var time: Timestamp { store.state.shardTime }

    func encode(_ command: ShardCommand, at: Timestamp) -> [UInt8] {
        StampedShardCommand(at: at, command: command).encodedBytes
    }

    func apply(_ entries: [Entry]) throws(StoreError) -> [ShardResult?] {
        let batch = entries.map {
            CaseStore.CommittedEntry(
                index: $0.index,
                term: $0.term,
                payload: $0.kind == .normal ? $0.payload : []
            )
        }
        let results = try store.apply(batch)
        var answers: [ShardResult?] = []
        for (result, entry) in zip(results, entries) {
            onResults?(result, entry)
            if case .answered(let answer, _) = result.outcome {
                answers.append(answer)
            } else {
                answers.append(nil)
            }
        }
        return answers
    }

    func checkpoint() throws(StoreError) -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func checksum() throws(StoreError) -> SHA256Digest { try store.replicaChecksum() }
}

/// The system group's state in memory, and its rows in a file.
final class SimulatedSystemMachine: SimulatedMachine {
    private let store: SystemStore
    private(set) var state: SystemState
    private(set) var applied: SnapshotID

    init(_ store: SystemStore) throws {
        self.store = store
        let image = try store.loadAll()
        state = try SystemState(records: image.records)
        applied = SnapshotID(index: image.state.appliedIndex, term: image.state.appliedTerm)
    }

    var time: Timestamp { state.now }

    func encode(_ command: StampedSystemCommand, at: Timestamp) -> [UInt8] {
        var command = command
        command.at = at
        return command.encodedBytes
    }

    func apply(_ entries: [Entry]) throws(StoreError) -> [SystemResult?] {
        var (state, applied) = (state, applied)
        var answers: [SystemResult?] = []
        var batch: [SystemEntry] = []
        for entry in entries {
            guard entry.index > applied.index else {
                answers.append(nil)
                continue
            }
            guard entry.index == applied.index.next else {
                throw .gap(expected: applied.index.next, got: entry.index)
            }
            var mutations: [SystemMutation] = []
            var answer: SystemResult?
            if entry.kind == .normal, !entry.payload.isEmpty {
                do throws(DecodingFault) {
                    let command = try StampedSystemCommand(decoding: entry.payload)
                    let outcome = state.apply(command, index: entry.index, term: entry.term)
                    mutations = outcome.mutations
                    answer = outcome.result
                } catch {
                    throw .undecodableCommand(index: entry.index, fault: error)
                }
            }
            answers.append(answer)
            batch.append(SystemEntry(index: entry.index, term: entry.term, mutations: mutations))
            applied = SnapshotID(index: entry.index, term: entry.term)
        }
        try store.apply(batch)
        (self.state, self.applied) = (state, applied)
        return answers
    }

    func checkpoint() throws(StoreError) -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func checksum() throws(StoreError) -> SHA256Digest { try store.replicaChecksum() }
}
