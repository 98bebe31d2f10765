import CaseModel
import CaseStore
import ClusterPrimitives

/// What services ask of a shard's store, on this node or on another one.
protocol ShardReading {
    /// See `ShardReader`.
    func record(_ id: CaseID) throws -> CaseRecord?
    /// See `ShardReader`.
    func entries(
        of id: CaseID,
        after: UInt64,
        limit: Int,
        includeStaff: Bool
    ) throws -> [HistoryEntry]
    /// See `ShardReader`.
    func raw(of id: CaseID, entry number: UInt64, includeStaff: Bool) throws -> [UInt8]?
    /// See `ShardReader`.
    func verify(_ id: CaseID) throws -> AuditVerdict?
    /// See `ShardReader`.
    func list(_ query: CaseQuery) throws -> CasePage
    /// See `ShardReader`.
    func keyResult(_ scope: IdempotencyScope, byIntake: Bool) throws -> KeyLookup
    /// The case that a claimed contact went to.
    func claimedCase(key: String, channel: PrincipalID) throws -> CaseID?
    /// See `ShardReader`.
    func feed(after position: UInt64, limit: Int) throws -> FeedPage
    /// Where the feed that is kept begins and ends.
    func feedBounds() throws -> FeedBounds
}

/// The part of a shard's feed that is kept.
struct FeedBounds: Equatable {
    /// The last position that is no longer kept.
    let floor: UInt64
    /// The last position.
    let last: UInt64
}

extension ShardReader: ShardReading {
    func claimedCase(key: String, channel: PrincipalID) throws -> CaseID? {
        try claim(key: key, channel: channel)?.caseID
    }

    func feedBounds() throws -> FeedBounds {
        let state = try state()
        return FeedBounds(floor: state.feedFloor, last: state.feedPosition)
    }
}
