import ClusterPrimitives
import RaftCore

/// The next step of a group's leader on the way from the members that the group has to those that it
/// should have.
///
/// Newcomers learn first; when all that should vote hold nearly everything, one joint change gives and takes
/// votes together; who then has no part left goes. Each step is derived anew from what is in force, so
/// that any leader can go on where another ended, and none ever lowers the number of replicas that are there.
public enum MembershipMove {
    /// Derives the change to propose now.
    /// - Parameters:
    ///   - status: the leader's own.
    ///   - voters: who should vote; empty means that nobody knows, and nothing is done.
    ///   - learners: who should follow without a vote.
    /// - Returns: nil if the group is as it should be, or has to wait for a newcomer or for the end of a
    ///   joint change.
    public static func next(
        _ status: RaftStatus,
        voters: [NodeID],
        learners: [NodeID]
    ) -> ConfigurationChange? {
        let now = status.configuration
        guard status.role == .leader, !now.isJoint, !voters.isEmpty else { return nil }
        let wanted = (voters + learners).sorted()
        if let newcomer = wanted.first(where: { !now.contains($0) }) {
            return single(.addLearner, newcomer)
        }
        let voting = now.voters.incoming.voters
        let promoted = voters.filter { !voting.contains($0) }.sorted()
        let retired = voting.filter { !voters.contains($0) }
        guard promoted.isEmpty && retired.isEmpty else {
            guard promoted.allSatisfy({ mayVote($0, status) }) else { return nil }
            return ConfigurationChange(
                transition: .jointAutoLeave,
                steps: promoted.map { .init(.addVoter, $0) }
                    + retired.map { .init(learners.contains($0) ? .addLearner : .remove, $0) }
            )
        }
        return now.learners.first { !wanted.contains($0) }.map { single(.remove, $0) }
    }

    /// It answers, and its vote would hold nothing up.
    public static func mayVote(_ node: NodeID, _ status: RaftStatus) -> Bool {
        status.isCaughtUp(node) == true
            && status.progress.contains { $0.id == node && $0.progress.recentActive }
    }

    private static func single(
        _ action: ConfigurationChange.Action,
        _ node: NodeID
    ) -> ConfigurationChange {
        ConfigurationChange(transition: .single, steps: [.init(action, node)])
    }
}
