import CaseModel
import ClusterPrimitives
import GRDB

/// One committed entry of a shard's log.
public struct CommittedEntry: Hashable, Sendable {
    /// Its place.
    public var index: LogIndex
    /// The term of the leader that made it.
    public var term: Term
    /// An encoded `StampedShardCommand`; empty for a leader's no-op or a change of membership.
    public var payload: [UInt8]
    /// The group's membership from here on, as the replica encodes it; nil where the entry leaves it.
    public var configuration: [UInt8]?

    /// Puts an entry together.
    public init(
        index: LogIndex,
        term: Term,
        payload: [UInt8],
        configuration: [UInt8]? = nil
    ) {
        self.index = index
        self.term = term
        self.payload = payload
        self.configuration = configuration
    }
}

/// What came of one entry.
public struct AppliedResult: Hashable, Sendable {
    /// How it ended.
    public enum Outcome: Hashable, Sendable {
        /// A leader's no-op, or a change of membership.
        case noOperation
        /// The store had it: nothing was done, and what it answered then is in the key's record.
        case alreadyApplied
        /// It was a command; `remembered` says that this is the answer to its first arrival.
        case answered(ShardResult, remembered: Bool)
    }

    /// The entry.
    public var index: LogIndex
    /// How it ended.
    public var outcome: Outcome
    /// What those who watch learn, in order: the rows that the feed got.
    public var changes: [FeedItem]

    /// The earliest due time that it set; the coordinator must hear of one earlier than it knows.
    public var dueAt: Timestamp? { changes.compactMap(\.dueAt).min() }
}

/// Applies entries on the writer's connection, within the transaction that its caller holds open.
///
/// Everything it knows between two batches is in `memory`, a value: when a transaction fails, the caller
/// puts the old one back, and memory and file agree again. What a transaction has changed and not written yet is in
/// `unwritten`, which goes with it.
final class ShardWriter {
    /// What the writer knows without asking the file.
    struct Memory {
        var state: ShardState
        /// Who is gone from the directory. Only ever asked for members: its order is random.
        var gone: Set<PrincipalID>
        var oldestKey: Timestamp?
        var oldestFeedItem: Timestamp?
        /// Content was erased in this batch.
        var hasErased = false
    }

    let shard: ShardID
    let retention: Retention
    var memory: Memory
    let cases: CaseTable
    let history: HistoryTable
    let audit: AuditTable
    var cache = RecordCache()
    var unwritten = UnwrittenCases()
    let keys: KeyTable
    let contactKeys: KeyTable
    let claims: ClaimTable
    let feed: FeedTable
    let gone: GoneTable
    private let states: StateTable
    private let db: Database

    init(_ db: Database, shard: ShardID, state: ShardState, retention: Retention) throws(StoreError)
    {
        self.db = db
        self.shard = shard
        self.retention = retention
        cases = try CaseTable(db)
        audit = try AuditTable(db)
        history = try HistoryTable(db, audit: audit)
        keys = try KeyTable(db, name: "keys")
        contactKeys = try KeyTable(db, name: "contact_keys")
        claims = try ClaimTable(db)
        feed = try FeedTable(db)
        gone = try GoneTable(db)
        states = try StateTable(db)
        memory = Memory(
            state: state,
            gone: try GoneTable.load(db),
            oldestKey: try keys.oldest(),
            oldestFeedItem: try feed.time(at: state.feedFloor + 1)
        )
    }

    /// Applies a batch. Entries that are in the store already are passed over; the rest must follow on.
    func apply(_ batch: [CommittedEntry]) throws(StoreError) -> [AppliedResult] {
        var results: [AppliedResult] = []
        results.reserveCapacity(batch.count)
        let before = memory.state.appliedIndex
        for entry in batch {
            guard entry.index > memory.state.appliedIndex else {
                results.append(
                    AppliedResult(index: entry.index, outcome: .alreadyApplied, changes: [])
                )
                continue
            }
            let expected = memory.state.appliedIndex.next
            guard entry.index == expected else {
                throw .gap(expected: expected, got: entry.index)
            }
            results.append(try apply(entry))
        }
        assert(memory.state.appliedIndex >= before, "the applied index never falls")
        return results
    }

