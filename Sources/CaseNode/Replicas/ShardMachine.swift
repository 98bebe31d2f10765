import CaseModel
import CaseStore
import ClusterPrimitives
import RaftCore
import Synchronization

/// A shard's state machine: its SQLite file.
final class ShardMachine: StateMachine {
    let shard: ShardID
    let store: ShardStore
    private let listener: Mutex<(any ShardListener)?> = Mutex(nil)

    init(store: ShardStore) {
        self.store = store
        shard = store.shard
    }

    /// Who hears of changes, on the store's lane, after the transaction.
    func listen(_ listener: any ShardListener) { self.listener.withLock { $0 = listener } }

    var applied: SnapshotID {
        let state = store.state
        return SnapshotID(index: state.appliedIndex, term: state.appliedTerm)
    }

    var time: Timestamp { store.state.shardTime }

    func encode(_ command: ShardCommand, at: Timestamp) -> [UInt8] {
        StampedShardCommand(at: at, command: command).encodedBytes
    }

    func apply(_ entries: [Entry]) throws -> [ShardResult?] {
        let batch = entries.map {
            CaseStore.CommittedEntry(
                index: $0.index,
                term: $0.term,
                payload: $0.kind == .normal ? $0.payload : []
            )
        }
        let results = try store.apply(batch)
        let listener = listener.withLock { $0 }
        var answers: [ShardResult?] = []
        answers.reserveCapacity(results.count)
        var hasChanges = false
        var due: Timestamp?
        for result in results {
            hasChanges = hasChanges || !result.changes.isEmpty
            if let at = result.dueAt { due = min(due ?? at, at) }
            if case .answered(let answer, _) = result.outcome {
                answers.append(answer)
            } else {
                answers.append(nil)
            }
        }
        if hasChanges { listener?.shardChanged(shard) }
        if let due { listener?.dueTimeSet(shard, due) }
        return answers
    }

    func checkpoint() throws -> LogIndex? {
        let outcome = try store.checkpoint()
        return outcome.isComplete ? outcome.durableIndex : nil
    }

    func close() throws { try store.close() }
}

/// Hears of a shard's changes on its store's lane; must not block.
protocol ShardListener: Sendable {
    /// The feed grew.
    func shardChanged(_ shard: ShardID)
    /// A due time was set: the coordinator may have to wake earlier.
    func dueTimeSet(_ shard: ShardID, _ due: Timestamp)
}
