import CaseModel
import ClusterPrimitives
import GRDB

/// What a shard knows of itself: one row, written in the transaction of every batch.
///
/// Invariants: the applied index, the time, the epoch, the last id and the feed's position never fall;
/// the counts add up to the cases there are.
public struct ShardState: Hashable, Sendable {
    /// The last log entry that is in the tables.
    public internal(set) var appliedIndex = LogIndex.zero
    /// That entry's term.
    public internal(set) var appliedTerm = Term.zero
    /// The shard's replicated time.
    public internal(set) var shardTime = Timestamp.zero
    /// The last id given.
    public internal(set) var lastCaseID: CaseID?
    /// The highest coordinator's epoch heard of.
    public internal(set) var epoch = Epoch(incarnation: 0, term: .zero)
    /// The last night that began; 0 before the first.
    public internal(set) var night: UInt64 = 0
    /// That night's boundary.
    public internal(set) var nightBoundary = Timestamp.zero
    /// The last key given to a row of histories, raw messages and audits.
    public internal(set) var rowSequence: UInt64 = 0
    /// The feed's last position; the first item has 1.
    public internal(set) var feedPosition: UInt64 = 0
    /// The feed's last position that is no longer kept; 0 while all are.
    public internal(set) var feedFloor: UInt64 = 0
    /// Cases by status: `counts[status.rawValue]`, archived and deleted ones too.
    public internal(set) var counts = [UInt64](
        repeating: 0,
        count: CaseStatus.allCases.count + 1
    )
    /// The group's membership as of the applied index, as the replica encodes it; empty before the first change.
    public internal(set) var configuration: [UInt8] = []

    /// How many cases stand in a status.
    public func count(_ status: CaseStatus) -> UInt64 { counts[Int(status.rawValue)] }

    /// Moves one case from a status to another; nil before it was made.
    mutating func recount(from old: CaseStatus?, to new: CaseStatus) {
        if let old {
            assert(counts[Int(old.rawValue)] > 0, "a case left a status that had none")
            counts[Int(old.rawValue)] -= 1
        }
        counts[Int(new.rawValue)] += 1
    }

    /// The next key for a row.
    mutating func nextRowSequence() -> UInt64 {
        rowSequence += 1
        return rowSequence
    }
}

/// Reads and writes the row of `ShardState`.
struct StateTable {
    private static let columns = """
        shard, applied_index, applied_term, shard_time, last_case_id, epoch_incarnation, \
        epoch_term, night, night_boundary, row_sequence, feed_position, feed_floor, counts, \
        configuration
        """
    static let selectSQL = "SELECT \(columns) FROM meta WHERE id = 1"
    private let replace: PreparedStatement

    init(_ db: Database) throws(StoreError) {
        replace = try PreparedStatement(
            db,
            """
            INSERT OR REPLACE INTO meta (id, \(Self.columns))
            VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        )
    }

    func save(_ state: ShardState, shard: ShardID) throws(StoreError) {
        replace.bind(1, UInt64(shard.rawValue))
        replace.bind(2, state.appliedIndex.rawValue)
        replace.bind(3, state.appliedTerm.rawValue)
        replace.bind(4, state.shardTime)
        replace.bind(5, state.lastCaseID.map { Int64($0.rawValue) })
        replace.bind(6, state.epoch.incarnation)
        replace.bind(7, state.epoch.term.rawValue)
        replace.bind(8, state.night)
        replace.bind(9, state.nightBoundary)
        replace.bind(10, state.rowSequence)
        replace.bind(11, state.feedPosition)
        replace.bind(12, state.feedFloor)
        var counts = ByteWriter(reserving: 64)
        counts.write(array: state.counts) { $0.write($1) }
        replace.bind(13, counts.bytes)
        replace.bind(14, state.configuration)
        try replace.run()
    }

    /// Nil in a file that was just made.
    static func load(_ db: Database) throws(StoreError) -> (shard: ShardID, state: ShardState)? {
        let select = try PreparedStatement(db, selectSQL)
        defer { select.reset() }
        guard try select.step() else { return nil }
        guard let shard = UInt16(exactly: select.integer(0)) else {
            throw .corrupt(detail: "the shard's number is out of range")
        }
        var state = ShardState()
        state.appliedIndex = LogIndex(select.bits(1))
        state.appliedTerm = Term(select.bits(2))
        state.shardTime = select.instant(3)
        state.lastCaseID = select.isNull(4) ? nil : try select.caseID(4)
        state.epoch = Epoch(incarnation: select.bits(5), term: Term(select.bits(6)))
        state.night = select.bits(7)
        state.nightBoundary = select.instant(8)
        state.rowSequence = select.bits(9)
        state.feedPosition = select.bits(10)
        state.feedFloor = select.bits(11)
        state.counts = try decodeCounts(select.bytes(12))
        state.configuration = select.bytes(13)
        return (ShardID(shard), state)
    }

    private static func decodeCounts(_ bytes: [UInt8]) throws(StoreError) -> [UInt64] {
        do {
            var reader = ByteReader(bytes)
            let counts = try reader.array { reader throws(DecodingFault) in
                try reader.unsigned()
            }
            try reader.finish()
            guard counts.count == CaseStatus.allCases.count + 1 else {
                throw reader.fault("another number of statuses")
            }
            return counts
        } catch {
            throw .corrupt(detail: "the counts can't be read back: \(error)")
        }
    }
}
