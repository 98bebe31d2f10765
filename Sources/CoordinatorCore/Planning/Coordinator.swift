import CaseModel
import ClusterPrimitives

/// What happened that the coordinator has to know.
public enum CoordinatorEvent: Sendable {
    /// A timer of at most `PlannerLimits.tickMillisecondsMax` went off. `now` is the time that
    /// would be stamped on what is proposed now; `state` is the system group's, as applied here;
    /// `zone` is its zone's rules.
    case tick(now: Timestamp, state: SystemState, zone: ZoneRules)
    /// A shard answered, or could not be reached.
    case shardAnswered(Errand, ShardAnswer)
    /// The system group answered, or the proposal was lost.
    case proposalAnswered(Errand, ProposalAnswer)
    /// A shard's first due time moved earlier, or the shard has a new leader, which announces its
    /// first due time.
    case dueAt(ShardID, Timestamp)
}

/// The coordinator's duties under one epoch: sweeps, nights, notices of owners who left, and where
/// replicas belong.
///
/// A value: the leader of the system group makes one when its `beginEpoch` was applied, and drops
/// it when it leads no more or `.stop` comes out. Every effect is answered once, or never (then it
/// is tried again).
public struct Coordinator: Sendable {
    /// Under which it commands.
    public let epoch: Epoch
    private var sweeps: SweepPlanner
    private var nights: NightPlanner
    private var notices: NoticePlanner
    private var placement: PlacementPlanner
    private var attempts: UInt64 = 0
    private var isStopped = false

    /// A coordinator that knows nothing yet and asks every shard.
    public init(epoch: Epoch, shardCount: Int) {
        self.epoch = epoch
        sweeps = SweepPlanner(epoch: epoch, shardCount: shardCount)
        nights = NightPlanner(epoch: epoch)
        notices = NoticePlanner(epoch: epoch)
        placement = PlacementPlanner(epoch: epoch)
    }

    /// Advances by one event. Total; says nothing any more after `.stop`.
    public mutating func step(_ event: CoordinatorEvent) -> [CoordinatorEffect] {
        guard !isStopped else { return [] }
        switch event {
        case .tick(let now, let state, let zone):
            guard state.epoch <= epoch else { return stop() }
            return tick(now: now, state, zone)
        case .shardAnswered(let errand, _) where errand.epoch != epoch,
            .proposalAnswered(let errand, _) where errand.epoch != epoch:
            // To a predecessor on this node. That one was fenced off, or not; this one is not meant.
            return []
        case .shardAnswered(_, .staleEpoch), .proposalAnswered(_, .staleEpoch):
            return stop()
        case .shardAnswered(let errand, let answer):
            switch errand.planner {
            case .sweep: return sweeps.answered(errand.attempt, answer, &attempts)
            case .night: return nights.answered(errand.attempt, answer, &attempts)
            case .notice: return notices.answered(errand.attempt, answer, &attempts)
            case .nightRecord, .noticeRecord, .placement: return []
            }
        case .proposalAnswered(let errand, let answer):
            switch errand.planner {
            case .nightRecord: nights.recorded(errand.attempt, answer)
            case .noticeRecord: notices.recorded(errand.attempt, answer)
            case .placement: placement.recorded(errand.attempt, answer)
            case .sweep, .night, .notice: break
            }
            return []
        case .dueAt(let shard, let time):
            return sweeps.announced(shard, dueAt: time, &attempts)
        }
    }

    private mutating func tick(
        now: Timestamp,
        _ state: SystemState,
        _ zone: ZoneRules
    ) -> [CoordinatorEffect] {
        guard state.cluster != nil else { return [] }
        let view = NightPlanner.View(
            schedule: state.settings.night,
            zone: zone,
            behind: state.nightsBehind,
            nextNumber: state.nextNightNumber,
            running: state.runningNight,
            shardCount: state.shardCount
        )
        return sweeps.tick(now: now, &attempts)
            + nights.tick(now: now, view, &attempts)
            + notices.tick(state.pendingNotices, shardCount: state.shardCount, &attempts)
            + placement.tick(state, &attempts)
    }

    private mutating func stop() -> [CoordinatorEffect] {
        isStopped = true
        return [.stop]
    }
}
