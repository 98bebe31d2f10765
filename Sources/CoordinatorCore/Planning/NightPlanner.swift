import CaseModel
import ClusterPrimitives

/// Plans each night when it has come, has every shard archive, and records who is done.
///
/// The truth is the system group's record: a planner that starts anew, in another epoch, takes up
/// the night that runs where the record says. A shard that archived and could not be recorded does
/// it again and finds nothing left.
struct NightPlanner: Sendable {
    /// What the planner needs of the system group's state.
    struct View: Sendable {
        var schedule: NightSchedule
        var zone: ZoneRules
        /// The last boundary, or the founding.
        var behind: Timestamp
        var nextNumber: UInt64
        var running: NightRecord?
        var shardCount: Int
    }

    /// What may have to be written into the record.
    private enum Record: Hashable, Comparable, Sendable {
        case plan
        case done(ShardID)
        case finish
    }

    private let epoch: Epoch
    private var night: (number: UInt64, boundary: Timestamp)?
    /// Of the running night: who began it, and who has nothing left to archive.
    private var begun: Table<ShardID, Bool> = Table()
    private var archived: Table<ShardID, Bool> = Table()
    private var shards = WorkSlots<ShardID>(limit: PlannerLimits.nightShardsInFlightMax)
    private var records = WorkSlots<Record>(limit: PlannerLimits.proposalsInFlightMax)

    init(epoch: Epoch) { self.epoch = epoch }

    /// Does what `view`, the state as applied here now, leaves to do. `now` is the time that is
    /// replicated with what is proposed now; it may step back.
    mutating func tick(
        now: Timestamp,
        _ view: View,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        shards.tick()
        records.tick()
        adopt(view.running)
        var boundary: Timestamp?
        if let running = view.running {
            let missing = running.shardsDone.missing(of: view.shardCount)
            for shard in missing {
                if archived[shard] == nil { shards.want(shard) } else { records.want(.done(shard)) }
            }
            if missing.isEmpty { records.want(.finish) }
            records.retain { record in
                switch record {
                case .plan: false
                case .done(let shard): !running.shardsDone.contains(shard)
                case .finish: missing.isEmpty
                }
            }
        } else {
            boundary = view.schedule.last(after: view.behind, through: now, in: view.zone)
            if boundary != nil { records.want(.plan) }
            records.retain { $0 == .plan && boundary != nil }
        }
        let proposals = records.start(&attempts).compactMap { record, attempt in
            command(record, number: view.nextNumber, boundary: boundary).map {
                CoordinatorEffect.propose(
                    $0,
                    Errand(epoch: epoch, planner: .nightRecord, attempt: attempt)
                )
            }
        }
        return proposals + startShards(&attempts)
    }

    mutating func answered(
        _ attempt: UInt64,
        _ answer: ShardAnswer,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        guard let shard = shards.key(of: attempt) else { return [] }
        guard case .page(let count, let more, _) = answer else {
            // Begin again: harmless where it had begun, needed where the shard does not know.
            begun[shard] = nil
            _ = shards.fail(attempt)
            return startShards(&attempts)
        }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.skipsArchiving.isOn {
            archived[shard] = true
            _ = shards.finish(attempt)
            return startShards(&attempts)
        }
        #endif
        if begun[shard] == nil {
            begun[shard] = true
        } else if !more {
            archived[shard] = true
            _ = shards.finish(attempt)
            return startShards(&attempts)
        } else if count == 0 {
            _ = shards.fail(attempt)
            return startShards(&attempts)
        }
        _ = shards.renew(attempt)
        return tell(shard, attempt).map { [$0] } ?? []
    }

    mutating func recorded(_ attempt: UInt64, _ answer: ProposalAnswer) {
        _ = answer == .applied ? records.finish(attempt) : records.fail(attempt)
    }

    /// Forgets what it knew of another night.
    private mutating func adopt(_ running: NightRecord?) {
        guard night?.number != running?.number else { return }
        night = running.map { ($0.number, $0.boundary) }
        begun = Table()
        archived = Table()
        shards.clear()
        records.clear()
    }

    private func command(
        _ record: Record,
        number: UInt64,
        boundary: Timestamp?
    ) -> SystemCommand? {
        switch record {
        case .plan:
            boundary.map { .planNight(number: number, boundary: $0, epoch: epoch) }
        case .done(let shard):
            night.map { .nightShardDone(number: $0.number, shard: shard, epoch: epoch) }
        case .finish:
            night.map { .nightFinished(number: $0.number, epoch: epoch) }
        }
    }

    private mutating func startShards(_ attempts: inout UInt64) -> [CoordinatorEffect] {
        shards.start(&attempts).compactMap { tell($0.key, $0.attempt) }
    }

    private func tell(_ shard: ShardID, _ attempt: UInt64) -> CoordinatorEffect? {
        guard let night else { return nil }
        let command =
            begun[shard] == nil
            ? ShardCommand.beginNight(
                epoch: epoch,
                night: night.number,
                boundary: night.boundary
            )
            : ShardCommand.archivePage(
                epoch: epoch,
                night: night.number,
                boundary: night.boundary,
                limit: PlannerLimits.pageCasesMax
            )
        return .tell(
            shard,
            command,
            Errand(epoch: epoch, planner: .night, attempt: attempt)
        )
    }
}
