import CaseModel
import ClusterPrimitives
import CoordinatorCore
import Logging
import NIOCore
import RaftCore
import Synchronization

/// Performs the coordinator's duties while this node leads the system group: ticks the pure planner, proposes
/// what it wants, feeds the answers back. Confined to the system replica's event loop.
///
/// A leader first has `beginEpoch` applied, so that whoever led before is fenced off; only then does it
/// tell shards anything.
final class CoordinatorHost: Sendable {
    private struct LoopState {
        var coordinator: Coordinator?
        var term = Term.zero
        var isBeginning = false
        var isStopped = false
        var zone: (name: String, rules: ZoneRules) = ("", .utc)
        /// When shards fall due, as far as they have said: for metrics alone.
        var due: [ShardID: Timestamp] = [:]
    }

    private let context: ServiceContext
    private let node: NodeID
    private let logger: Logger
    private let calls: PeerCalls?
    private let meters: NodeMeters
    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<LoopState>

    /// `calls` reach other nodes; nil on one that can have none.
    init(
        context: ServiceContext,
        node: NodeID,
        calls: PeerCalls?,
        meters: NodeMeters,
        logger: Logger
    ) {
        self.meters = meters
        self.context = context
        self.node = node
        self.logger = logger
        self.calls = calls
        eventLoop = context.system.replica.eventLoop
        state = .makeBoxSendingValue(LoopState(), eventLoop: context.system.replica.eventLoop)
    }

    /// Begins to tick.
    func start() {
        let delay = TimeAmount.milliseconds(PlannerLimits.tickMillisecondsMax)
        eventLoop.execute { [self] in
            _ = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: delay) {
                [weak self] task in
                guard let self, !self.state.value.isStopped else { return task.cancel() }
                self.tick()
            }
        }
    }

    /// No more effects after this.
    func stop() {
        eventLoop.execute { [self] in
            state.value.isStopped = true
            state.value.coordinator = nil
        }
    }

    /// A shard's due time was set; from the store's thread.
    func dueTimeSet(_ shard: ShardID, _ due: Timestamp) {
        heard(shard, due)
        // Its own replica tells the coordinator, where its node has one.
        let (group, system) = (context.shards[Int(shard.rawValue)], context.system)
        guard let calls, group.isLeader, let leader = system.leader, leader != node,
            let placement = system.machine.state.placement(of: shard),
            !system.machine.state.belongs(leader, to: placement)
        else { return }
        let time = TimeAmount.milliseconds(PlannerLimits.tellMillisecondsMax)
        calls.announce(due, of: group.group, to: leader, within: time)
    }

    /// Another node, or this one, says that a due time was set.
    func heard(_ shard: ShardID, _ due: Timestamp) {
        eventLoop.execute { [self] in
            state.value.due[shard] = min(state.value.due[shard] ?? due, due)
            step(.dueAt(shard, due))
        }
    }

    // MARK: On the loop

    private func tick() {
        let leadership = context.system.replica.leadership
        guard leadership.isReady, leadership.leader == node else {
            state.value.coordinator = nil
            return
        }
        let system = context.system.machine.state
        guard let cluster = system.cluster else { return }
        if leadership.term != state.value.term {
            state.value.coordinator = nil
            beginEpoch(Epoch(incarnation: cluster.incarnation, term: leadership.term))
            return
        }
        step(.tick(now: context.clock.now(), state: system, zone: zone(system.settings.zone)))
    }

    private func beginEpoch(_ epoch: Epoch) {
        guard !state.value.isBeginning else { return }
        state.value.isBeginning = true
        let command = StampedSystemCommand(at: .zero, command: .beginEpoch(epoch))
        context.system.propose(command) { [self] outcome in
            eventLoop.execute { [self] in
                state.value.isBeginning = false
                guard case .success(.accepted) = outcome, !state.value.isStopped else { return }
                state.value.term = epoch.term
                state.value.coordinator = Coordinator(
                    epoch: epoch,
                    shardCount: context.shards.count
                )
                logger.info(
                    "coordinates",
                    metadata: [
                        "node": "\(node)", "incarnation": "\(epoch.incarnation)",
                        "term": "\(epoch.term)",
                    ]
                )
            }
        }
    }

    private func step(_ event: CoordinatorEvent) {
        guard var coordinator = state.value.coordinator else { return }
        state.value.coordinator = nil
        let effects = coordinator.step(event)
        state.value.coordinator = coordinator
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: CoordinatorEffect) {
        switch effect {
        case .stop:
            logger.notice("a later coordinator was here", metadata: ["node": "\(node)"])
            state.value.coordinator = nil
        case .tell(let shard, let command, let errand):
            let time = TimeAmount.milliseconds(PlannerLimits.tellMillisecondsMax)
            context.shards[Int(shard.rawValue)].propose(command, within: time) {
                [self] outcome in
                let answer = outcome.value.map { ShardAnswer($0) } ?? .failed
                eventLoop.execute { [self] in
                    count(answer, of: shard, command)
                    step(.shardAnswered(errand, answer))
                }
            }
        case .propose(let command, let errand):
            let stamped = StampedSystemCommand(at: .zero, command: command)
            context.system.propose(stamped) { [self] outcome in
                let answer = outcome.value.map { ProposalAnswer($0) } ?? .failed
                eventLoop.execute { [self] in step(.proposalAnswered(errand, answer)) }
            }
        }
    }

    private func count(_ answer: ShardAnswer, of shard: ShardID, _ command: ShardCommand) {
        guard case .page(let count, _, let next) = answer else { return meters.sweepsFailed.add() }
        meters.sweepsTold.add()
        meters.sweptCases.add(UInt64(count))
        guard case .sweep = command else { return }
        if count > 0, let due = state.value.due[shard] {
            let late = max(0, context.clock.now().rawValue - due.rawValue)
            meters.sweepLateness.observe(nanoseconds: UInt64(late) * 1_000_000)
        }
        state.value.due[shard] = next
    }

    /// The zone's rules, read when the setting changes. A zone that has gone from the machine's database
    /// since it was set counts as UTC, and is reported.
    private func zone(_ name: String) -> ZoneRules {
        if state.value.zone.name != name {
            let rules = ZoneFiles.rules(named: name)
            if rules == nil {
                logger.error(
                    "the zone database has no such zone; UTC is used",
                    metadata: ["zone": "\(name)"]
                )
            }
            state.value.zone = (name, rules ?? .utc)
        }
        return state.value.zone.rules
    }
}

extension Result {
    /// The value, where the failure says nothing more than that there is none.
    fileprivate var value: Success? {
        if case .success(let value) = self { return value }
        return nil
    }
}
