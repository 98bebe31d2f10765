import ClusterPrimitives
import CoordinatorCore
import Logging
import RaftCore
import ReplicaDriver

/// Moves the groups that this node leads to the members that they should have, one step at a time, and tells
/// the system group what their membership is.
///
/// It keeps nothing: what is left to do follows from the groups' own membership and the replicated map, so that
/// any leader goes on where another ended. Before each change the map is read linearizably: a leader that knew
/// less than the one before it could bring a member back.
struct GroupMover: Sendable {
    /// Between two looks, in milliseconds: a join of a small shard takes some of them.
    static let milliseconds: Int64 = 100
    /// Groups in which newcomers may be catching up at a time, on one leader: as many as there may be snapshots
    /// on their way. More would be turned away, and would wait a second before they are sent again.
    static let catchingUpMax = PeerLimits.snapshotsMax

    let context: ServiceContext
    let logger: Logger

    /// Runs until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            await look()
            do {
                try await Task.sleep(for: .milliseconds(Self.milliseconds))
            } catch {
                return  // The node stops.
            }
        }
    }

    private func look() async {
        guard context.system.machine.state.cluster != nil else { return }
        var room = Self.catchingUpMax
        await moveSystem(&room)
        for (route, placement) in zip(context.shards, context.system.machine.state.shardMap)
        where route.isLeader && !Task.isCancelled {
            let learners = context.system.machine.state.learnersWanted(of: placement)
            let isThere =
                Set(placement.voters) == Set(placement.target)
                && Set(placement.learners) == Set(learners)
            if !isThere { await move(route, &room) }
        }
    }

    private func moveSystem(_ room: inout Int) async {
        let system = context.system
        guard system.isLeader, let status = await system.status() else { return }
        await step(system, status, &room) { status in
            let state = system.machine.state
            let voting = status.configuration.voters.incoming.voters
            let voters = Placement.systemVoters(state, voting: voting)
            let others = state.nodesForReplicas.filter { !voters.contains($0) }
            return (voters, others)
        }
        await removeReplaced(status)
    }

    private func move(_ route: GroupRoute<ShardMachine>, _ room: inout Int) async {
        guard let status = await route.status() else { return }
        await report(route.shard, status)
        await step(route, status, &room) { _ in
            let state = context.system.machine.state
            // Whoever has just joined may need what would be taken away now.
            guard Placement.changes(state).isEmpty,
                let placement = state.placement(of: route.shard)
            else { return ([], []) }
            return (placement.target, state.learnersWanted(of: placement))
        }
    }

    private typealias Members = (voters: [NodeID], learners: [NodeID])

    private func step<Machine: RoutedMachine>(
        _ route: GroupRoute<Machine>,
        _ seen: RaftStatus,
        _ room: inout Int,
        _ wanted: (RaftStatus) -> Members
    ) async {
        if seen.isCatchingUp { room -= 1 }
        let (voters, learners) = wanted(seen)
        guard let first = MembershipMove.next(seen, voters: voters, learners: learners) else {
            return
        }
        guard !first.adds || room > 0, await context.system.isCurrent(),
            let status = await route.status()
        else { return }
        let now = wanted(status)
        guard let change = MembershipMove.next(status, voters: now.voters, learners: now.learners)
        else { return }
        if change.adds { room -= 1 }
        switch await route.change(change) {
        case .success(let configuration):
            logger.info(
                "membership changes",
                metadata: ["group": "\(route.group)", "now": "\(configuration)"]
            )
        case .failure(let failure):
            // Whatever it was, the next look sees what came of it.
            logger.debug(
                "a change of membership did not come about",
                metadata: ["group": "\(route.group)", "reason": "\(failure)"]
            )
        }
    }

    /// The shard map follows Raft's own word, in its order. Who is not in it any more lets go of the shard: so not
    /// before those who stay can do without them, whatever they forget.
    private func report(_ shard: ShardID, _ status: RaftStatus) async {
        let now = status.configuration
        guard status.isMembershipSettled,
            let known = context.system.machine.state.placement(of: shard),
            Set(known.voters) != Set(now.voters.voters) || known.learners != now.learners
        else { return }
        await propose(
            .reportShard(
                shard: shard,
                voters: now.voters.voters,
                learners: now.learners,
                configurationIndex: status.applied
            )
        )
    }

    /// Who was replaced, and has nothing any more, is a member no more.
    private func removeReplaced(_ status: RaftStatus) async {
        guard status.isMembershipSettled else { return }
        let state = context.system.machine.state
        for record in state.members where record.isActive && record.successor != nil {
            let id = record.member.id
            let holds = state.shardMap.contains { state.belongs(id, to: $0) }
            guard !holds, !status.configuration.contains(id) else { continue }
            await propose(.removeMember(id))
        }
    }

    private func propose(_ command: SystemCommand) async {
        let stamped = StampedSystemCommand(at: .zero, command: command)
        let outcome = await context.system.outcome(of: stamped)
        guard case .success(.accepted) = outcome else {
            return logger.debug(
                "the system group did not take a report",
                metadata: ["outcome": "\(outcome)"]
            )
        }
    }
}

extension RaftStatus {
    /// A member is on its way to being caught up.
    fileprivate var isCatchingUp: Bool {
        configuration.learners.contains { learner in
            progress.contains { $0.id == learner && $0.progress.recentActive }
                && isCaughtUp(learner) != true
        }
    }
}

extension ConfigurationChange {
    /// Brings somebody new.
    fileprivate var adds: Bool { transition == .single && steps.first?.action == .addLearner }
}

// The same questions for those who wait: never the hot path.
extension GroupRoute {
    /// How this node's replica stands; nil without one.
    func status() async -> RaftStatus? {
        guard let local else { return nil }
        return await withCheckedContinuation { waiter in
            local.status { waiter.resume(returning: $0) }
        }
    }

    /// Changes the membership; this node's replica must lead.
    func change(_ change: ConfigurationChange) async -> Result<Configuration, ReplicaFailure> {
        guard let local else { return .failure(.notLeader(leader: nil)) }
        return await withCheckedContinuation { waiter in
            local.changeMembership(change) { waiter.resume(returning: $0) }
        }
    }

    /// Whether this node's replica now shows everything that was acknowledged before the call.
    func isCurrent() async -> Bool {
        await withCheckedContinuation { waiter in
            read { waiter.resume(returning: $0 == nil) }
        }
    }

    /// Proposes, and waits for what comes of it.
    func outcome(of command: Machine.Command) async -> Outcome {
        await withCheckedContinuation { waiter in
            propose(command) { waiter.resume(returning: $0) }
        }
    }
}
