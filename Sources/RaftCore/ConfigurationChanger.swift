import ClusterPrimitives

/// Why a change does not fit the configuration it meets. The same on every replica.
public enum ConfigurationChangeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Leave the joint configuration first.
    case alreadyJoint
    /// A single step was asked for in a joint configuration. Leave that first.
    case simpleInJoint
    /// There is no joint configuration to leave.
    case notJoint
    /// A group without voters can't vote for a change.
    case noVoters
    /// The change would leave nobody to vote.
    case removesAllVoters
    /// Two voters at once need a joint change: their majorities need not overlap.
    case moreThanOneVoter

    /// For people.
    public var description: String {
        switch self {
        case .alreadyJoint: "config is already joint"
        case .simpleInJoint: "can't apply simple config change in joint config"
        case .notJoint: "can't leave a non-joint config"
        case .noVoters: "can't make a zero-voter config joint"
        case .removesAllVoters: "removed all voters"
        case .moreThanOneVoter: "more than one voter changed without entering joint config"
        }
    }
}

/// Derives the configuration, and the progress of its members, that a change leads to.
///
/// A value that is thrown away: on an error nothing has happened.
struct ConfigurationChanger {
    private var configuration: Configuration
    private var progress: ProgressTable
    private let lastIndex: LogIndex

    /// Starts from what is in force. At `lastIndex` the leader would begin to probe a new member.
    init(configuration: Configuration, progress: ProgressTable, lastIndex: LogIndex) {
        self.configuration = configuration
        self.progress = progress
        self.lastIndex = lastIndex
    }

    typealias Outcome = (configuration: Configuration, progress: ProgressTable)

    /// By whichever way the change names.
    consuming func apply(
        _ change: ConfigurationChange
    ) throws(ConfigurationChangeError) -> Outcome {
        if change.leavesJoint { return try leaveJoint() }
        let (joint, autoLeave) = change.entersJoint
        if joint { return try enterJoint(change.steps, autoLeave: autoLeave) }
        return try simple(change.steps)
    }

    /// At most one voter comes, goes or changes: old and new majorities overlap without help.
    consuming func simple(
        _ steps: [ConfigurationChange.Step]
    ) throws(ConfigurationChangeError) -> Outcome {
        guard !configuration.isJoint else { throw .simpleInJoint }
        let before = configuration.voters.incoming
        try take(steps)
        let after = configuration.voters.incoming
        let changed =
            before.voters.count { !after.contains($0) }
            + after.voters.count { !before.contains($0) }
        guard changed <= 1 else { throw .moreThanOneVoter }
        return checked()
    }

    /// The voters of before stay as the outgoing half, whose majority is needed as well.
    consuming func enterJoint(
        _ steps: [ConfigurationChange.Step],
        autoLeave: Bool
    ) throws(ConfigurationChangeError) -> Outcome {
        guard !configuration.isJoint else { throw .alreadyJoint }
        guard !configuration.voters.incoming.voters.isEmpty else { throw .noVoters }
        configuration.voters.outgoing = configuration.voters.incoming
        try take(steps)
        configuration.autoLeave = autoLeave
        return checked()
    }

    /// Demotions that waited for it take place; who belongs to neither half any more goes.
    consuming func leaveJoint() throws(ConfigurationChangeError) -> Outcome {
        guard configuration.isJoint else { throw .notJoint }
        for id in configuration.learnersNext {
            configuration.learners.insertSorted(id)
            progress[id]?.isLearner = true
        }
        configuration.learnersNext = []
        let outgoing = configuration.voters.outgoing.voters
        configuration.voters.outgoing = MajorityQuorum()
        configuration.autoLeave = false
        for id in outgoing where !configuration.contains(id) { progress[id] = nil }
        return checked()
    }

    private mutating func take(
        _ steps: [ConfigurationChange.Step]
    ) throws(ConfigurationChangeError) {
        for step in steps where step.node != .none {
            switch step.action {
            case .addVoter: makeVoter(step.node)
            case .addLearner: makeLearner(step.node)
            case .remove: remove(step.node)
            case .update: break
            }
        }
        guard !configuration.voters.incoming.voters.isEmpty else { throw .removesAllVoters }
    }

    private mutating func makeVoter(_ id: NodeID) {
        admit(id, isLearner: false)
        progress[id]?.isLearner = false
        configuration.learners.removeAll { $0 == id }
        configuration.learnersNext.removeAll { $0 == id }
        configuration.voters.incoming.insert(id)
    }

    /// A voter of the outgoing half can't be a learner at the same time: it waits in
    /// `learnersNext`.
    private mutating func makeLearner(_ id: NodeID) {
        guard let known = progress[id] else {
            admit(id, isLearner: true)
            configuration.learners.insertSorted(id)
            return
        }
        guard !known.isLearner else { return }
        remove(id)
        progress[id] = known
        if configuration.voters.outgoing.contains(id) {
            configuration.learnersNext.insertSorted(id)
        } else {
            progress[id]?.isLearner = true
            configuration.learners.insertSorted(id)
        }
    }

    private mutating func remove(_ id: NodeID) {
        guard progress[id] != nil else { return }
        configuration.voters.incoming.remove(id)
        configuration.learners.removeAll { $0 == id }
        configuration.learnersNext.removeAll { $0 == id }
        if !configuration.voters.outgoing.contains(id) { progress[id] = nil }
    }

    /// New members count as recently active: a leader must not step down over somebody who has not
    /// had the time to answer.
    private mutating func admit(_ id: NodeID, isLearner: Bool) {
        guard progress[id] == nil else { return }
        progress[id] = progress.newcomer(
            next: max(lastIndex, LogIndex(1)),
            isLearner: isLearner,
            recentActive: true
        )
    }

    private func checked() -> Outcome {
        precondition(
            configuration.isValid,
            "a change led to a configuration that contradicts itself"
        )
        precondition(
            progress.ids == configuration.members,
            "progress is kept for the members and for nobody else"
        )
        return (configuration, progress)
    }
}
