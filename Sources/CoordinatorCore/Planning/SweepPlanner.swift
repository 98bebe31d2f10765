import CaseModel
import ClusterPrimitives

/// Tells each shard to sweep when something there is due.
///
/// Promises, while it ticks: never told before the time is due; told with the next tick where the
/// shard's clock is no further behind than it was; what fell due while nobody coordinated is done
/// first thing, since a new planner knows no due times and asks every shard. Told twice does no harm:
/// the shard looks at each case again.
///
/// A shard refuses a time that its own clock has not reached. It is then told an earlier one, twice as
/// far back with each refusal, half a second apart at most: a shard that is behind by 1 s acts within
/// 3 s of the coordinator's instant, and the next time about as late as its clock is. Nothing is lost by
/// that: whether a case is due is judged by the shard's time. Clocks that come together again are found out as
/// fast: where something is due by this clock and not by the shard's, a time half as far back is tried first.
///
/// What it knows is in memory alone, and comes from answers (the next due time) and announcements
/// (one that moved earlier). Rejected: replicated due times, a second truth beside the shards' own
/// index.
struct SweepPlanner: Sendable {
    /// When a shard is due.
    private enum Due: Hashable, Sendable {
        /// Nobody knows: ask at once.
        case unknown
        case at(Timestamp)
        case never

        func holds(at now: Timestamp) -> Bool {
            switch self {
            case .unknown: true
            case .at(let time): time <= now
            case .never: false
            }
        }

        func earlier(_ time: Timestamp) -> Due {
            switch self {
            case .unknown: .unknown
            case .at(let known): .at(min(known, time))
            case .never: .at(time)
            }
        }
    }

    private struct Shard: Sendable {
        var due = Due.unknown
        /// The time that the sweep which is out was told, and how far back that was.
        var asOf = Timestamp.zero
        var toldLag = TimeSpan(milliseconds: 0)
        /// How far the shard's clock seems to lie behind this one: no two run alike, and a shard does nothing
        /// for a time that it has not reached.
        var lag = TimeSpan(milliseconds: 0)
        /// The earliest announcement since that sweep left: its answer may not know of it.
        var announced: Timestamp?
        var answeredAtTick: UInt64 = 0
    }

    private let epoch: Epoch
    private var shards: [Shard]
    private var slots = WorkSlots<ShardID>(limit: PlannerLimits.sweepsInFlightMax)
    private var now = Timestamp.zero
    private var ticks: UInt64 = 0

    init(epoch: Epoch, shardCount: Int) {
        self.epoch = epoch
        shards = [Shard](repeating: Shard(), count: shardCount)
    }

    /// Begins what is due. `now` is the time that is replicated with what is proposed now; it may
    /// step back.
    mutating func tick(now: Timestamp, _ attempts: inout UInt64) -> [CoordinatorEffect] {
        self.now = now
        ticks += 1
        slots.tick()
        for position in shards.indices {
            let quiet = ticks - shards[position].answeredAtTick
            #if CASECLUSTER_FAULTS
            if DeliberateFault.forgetsDueTimes.isOn, shards[position].answeredAtTick > 0 {
                continue
            }
            #endif
            if quiet >= PlannerLimits.recheckTicks { shards[position].due = .unknown }
            shards[position].lag = Self.faded(shards[position].lag)
            if isDue(position) || mayBeDue(position) { slots.want(ShardID(UInt16(position))) }
        }
        return start(&attempts)
    }

    /// A shard says that something became due earlier than it said, or that it has a new leader.
    mutating func announced(
        _ shard: ShardID,
        dueAt: Timestamp,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        let position = Int(shard.rawValue)
        guard position < shards.count else { return [] }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.forgetsDueTimes.isOn { return [] }
        #endif
        if slots.isOut(shard) {
            shards[position].announced = min(shards[position].announced ?? dueAt, dueAt)
        }
        shards[position].due = shards[position].due.earlier(dueAt)
        guard isDue(position) else { return [] }
        slots.want(shard)
        return start(&attempts)
    }

