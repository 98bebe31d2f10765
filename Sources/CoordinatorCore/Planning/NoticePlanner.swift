import CaseModel
import ClusterPrimitives

/// Tells every shard of owners who left the directory or came back, and records who knows.
///
/// One thing at a time is told of one principal to one shard: a return goes out only when the
/// answer, or the time-out, of the leaving is in.
struct NoticePlanner: Sendable {
    private struct Key: Hashable, Comparable, Sendable {
        var generation: UInt64
        var shard: ShardID
        var principal: TextKey

        init(_ notice: OwnerNotice, _ shard: ShardID) {
            generation = notice.generation
            self.shard = shard
            principal = TextKey(notice.principal.rawValue)
        }

        static func < (left: Key, right: Key) -> Bool {
            (left.generation, left.shard, left.principal)
                < (right.generation, right.shard, right.principal)
        }
    }

    /// Notices worked on at a time, the oldest first: their pages share the slots anyway.
    private static let noticesAtOnce = 4

    private let epoch: Epoch
    /// By generation: those worked on.
    private var notices = Table<UInt64, OwnerNotice>()
    /// Told, and perhaps not recorded.
    private var told = Table<Key, Bool>()
    private var shards = WorkSlots<Key>(limit: PlannerLimits.noticesInFlightMax)
    private var records = WorkSlots<Key>(limit: PlannerLimits.proposalsInFlightMax)

    init(epoch: Epoch) { self.epoch = epoch }

    /// Does what `pending`, all that some shard does not know as applied here now, leaves to do.
    mutating func tick(
        _ pending: [OwnerNotice],
        shardCount: Int,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        shards.tick()
        records.tick()
        let chosen = pending.sorted { $0.generation < $1.generation }.prefix(Self.noticesAtOnce)
        var current = Table<UInt64, OwnerNotice>()
        for notice in chosen where !isBusyWithEarlier(notice) {
            current[notice.generation] = notice
        }
        for key in told.sortedKeys where current[key.generation] == nil { told[key] = nil }
        notices = current
        for notice in current.sorted {
            for shard in notice.shardsDone.missing(of: shardCount) {
                let key = Key(notice, shard)
                if told[key] == nil { shards.want(key) } else { records.want(key) }
            }
        }
        let isOpen = { (key: Key) in
            current[key.generation].map { !$0.shardsDone.contains(key.shard) } ?? false
        }
        shards.retain(isOpen)
        records.retain(isOpen)
        return startRecords(&attempts) + startShards(&attempts)
    }

    mutating func answered(
        _ attempt: UInt64,
        _ answer: ShardAnswer,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        guard let key = shards.key(of: attempt) else { return [] }
        guard case .page(let count, let more, _) = answer, count > 0 || !more else {
            _ = shards.fail(attempt)
            return startShards(&attempts)
        }
        if more, let effect = tell(key, attempt) {
            _ = shards.renew(attempt)
            return [effect]
        }
        _ = shards.finish(attempt)
        if notices[key.generation] != nil {
            told[key] = true
            records.want(key)
        }
        return startRecords(&attempts) + startShards(&attempts)
    }

    mutating func recorded(_ attempt: UInt64, _ answer: ProposalAnswer) {
        _ = answer == .applied ? records.finish(attempt) : records.fail(attempt)
    }

    /// Something else is out about the same principal.
    private func isBusyWithEarlier(_ notice: OwnerNotice) -> Bool {
        let principal = TextKey(notice.principal.rawValue)
        return shards.anyOut { $0.principal == principal && $0.generation != notice.generation }
    }

    private mutating func startRecords(_ attempts: inout UInt64) -> [CoordinatorEffect] {
        records.start(&attempts).compactMap { key, attempt in
            notices[key.generation].map { notice in
                .propose(
                    .noticeShardDone(
                        principal: notice.principal,
                        generation: notice.generation,
                        shard: key.shard,
                        epoch: epoch
                    ),
                    Errand(epoch: epoch, planner: .noticeRecord, attempt: attempt)
                )
            }
        }
    }

    private mutating func startShards(_ attempts: inout UInt64) -> [CoordinatorEffect] {
        shards.start(&attempts).compactMap { tell($0.key, $0.attempt) }
    }

    private func tell(_ key: Key, _ attempt: UInt64) -> CoordinatorEffect? {
        guard let notice = notices[key.generation] else { return nil }
        let command: ShardCommand =
            switch notice.kind {
            case .gone:
                .ownerGone(
                    epoch: epoch,
                    principal: notice.principal,
                    limit: PlannerLimits.pageCasesMax
                )
            case .back: .ownerBack(epoch: epoch, principal: notice.principal)
            }
        return .tell(
            key.shard,
            command,
            Errand(epoch: epoch, planner: .notice, attempt: attempt)
        )
    }
}
