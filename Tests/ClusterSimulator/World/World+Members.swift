import ClusterPrimitives
import RaftCore

/// Who belongs to the groups: nodes that join, members that are replaced, leadership that is handed over.
/// Plays the operator, and the part of the coordinator that places replicas.
extension World {
    /// Between two steps of a repair, in microseconds.
    private static let repairTime: Int64 = 400_000

    var groups: [GroupID] {
        [.system] + (0..<options.shards).map { GroupID(shard: ShardID(UInt16($0))) }
    }

    /// The group's leader of the latest term.
    func leader(of group: GroupID) -> (any ReplicaEndpoint)? {
        nodes.compactMap { $0.process?.replica(of: group) }
            .filter { $0.status.role == .leader }
            .max { $0.status.term < $1.status.term }
    }

    /// Makes a node that knows nothing of any group.
    func addNode() {
        let node = SimulatedNode(
            NodeID(UInt64(nodes.count) + 1),
            machine: machineName(nodes.count + 1),
            clock: SimulatedClock(drift: 0),
            isFounder: false
        )
        add(node)
        start(node)
    }

    /// Now and then: a step towards another membership, or another leader.
    func changeSomething() {
        let group = options.movesCoordinator ? .system : pick(groups)
        guard let leader = leader(of: group) else { return }
        let configuration = leader.status.configuration
        guard !configuration.isJoint else { return }
        let voters = configuration.voters.incoming.voters
        if options.movesCoordinator || chance(30) {
            coverage[.leadershipTransferred] += 1
            return leader.transfer(to: pick(voters))
        }
        let learners = configuration.learners
        if !learners.isEmpty, learners.count > 1 || chance(options.cutsAlongChanges ? 10 : 60) {
            let others = voters.filter { $0 != leader.status.id }
            guard others.count >= learners.count else { return }
            // Half of them while nobody hears anybody.
            if !options.cutsAlongChanges, chance(50) {
                plan(after: draw(0...30_000)) { [unowned self] in partition() }
            }
            return replace(Array(others.suffix(learners.count)), by: learners, leader)
        }
        let outside = nodes.filter { $0.state != .lost && !configuration.contains($0.id) }
        guard !outside.isEmpty else { return }
        leader.change(ConfigurationChange(steps: [.init(.addLearner, pick(outside).id)])) { _ in }
    }

    private func replace(_ old: [NodeID], by new: [NodeID], _ leader: any ReplicaEndpoint) {
        let change = ConfigurationChange(
            transition: .jointAutoLeave,
            steps: new.map { .init(.addVoter, $0) } + old.map { .init(.remove, $0) }
        )
        let isLost = old.contains { node($0)?.state == .lost }
        leader.change(change) { [unowned self] failure in
            guard failure == nil else { return }
            coverage[.memberReplaced] += 1
            if isLost { coverage[.lostNodeReplaced] += 1 }
        }
    }

    /// A group's leader has just entered a joint configuration, and hardly anybody has heard of it: now those who go lose
    /// sight of those who come.
    func jointBegan(_ configuration: Configuration) {
        guard options.cutsAlongChanges, !isHealing, chance(75) else { return }
        let (old, new) = (configuration.voters.outgoing, configuration.voters.incoming)
        let going = old.voters.filter { !new.contains($0) }
        guard !going.isEmpty else { return }
        coverage[.cutAlongChange] += 1
        // Who stays is on either side.
        let side = going + old.voters.filter { new.contains($0) && chance(25) }
        for left in nodes.map(\.id) {
            for right in nodes.map(\.id) where side.contains(left) != side.contains(right) {
                network.cutLink(left.rawValue, right.rawValue, [.replicas])
            }
        }
        plan(after: draw(1_000_000...4_000_000)) { [unowned self] in network.openAll() }
    }

    /// In the healed world: puts new nodes in the place of lost ones, and ends what was begun.
    func repair() {
        let lost = nodes.filter { $0.state == .lost }.map(\.id)
        for group in groups {
            guard let leader = leader(of: group) else { continue }
            let configuration = leader.status.configuration
            guard !configuration.isJoint else { continue }
            let gone = configuration.voters.incoming.voters.first { lost.contains($0) }
            switch (gone, configuration.learners.first) {
            case (let gone?, let learner?) where !lost.contains(learner):
                replace([gone], by: [learner], leader)
            case (_, let learner?):
                leader.change(ConfigurationChange(steps: [.init(.remove, learner)])) { _ in }
            case (.some, nil):
                let outside = nodes.first { $0.state == .up && !configuration.contains($0.id) }
                guard let outside else { continue }
                leader.change(ConfigurationChange(steps: [.init(.addLearner, outside.id)])) { _ in }
            case (nil, nil): continue
            }
        }
        plan(after: Self.repairTime) { [unowned self] in repair() }
    }

    /// A membership that is not what it should be in the end; nil if all are.
    var unfinishedMembership: String? {
        for group in groups {
            guard let configuration = leader(of: group)?.status.configuration else { continue }
            if configuration.isJoint || !configuration.learners.isEmpty {
                return "\(group) has \(configuration)"
            }
            for node in nodes where node.state == .lost && configuration.contains(node.id) {
                return "\(group) has the lost node \(node.id)"
            }
        }
        return nil
    }
}
