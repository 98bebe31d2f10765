import CaseModel
import ClusterPrimitives

/// The name of one try: an answer carries it back, so that late answers to earlier tries are passed
/// over, those to an earlier coordinator of the same node among them.
public struct Errand: Hashable, Sendable {
    enum Planner: UInt8, Sendable {
        case sweep
        case night
        case nightRecord
        case notice
        case noticeRecord
        case placement
    }

    /// Of the coordinator that wants it: tries are numbered anew in each.
    let epoch: Epoch
    let planner: Planner
    let attempt: UInt64
}

/// What became of a command that a shard was told.
public enum ShardAnswer: Hashable, Sendable {
    /// Applied: how many cases, whether more are left of the same, and when the shard is due next.
    case page(count: UInt32, more: Bool, nextDueAt: Timestamp?)
    /// Not applied, or nobody knows: no leader, overloaded, refused for now, or proposed and lost
    /// sight of. Nobody will propose it any more.
    case failed
    /// Applied, and refused: the time that it was told lies ahead of the shard's own.
    case ahead
    /// A later coordinator was here: stop.
    case staleEpoch

    /// What a shard's result says to a planner.
    public init(_ result: ShardResult) {
        switch result {
        case .swept(let count, let more, let nextDueAt):
            self = .page(count: count, more: more, nextDueAt: nextDueAt)
        case .refused(.staleEpoch): self = .staleEpoch
        case .refused(.notDue): self = .ahead
        case .refused, .accepted, .claimed: self = .failed
        }
    }
}

/// What became of a proposal to the system group.
public enum ProposalAnswer: Hashable, Sendable {
    /// Committed and applied here: the state says what came of it.
    case applied
    /// Not committed, refused, or nobody knows.
    case failed
    /// A later coordinator was here: stop.
    case staleEpoch

    /// What a system command's result says to a planner.
    public init(_ result: SystemResult) {
        switch result {
        case .accepted: self = .applied
        case .refused(.staleEpoch): self = .staleEpoch
        case .refused: self = .failed
        }
    }
}

/// What the shell performs for the coordinator.
public enum CoordinatorEffect: Hashable, Sendable {
    /// Propose to the shard, wherever its leader is, within `PlannerLimits.tellMillisecondsMax` or
    /// not at all; answer with `.shardAnswered`.
    case tell(ShardID, ShardCommand, Errand)
    /// Propose to the system group, as the cluster itself; answer with `.proposalAnswered`.
    case propose(SystemCommand, Errand)
    /// A later coordinator was here: drop this one.
    case stop
}
