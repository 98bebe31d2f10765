import CaseModel
import ClusterPrimitives
import GRDB
import Synchronization

/// One shard's state: an SQLite file that a replicated log is applied to.
///
/// Promises: a batch is one transaction, and the applied index is in it; the same log leaves the same rows
/// on every replica; what was applied is not applied again. The file may lag behind the log after a crash,
/// never lead it, and it is brought up by applying the log from `appliedIndex` on.
///
/// Threads: `apply` from one lane at a time; everything else from any thread, at any time. All of it blocks
/// on files: never call it on an event loop.
public final class ShardStore: Sendable {
    /// The shard.
    public let shard: ShardID
    let file: DatabaseFile
    private let published: Mutex<ShardState>
    private let writer: WriterBox
    private let retention: Retention

    /// Opens the shard's file, or makes it.
    /// - Throws: `.foreignFile`, `.wrongShard`, `.newerFormat`: the file was left alone; input and output errors.
    public convenience init(
        at location: StoreLocation,
        shard: ShardID,
        configuration: StoreConfiguration = StoreConfiguration()
    ) throws(StoreError) {
        try self.init(
            at: location,
            shard: shard,
            configuration: configuration,
            retention: Retention()
        )
    }

    init(
        at location: StoreLocation,
        shard: ShardID,
        configuration: StoreConfiguration,
        retention: Retention
    ) throws(StoreError) {
        self.shard = shard
        self.retention = retention
        file = try DatabaseFile(
            location,
            format: ShardSchema.format,
            configuration: configuration
        )
        let state = try Self.loadState(file, shard: shard)
        published = Mutex(state)
        writer = WriterBox()
        try file.onWriter { db throws(StoreError) in
            writer.writer = try ShardWriter(db, shard: shard, state: state, retention: retention)
        }
    }

    private static func loadState(
        _ file: DatabaseFile,
        shard: ShardID
    ) throws(StoreError) -> ShardState {
        try file.write { db throws(StoreError) in
            guard let (found, state) = try StateTable.load(db) else {
                try StateTable(db).save(ShardState(), shard: shard)
                return ShardState()
            }
            guard found == shard else { throw .wrongShard(expected: shard, found: found) }
            return state
        }
    }

    /// Where its file is.
    public var location: StoreLocation { file.location }

    /// Opens the file that stands in this one's place, with the same settings. This one is closed.
    public func reopened() throws(StoreError) -> ShardStore {
        try ShardStore(
            at: location,
            shard: shard,
            configuration: file.configuration,
            retention: retention
        )
    }

    /// What the shard knows of itself, after the last batch that was committed.
    public var state: ShardState { published.withLock { $0 } }
    /// The last log entry that is in the tables.
    public var appliedIndex: LogIndex { published.withLock { $0.appliedIndex } }
    /// That entry's term.
    public var appliedTerm: Term { published.withLock { $0.appliedTerm } }
    /// The shard's replicated time: a leader stamps no command before it.
    public var shardTime: Timestamp { published.withLock { $0.shardTime } }
    /// The last id given.
    public var lastCaseID: CaseID? { published.withLock { $0.lastCaseID } }

    /// Applies a batch in one transaction.
    ///
    /// - Parameter batch: committed and locally durable entries in order. What is at or below `appliedIndex` is
    ///   passed over; the rest must follow on without a gap.
    /// - Returns: one result an entry, in order. A refusal is a result.
    /// - Throws: `.diskFull`: nothing changed, free space and call again. Anything else: stop the replica.
    public func apply(_ batch: [CommittedEntry]) throws(StoreError) -> [AppliedResult] {
        let results = try extend(batch)
        try commit()
        return results
    }

    /// Applies a batch in a transaction that stays open for more of them until `commit`: pages that several batches
    /// change are written once. Nobody sees its rows before, nor does `state`; its results hold all the same, for
    /// after a crash the log leads to them again.
    ///
    /// - Parameter batch: as for `apply`, behind what is in the open transaction.
    /// - Returns: as `apply`.
    /// - Throws: as `apply`; the whole open transaction is undone, and its batches have to be given again.
    public func extend(_ batch: [CommittedEntry]) throws(StoreError) -> [AppliedResult] {
        guard !batch.isEmpty else { return [] }
        return try file.extend {
            writer.undo()
        } _: { _ throws(StoreError) in
            guard let open = writer.writer else { throw .stopped }
            if writer.before == nil {
                writer.before = open.memory
                open.memory.hasErased = false
            }
            return try open.apply(batch)
        }
    }

    /// Commits what `extend` has applied, if anything.
    /// - Throws: as `extend`.
    public func commit() throws(StoreError) {
        let memory = try file.commit {
            writer.undo()
        } _: { _ throws(StoreError) -> ShardWriter.Memory? in
            guard let open = writer.writer else { throw .stopped }
            guard let before = writer.before else { return nil }
            try open.writeKeptBack(since: before)
            return open.memory
        }
        guard let memory else { return }
        writer.before = nil
        published.withLock { $0 = memory.state }
        if memory.hasErased { file.wantsEmptyLog.withLock { $0 = true } }
    }

    /// A checkpoint waits for the writer to leave the file alone for a moment: an open transaction should end.
    public var isCommitWanted: Bool { file.wantsTurn.load(ordering: .relaxed) }

    /// Runs reads on one snapshot of the file. `body` must not wait for anything: an open snapshot keeps the
    /// write-ahead log from being reused, so a read is ended at the configured age.
    public func read<Value>(
        _ body: (ShardReader) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try file.read { db throws(StoreError) in try body(ShardReader(db: db)) }
    }

    /// Makes what is applied durable in the file itself, so that the log may be cut. Doesn't hold up `apply`.
    /// - Throws: any error means: stop the node; a failed sync is never tried again.
    public func checkpoint() throws(StoreError) -> CheckpointOutcome {
        // Read before it begins: only what was committed by now is surely among the copied frames.
        try file.checkpoint(durableIndex: appliedIndex)
    }

    /// SHA-256 over all rows, to compare replicas at the same applied index. Reads everything.
    public func replicaChecksum() throws(StoreError) -> SHA256Digest {
        try file.read(ageMax: file.configuration.snapshotAgeMax) { db throws(StoreError) in
            try ReplicaChecksum.compute(db, tables: ShardSchema.tables)
        }
    }

    /// Closes the file. Reads and writes fail from now on.
    public func close() throws(StoreError) {
        do {
            try commit()
        } catch {
            // Undone: it is in the replicated log, and whoever opens the file applies it again.
        }
        try file.onWriter { _ throws(StoreError) in writer.writer = nil }
        try file.close()
    }
}

/// Holds the writer, whose statements belong to the writer's connection.
///
/// `@unchecked Sendable`: touched only by the lane that applies, and by `close` after it.
private final class WriterBox: @unchecked Sendable {
    var writer: ShardWriter?
    /// What the writer remembered when the open transaction began; nil without one.
    var before: ShardWriter.Memory?

    /// The rows are as before; what the writer remembers follows them.
    func undo() {
        if let before { writer?.restore(before) }
        before = nil
    }
}
