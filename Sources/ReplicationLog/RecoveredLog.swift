import ClusterPrimitives
import RaftCore

/// What a log held when it was opened.
public struct RecoveredLog: Hashable, Sendable {
    /// The groups, by id.
    public var groups: [RecoveredGroup]
    /// What was found and done.
    public var report: RecoveryReport

    /// The group's state; nil if the log knows nothing of it.
    public subscript(group: GroupID) -> RecoveredGroup? {
        groups.first { $0.group == group }
    }
}

/// One group as the log holds it.
public struct RecoveredGroup: Hashable, Sendable {
    /// The group.
    public var group: GroupID
    /// Term, vote and commit. The term is never below the last entry's: when a call was too large
    /// for one batch, entries may be durable before the term that they came with; no vote was given
    /// in it then.
    public var hardState: HardState
    /// The last snapshot that was named to the log.
    public var snapshot: SnapshotID?
    /// The membership at the log's start, as it was given.
    public var configuration: [UInt8]?
    /// The entry before the first one; zero and zero if nothing was ever dropped.
    public var base: SnapshotID
    /// The last entry; `base` if there is none.
    public var last: SnapshotID

    /// The indexes held; nil if none.
    public var entries: ClosedRange<LogIndex>? {
        base.index < last.index ? base.index.next...last.index : nil
    }
}

/// What recovery saw, for the node's log and metrics.
public struct RecoveryReport: Hashable, Sendable {
    /// The log was made by this call.
    public var isNew = false
    /// Segments read.
    public var segments = 0
    /// Batches read.
    public var batches = 0
    /// Bytes of them.
    public var bytes: UInt64 = 0
    /// An unfinished batch at the end that was cut; none of it had been acknowledged.
    public var tornTail: TornTail?

    /// Where an unfinished batch was cut.
    public struct TornTail: Hashable, Sendable {
        /// The segment.
        public var file: String
        /// Where the log now ends.
        public var offset: UInt64
        /// How much was wiped: exact in a new file; in a reused one what the batch says of itself.
        public var bytes: UInt64
    }
}

extension GroupIndex {
    var recovered: RecoveredGroup {
        var state = hardState
        if state.term < last.term {
            state.term = last.term
            state.vote = .none
        }
        return RecoveredGroup(
            group: group,
            hardState: state,
            snapshot: snapshot,
            configuration: configuration,
            base: base,
            last: last
        )
    }
}