    mutating func answered(
        _ attempt: UInt64,
        _ answer: ShardAnswer,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        guard let shard = slots.key(of: attempt) else { return [] }
        let position = Int(shard.rawValue)
        // A try that was nearer than what is known to be far enough says nothing against that.
        if case .ahead = answer, shards[position].toldLag >= shards[position].lag {
            shards[position].lag = Self.longer(shards[position].lag)
        }
        guard case .page(let count, let more, let next) = answer else {
            _ = slots.fail(attempt)
            return start(&attempts)
        }
        shards[position].answeredAtTick = ticks
        shards[position].lag = Self.shorter(
            min(shards[position].lag, shards[position].toldLag)
        )
        let asOf = shards[position].asOf
        // Nothing done, yet something due at that time: nobody may do anything about it just now.
        guard count > 0 || !(more || (next.map { $0 <= asOf } ?? false)) else {
            _ = slots.fail(attempt)
            return start(&attempts)
        }
        _ = slots.finish(attempt)
        var due = next.map { Due.at($0) } ?? .never
        if let announced = shards[position].announced { due = due.earlier(announced) }
        if more { due = .unknown }
        shards[position].due = due
        // Behind those that wait already: one shard's long page can't hold up another's first.
        if isDue(position) { slots.want(shard) }
        return start(&attempts)
    }

    private mutating func start(_ attempts: inout UInt64) -> [CoordinatorEffect] {
        slots.start(&attempts).map { shard, attempt in
            let position = Int(shard.rawValue)
            let lag = isDue(position) ? shards[position].lag : Self.nearer(shards[position].lag)
            let asOf = now + TimeSpan(milliseconds: -lag.milliseconds)
            shards[position].asOf = asOf
            shards[position].toldLag = lag
            shards[position].announced = nil
            return .tell(
                shard,
                .sweep(epoch: epoch, asOf: asOf, limit: PlannerLimits.pageCasesMax),
                Errand(epoch: epoch, planner: .sweep, attempt: attempt)
            )
        }
    }

    // MARK: Clocks

    /// The time that a shard is told: as late as it probably has reached.
    private func time(of position: Int) -> Timestamp {
        now + TimeSpan(milliseconds: -shards[position].lag.milliseconds)
    }

    private func isDue(_ position: Int) -> Bool {
        shards[position].due.holds(at: time(of: position))
    }

    /// Something is due by this clock, and would not be done yet by what is known of the shard's.
    private func mayBeDue(_ position: Int) -> Bool {
        shards[position].lag.milliseconds >= PlannerLimits.tickMillisecondsMax
            && !isDue(position) && shards[position].due.holds(at: now)
    }

    /// Half as far back.
    private static func nearer(_ lag: TimeSpan) -> TimeSpan {
        TimeSpan(milliseconds: lag.milliseconds / 2)
    }

    /// After a refusal: twice as far behind, so that a few tries find a time that the shard has reached.
    private static func longer(_ lag: TimeSpan) -> TimeSpan {
        let next = max(2 * lag.milliseconds, PlannerLimits.tickMillisecondsMax)
        return TimeSpan(milliseconds: min(next, PlannerLimits.lagMillisecondsMax))
    }

    /// With each tick: halved in about four seconds. A clock that lay behind for a moment, because it believed in
    /// a step later than this one, must not make late what falls due hours after.
    private static func faded(_ lag: TimeSpan) -> TimeSpan {
        TimeSpan(milliseconds: lag.milliseconds * 63 / 64)
    }

    /// After an answer: nearer again by an eighth, so that one refusal does not make timers late for ever.
    private static func shorter(_ lag: TimeSpan) -> TimeSpan {
        TimeSpan(milliseconds: lag.milliseconds * 7 / 8)
    }
}
