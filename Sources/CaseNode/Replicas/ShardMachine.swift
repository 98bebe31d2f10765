import CaseModel
import CaseStore
import ClusterPrimitives
import RaftCore
import Synchronization

/// A shard's state machine: its SQLite file.
final class ShardMachine: StateMachine, MachineFile {
    private struct News {
        var hasChanges = false
        var due: Timestamp?
        /// One of them is so near that the coordinator must hear of it at once.
        var isDueSoon = false
    }

    /// A due time so near is announced at once, however patient the store is: the sweep is to come within a second.
    private static let soon = TimeSpan(milliseconds: 5_000)

    let shard: ShardID
    private let current: Mutex<ShardStore>
    /// Held while the file is replaced.
    private let replacing = Mutex(())
    private let listener: Mutex<(any ShardListener)?> = Mutex(nil)
    private let isClosed = Atomic(false)
    /// What the listener hears of when the open transaction is committed.
    private let news = Mutex(News())
    private let onDamage: @Sendable (StoreError) -> Void

    /// - Parameters:
    ///   - store: its file.
    ///   - onDamage: called by whoever reads, when the file could not be read or contradicts itself: what else
    ///     stands in it is in doubt, and nothing may be answered from it.
    init(store: ShardStore, onDamage: @escaping @Sendable (StoreError) -> Void) {
        current = Mutex(store)
        shard = store.shard
        self.onDamage = onDamage
    }

    /// The store as of now. It may be closed a moment later, when a snapshot takes its place: see `read`.
    var store: ShardStore { current.withLock { $0 } }

    /// Its file.
    var storePath: String { store.location.path }

    /// Who hears of changes, on the store's lane, after the transaction.
    func listen(_ listener: any ShardListener) { self.listener.withLock { $0 = listener } }

    var applied: SnapshotID {
        let state = store.state
        return SnapshotID(index: state.appliedIndex, term: state.appliedTerm)
    }

    var time: Timestamp { store.state.shardTime }

    var file: (any MachineFile)? { self }

    /// Reads on one snapshot of the file; once more where the file was replaced meanwhile.
    func read<Value>(
        _ body: (ShardReader) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try onStore { store throws(StoreError) in try store.read(body) }
    }

    /// The checksum over all rows that replicas must share.
    func replicaChecksum() throws(StoreError) -> SHA256Digest {
        try onStore { store throws(StoreError) in try store.replicaChecksum() }
    }

    private func onStore<Value>(
        _ body: (ShardStore) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let store = self.store
        do {
            return try body(store)
        } catch {
            let now = replacing.withLock { _ in self.store }
            // Closed under its feet: once more, and what fails then is not told from another replacement.
            guard now === store else { return try body(now) }
            if error.isDamage, !isClosed.load(ordering: .acquiring) { onDamage(error) }
            throw error
        }
    }

    func encode(_ command: ShardCommand, at: Timestamp) -> [UInt8] {
        StampedShardCommand(at: at, command: command).encodedBytes
    }

    func apply(_ entries: [MachineEntry]) throws -> [ShardResult?] {
        let batch = entries.map { item in
            CaseStore.CommittedEntry(
                index: item.entry.index,
                term: item.entry.term,
                payload: item.entry.kind == .normal ? item.entry.payload : [],
                configuration: item.configuration?.encodedBytes
            )
        }
        let results: [AppliedResult]
        do {
            results = try store.extend(batch)
        } catch {
            news.withLock { $0 = News() }
            throw error
        }
        var answers: [ShardResult?] = []
        answers.reserveCapacity(results.count)
        var news = self.news.withLock { $0 }
        for result in results {
            if let change = result.changes.first {
                news.hasChanges = true
                if let at = result.dueAt {
                    news.due = min(news.due ?? at, at)
                    if at <= change.at + Self.soon { news.isDueSoon = true }
                }
            }
            if case .answered(let answer, _) = result.outcome {
                answers.append(answer)
            } else {
                answers.append(nil)
            }
        }
        self.news.withLock { $0 = news }
        return answers
    }

    func commit() throws {
        let news = news.withLock { news in
            defer { news = News() }
            return news
        }
        try store.commit()
        let listener = listener.withLock { $0 }
        if news.hasChanges { listener?.shardChanged(shard) }
        if let due = news.due { listener?.dueTimeSet(shard, due) }
    }

    var isCommitWanted: Bool {
        store.isCommitWanted || news.withLock { $0.isDueSoon }
            || listener.withLock { $0 }?.isWatching == true
    }

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

    func close() throws {
        isClosed.store(true, ordering: .releasing)
        try store.close()
    }
}

extension ShardMachine {
    var installer: SnapshotInstaller {
        SnapshotInstaller(location: store.location, kind: .shard(shard))
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
        try replacing.withLock { _ in
            let old = store
            try old.close()
            try swap()
            let new = try old.reopened()
            current.withLock { $0 = new }
        }
        let listener = listener.withLock { $0 }
        listener?.shardChanged(shard)
        // What it brought fell due by commands that were not applied here.
        let due = try store.read { reader throws(StoreError) in try reader.nextDueAt() }
        if let due { listener?.dueTimeSet(shard, due) }
    }
}

/// Hears of a shard's changes on its store's lane; must not block.
protocol ShardListener: Sendable {
    /// Somebody watches the feeds, and wants to hear of everything at once.
    var isWatching: Bool { get }
    /// The feed grew.
    func shardChanged(_ shard: ShardID)
    /// A due time was set: the coordinator may have to wake earlier.
    func dueTimeSet(_ shard: ShardID, _ due: Timestamp)
}
