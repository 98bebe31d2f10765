import CaseModel
import ClusterPrimitives

extension SystemState {
    /// The number that the next night has.
    public var nextNightNumber: UInt64 { (lastNight?.number ?? 0) + 1 }

    /// What the next night's boundary must be above: the last one's, or the founding.
    public var nightsBehind: Timestamp { lastNight?.boundary ?? cluster?.createdAt ?? .zero }

    mutating func plan(
        _ number: UInt64,
        boundary: Timestamp,
        epoch: Epoch
    ) throws(SystemRefusal) -> String {
        if let last = lastNight, last.number == number, last.boundary == boundary {
            return "\(number)"  // Its own acknowledgement was lost.
        }
        if let running = runningNight { throw .nightRunning(number: running.number) }
        guard number == nextNightNumber else { throw .wrongNight(expected: nextNightNumber) }
        guard boundary > nightsBehind else {
            throw .invalid(field: "boundary", reason: "is not after the last one")
        }
        guard boundary <= meta.now else { throw .notDue(boundary: boundary) }
        store(
            .night(
                NightRecord(
                    number: number,
                    boundary: boundary,
                    plannedAt: meta.now,
                    epoch: epoch,
                    shardsDone: ShardSet()
                )
            )
        )
        if nights.count > SystemLimits.nightsKept { erase(.night(nights[0])) }
        assert(runningNight?.number == number)
        return "\(number)"
    }

    /// A night that may still be written to; nil for an earlier one, whose messages are repeats.
    private func open(_ number: UInt64) throws(SystemRefusal) -> NightRecord? {
        guard number > 0, number < nextNightNumber else {
            throw .wrongNight(expected: lastNight?.number ?? 0)
        }
        return runningNight.flatMap { $0.number == number ? $0 : nil }
    }

    mutating func nightDone(_ number: UInt64, shard: ShardID) throws(SystemRefusal) -> String {
        guard placement(of: shard) != nil else {
            throw .notFound(field: "shard", id: "\(shard)")
        }
        let night = try open(number)
        if var night, !night.shardsDone.contains(shard) {
            night.shardsDone.insert(shard)
            store(.night(night))
        }
        return "\(number)"
    }

    mutating func finish(_ number: UInt64) throws(SystemRefusal) -> String {
        let night = try open(number)
        if let night, night.shardsDone.count < shardCount {
            throw .nightIncomplete(shardsMissing: UInt32(shardCount - night.shardsDone.count))
        }
        if var night {
            night.finishedAt = meta.now
            store(.night(night))
        }
        return "\(number)"
    }
}
