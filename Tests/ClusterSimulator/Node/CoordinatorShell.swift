import CaseModel
import ClusterPrimitives
import CoordinatorCore
import RaftCore
import ReplicaDriver

/// Performs the coordinator's duties while its node leads the system group, as the server's shell does:
/// `beginEpoch` first, then what the planner wants, over the network to whoever leads a shard.
final class CoordinatorShell {
    private unowned let process: NodeProcess
    private var coordinator: Coordinator?
    private var term = Term.zero
    private var isBeginning = false
    /// Who leads each shard, as the last answer said.
    private var leaders: [ShardID: NodeID] = [:]

    init(_ process: NodeProcess) { self.process = process }

    private var world: World { process.world }

    /// Who coordinates, and what the record says of nights, for people who look at a failure.
    var summary: String? {
        guard let coordinator, let state = process.system?.machine.state else { return nil }
        let night = state.lastNight.map {
            "night \($0.number) of \($0.boundary) done by \($0.shardsDone), "
                + ($0.finishedAt.map { "finished at \($0)" } ?? "running")
        }
        return "node \(process.node.id) coordinates under \(coordinator.epoch) at "
            + "\(process.time()); \(night ?? "no night yet"), \(state.settings.night)"
    }

    func tick() {
        guard let system = process.system else { return }
        let leadership = system.leadership
        guard leadership.isReady, leadership.leader == process.node.id else {
            coordinator = nil
            return
        }
        let state = system.machine.state
        guard let cluster = state.cluster else {
            return propose(.initialize(world.founding), to: system) { _ in }
        }
        // Again until it stands: whoever began may have ended in between.
        if state.settings.night != .every(seconds: world.options.nightSeconds) {
            let night = NamedValue("night", "every \(world.options.nightSeconds)s")
            propose(.setSettings([night]), to: system) { _ in }
        }
        if leadership.term != term {
            coordinator = nil
            return begin(
                Epoch(incarnation: cluster.incarnation, term: leadership.term),
                system
            )
        }
        step(.tick(now: process.time(), state: state, zone: .utc))
    }

    func dueTimeSet(_ shard: ShardID, _ due: Timestamp) { step(.dueAt(shard, due)) }

    private func begin(_ epoch: Epoch, _ system: SimulatedReplica<SimulatedSystemMachine>) {
        guard !isBeginning else { return }
        isBeginning = true
        propose(.beginEpoch(epoch), to: system) { [self] outcome in
            isBeginning = false
            guard case .success(.accepted) = outcome else { return }
            term = epoch.term
            coordinator = Coordinator(epoch: epoch, shardCount: world.options.shards)
            world.coverage[.coordinatorChanged] += 1
        }
    }

    private func propose(
        _ command: SystemCommand,
        to system: SimulatedReplica<SimulatedSystemMachine>,
        _ reply: @escaping (Result<SystemResult, ReplicaFailure>) -> Void
    ) {
        system.propose(StampedSystemCommand(at: .zero, command: command), reply: reply)
    }

    private func step(_ event: CoordinatorEvent) {
        guard var stepping = coordinator else { return }
        coordinator = nil
        let effects = stepping.step(event)
        coordinator = stepping
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: CoordinatorEffect) {
        switch effect {
        case .stop:
            world.coverage[.epochFenced] += 1
            coordinator = nil
        case .tell(let shard, let command, let errand):
            let deadline = world.now + PlannerLimits.tellMillisecondsMax * 1_000
            tell(shard, command, deadline: deadline) { [weak self] answer in
                self?.step(.shardAnswered(errand, answer))
            }
        case .propose(let command, let errand):
            guard let system = process.system else { return }
            propose(command, to: system) { [self] outcome in
                var answer = ProposalAnswer.failed
                if case .success(let result) = outcome { answer = ProposalAnswer(result) }
                step(.proposalAnswered(errand, answer))
            }
        }
    }

    private func learn(_ leader: NodeID?, of shard: ShardID) {
        leaders[shard] = leader ?? world.pick(world.nodes).id
    }

    /// To the leader as this node knows it: itself, or one hop. A replica that has left its group may know an
    /// old one for ever, so whoever is asked and does not lead says who does.
    private func tell(
        _ shard: ShardID,
        _ command: ShardCommand,
        deadline: Int64,
        _ reply: @escaping (ShardAnswer) -> Void
    ) {
        let replica = process.shards[Int(shard.rawValue)]
        let leader =
            leaders.removeValue(forKey: shard) ?? replica.leadership.leader
            ?? world.pick(world.nodes).id
        var isAnswered = false
        // Nor does a node answer that is lost: then somebody else is asked the next time.
        process.plan(after: max(0, deadline - world.now)) { [weak self] in
            if !isAnswered { self?.learn(nil, of: shard) }
        }
        world.call(
            from: process.node.id.rawValue,
            to: leader,
            by: process,
            { [weak world] server, answer in
                guard let world, world.now <= deadline else { return }
                server.shards[Int(shard.rawValue)].propose(command, reply: answer)
            },
            { [weak self] (outcome: Result<ShardResult, ReplicaFailure>) in
                isAnswered = true
                switch outcome {
                case .success(let result):
                    self?.leaders[shard] = leader
                    reply(ShardAnswer(result))
                case .failure(.notLeader(let other)):
                    self?.learn(other, of: shard)
                    reply(.failed)
                case .failure: reply(.failed)
                }
            }
        )
    }
}