    private func apply(_ entry: CommittedEntry) throws(StoreError) -> AppliedResult {
        assert(entry.term >= memory.state.appliedTerm, "terms never fall along a log")
        memory.state.appliedIndex = entry.index
        memory.state.appliedTerm = entry.term
        if let configuration = entry.configuration { memory.state.configuration = configuration }
        var result = AppliedResult(index: entry.index, outcome: .noOperation, changes: [])
        guard !entry.payload.isEmpty else { return result }
        let stamped = try decode(entry)
        memory.state.shardTime = max(memory.state.shardTime, stamped.at)
        try expireKeys()
        switch stamped.command {
        case .onCase(let command, let scope):
            result.outcome = try once(command, scope, entry.index, &result.changes)
        case .claim(let key, let channel, let contentHash):
            let answer = try claim(key, channel, contentHash, entry.index)
            result.outcome = .answered(answer, remembered: false)
        case .recordClaim(let key, let channel, let caseID):
            let answer = try recordClaim(key, channel, caseID)
            result.outcome = .answered(answer, remembered: false)
        default:
            // It asks the tables for cases, before and after it changes some.
            try writeCases()
            let answer = try coordinate(stamped.command, &result.changes)
            result.outcome = .answered(answer, remembered: false)
        }
        try trimFeed()
        return result
    }

    /// Writes what was kept back until the transaction ends: the rows of cases, and the shard's state with the applied
    /// index.
    /// - Parameter before: what was in memory when the transaction began.
    /// - Throws: as every write; the transaction is to be undone.
    func writeKeptBack(since before: Memory) throws(StoreError) {
        try writeCases()
        guard memory.state.appliedIndex > before.state.appliedIndex else { return }
        var state = memory.state
        #if CASECLUSTER_FAULTS
        if DeliberateFault.storesAppliedIndexLate.isOn {
            state.appliedIndex = before.state.appliedIndex
        }
        #endif
        try states.save(state, shard: shard)
    }

    /// Writes the rows of cases that were kept back.
    func writeCases() throws(StoreError) {
        for row in unwritten.takeAll() { try cases.update(row.stored, over: row.old) }
    }

    /// After a transaction that was undone: the rows are as before, and so is what is remembered of them.
    func restore(_ memory: Memory) {
        self.memory = memory
        cache.forget()
        unwritten.forget()
    }

    private func decode(_ entry: CommittedEntry) throws(StoreError) -> StampedShardCommand {
        if let version = entry.payload.first, version > StampedShardCommand.formatVersion {
            throw .newerCommand(index: entry.index, version: version)
        }
        do {
            return try StampedShardCommand(decoding: entry.payload)
        } catch {
            throw .undecodableCommand(index: entry.index, fault: error)
        }
    }

    /// Runs an erasure so that what it frees is overwritten, whole pages too, which `FAST` leaves as they were.
    func securely(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        memory.hasErased = true
        // The pragma acts while it is compiled, so it can't be a kept statement.
        _ = try PreparedStatement.firstText(db, "PRAGMA secure_delete = ON")
        try body()
        _ = try PreparedStatement.firstText(db, "PRAGMA secure_delete = FAST")
    }

    /// Removes a page of expired keys. Steered by the log alone, entry by entry, so that every replica
    /// removes the same rows however its batches are cut.
    private func expireKeys() throws(StoreError) {
        guard let oldest = memory.oldestKey else { return }
        let time = memory.state.shardTime
        guard oldest + retention.keyLifetime + retention.keySlack <= time else { return }
        let span = TimeSpan(milliseconds: -retention.keyLifetime.milliseconds)
        try keys.expire(through: time + span, limit: retention.keyPageMax)
        memory.oldestKey = try keys.oldest()
    }

    /// Removes a page of the feed when there are more rows, or older ones, than are kept.
    private func trimFeed() throws(StoreError) {
        let state = memory.state
        let count = state.feedPosition - state.feedFloor
        guard count > 0, let oldest = memory.oldestFeedItem else { return }
        let isTooLong = count >= retention.feedRowsMax + retention.feedPageMax
        let isTooOld = oldest + retention.feedLifetime <= state.shardTime
        guard isTooLong || isTooOld else { return }
        let end = state.feedFloor + min(count, retention.feedPageMax)
        try feed.remove(through: end)
        memory.state.feedFloor = end
        memory.oldestFeedItem = try feed.time(at: end + 1)
    }
}
