import ClusterPrimitives

/// A view of a replica for people and metrics.
public struct RaftStatus: Sendable {
    /// This replica's node.
    public var id: NodeID
    /// Its group.
    public var group: GroupID
    /// The latest term it has seen.
    public var term: Term
    /// Whom it voted for.
    public var vote: NodeID
    /// The leader, as far as known.
    public var lead: NodeID
    /// Its part.
    public var role: Role
    /// Known to be held by a quorum.
    public var commit: LogIndex
    /// Applied by the state machine.
    public var applied: LogIndex
    /// The log's end, durable or not.
    public var lastIndex: LogIndex
    /// Durable up to here.
    public var durableIndex: LogIndex
    /// Payload bytes in the leader's tail.
    public var uncommittedBytes: UInt64
    /// Reads that wait.
    public var readsPending: Int
    /// Whom leadership is being handed to; `NodeID.none` if nobody.
    public var transferee: NodeID
    /// The membership.
    public var configuration: Configuration
    /// This replica leads, and a quorum of its members has durably learnt that they are the members: whoever
    /// leads after it needs nobody else, so that what those have who left may go. Before that they may be
    /// needed: a voter that forgot that the change was committed asks them for their votes.
    public var isMembershipSettled: Bool
    /// What the leader knows of each member, ascending by id; empty elsewhere.
    public var progress: [MemberProgress]

    /// One member, as the leader sees it.
    public struct MemberProgress: Sendable {
        /// The member.
        public var id: NodeID
        /// How far it is.
        public var progress: Progress
    }
}

/// What a driver asks for with every batch of inputs. Unlike `RaftStatus` it costs nothing to put together.
public struct RaftBrief: Sendable {
    /// The latest term seen.
    public var term: Term
    /// The leader, as far as known.
    public var lead: NodeID
    /// This replica's part.
    public var role: Role
    /// Known to be committed.
    public var commit: LogIndex
    /// Applied by the state machine.
    public var applied: LogIndex
    /// The log's end, durable or not.
    public var lastIndex: LogIndex
}

extension RaftCore {
    /// The few facts that change with every step.
    public var brief: RaftBrief {
        RaftBrief(
            term: term,
            lead: lead,
            role: role,
            commit: log.committed,
            applied: log.applied,
            lastIndex: log.lastIndex
        )
    }

    /// Who is taking over from this leader, which takes no proposals meanwhile; nil while nobody is.
    public var successor: NodeID? { transferee == .none ? nil : transferee }

    /// More is committed than may be handed out at once: the rest waits until some of it has been applied.
    public var waitsForApply: Bool { log.applyPaused }

    /// The membership in force here.
    public var membership: Configuration { configuration }

    /// A received snapshot that has not been reported as installed; nil if there is none.
    public var snapshotUnderWay: SnapshotID? { log.unstable.snapshot?.id }

    /// What the replica looks like now.
    public var status: RaftStatus {
        RaftStatus(
            id: id,
            group: settings.group,
            term: term,
            vote: vote,
            lead: lead,
            role: role,
            commit: log.committed,
            applied: log.applied,
            lastIndex: log.lastIndex,
            durableIndex: log.unstable.offset.previous,
            uncommittedBytes: uncommittedBytes,
            readsPending: reads.count,
            transferee: transferee,
            configuration: configuration,
            isMembershipSettled: role == .leader && !configuration.isJoint
                && log.committed >= settlingIndex,
            progress: role == .leader
                ? progress.ids.compactMap { id in
                    progress[id].map { RaftStatus.MemberProgress(id: id, progress: $0) }
                } : []
        )
    }
}
