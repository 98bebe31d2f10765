import CaseModel
import ClusterPrimitives

/// The coordinator's commands: pages of work on cases, fenced by its epoch, each case decided anew.
///
/// Why decided anew: the coordinator acts on what it heard some time ago. A case that was answered in the
/// meantime is not due any more, and the index says so; `decide` has the last word.
extension ShardWriter {
    func coordinate(
        _ command: ShardCommand,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> ShardResult {
        switch command {
        case .sweep(let epoch, let asOf, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            return try sweep(asOf: asOf, limit: limit, &changes)
        case .beginNight(let epoch, let night, let boundary):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            return try beginNight(night, boundary: boundary)
        case .archivePage(let epoch, let night, let boundary, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            return try archivePage(night, boundary: boundary, limit: limit, &changes)
        case .ownerGone(let epoch, let principal, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            return try ownerGone(principal, limit: limit, &changes)
        case .ownerBack(let epoch, let principal):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            if memory.gone.remove(principal) != nil { try gone.delete(principal) }
            return try answer(count: 0, more: false)
        case .onCase, .claim, .recordClaim:
            assertionFailure("a client's command")
            return .refused(.notFound)
        }
    }

    /// Remembers the highest epoch; false for an older one.
    private func admit(_ epoch: Epoch) -> Bool {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.forgetsEpoch.isOn { return true }
        #endif
        guard epoch >= memory.state.epoch else { return false }
        memory.state.epoch = epoch
        return true
    }

    /// Closes what is due, and resumes what was parked until now.
    private func sweep(
        asOf: Timestamp,
        limit: UInt32,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> ShardResult {
        guard let limit = pageLimit(limit) else { return Self.badLimit }
        // A clock that is ahead of the shard's may not make anything due.
        guard asOf <= memory.state.shardTime else { return .refused(.notDue(dueAt: asOf)) }
        var count: UInt32 = 0
        #if CASECLUSTER_FAULTS
        let isEarly = DeliberateFault.closesEarly.isOn
        let horizon = isEarly ? asOf + .seconds(1) : asOf
        #else
        let horizon = asOf
        #endif
        for id in try cases.due(asOf: horizon, limit: limit) {
            guard let stored = try load(id) else { continue }
            let action: CaseAction =
                stored.record.status == .parked ? .resume : .closeByTimer(asOf: asOf)
            if try carryOutBySystem(action, on: id, &changes) { count += 1 }
        }
        let next = try cases.firstDue()
        // Progress is asked for, so that a row that nothing may be done about can't keep the sweep going.
        let more = count > 0 && next.map { $0 <= asOf } ?? false
        return .swept(count: count, more: more, nextDueAt: next)
    }

    /// Raises the shard's time to the boundary: what closes from now on belongs to the next night.
    private func beginNight(_ night: UInt64, boundary: Timestamp) throws(StoreError) -> ShardResult
    {
        guard night > 0 else { return .refused(.missing(field: "night")) }
        if night > memory.state.night {
            guard boundary <= memory.state.shardTime + StoreLimits.nightAheadMax else {
                return .refused(.invalid(field: "boundary", reason: "more than a day ahead"))
            }
            memory.state.night = night
            memory.state.nightBoundary = boundary
            memory.state.shardTime = max(memory.state.shardTime, boundary)
        }
        // Begun before: the same answer, and the first boundary stands.
        let more = try !cases.closed(before: memory.state.nightBoundary, limit: 1).isEmpty
        return try answer(count: 0, more: night == memory.state.night && more)
    }

    /// Archives a page of what was closed before the night began.
    private func archivePage(
        _ night: UInt64,
        boundary: Timestamp,
        limit: UInt32,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> ShardResult {
        guard let limit = pageLimit(limit) else { return Self.badLimit }
        guard night == memory.state.night, boundary == memory.state.nightBoundary else {
            // An earlier night is covered by the one that runs; a later one has not begun here.
            return night < memory.state.night
                ? try answer(count: 0, more: false)
                : .refused(.invalid(field: "night", reason: "it has not begun with this boundary"))
        }
        var count: UInt32 = 0
        for id in try cases.closed(before: boundary, limit: limit)
        where try carryOutBySystem(.archive(boundary: boundary), on: id, &changes) {
            count += 1
        }
        let more = try !cases.closed(before: boundary, limit: 1).isEmpty
        return try answer(count: count, more: count > 0 && more)
    }

    /// Releases a page of what somebody owned who is gone, and remembers that they are.
    private func ownerGone(
        _ principal: PrincipalID,
        limit: UInt32,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> ShardResult {
        guard let limit = pageLimit(limit) else { return Self.badLimit }
        if memory.gone.insert(principal).inserted { try gone.insert(principal) }
        var count: UInt32 = 0
        for id in try cases.owned(by: principal, limit: limit)
        where try carryOutBySystem(.release(note: Self.releaseNote), on: id, &changes) {
            count += 1
        }
        let more = try !cases.owned(by: principal, limit: 1).isEmpty
        return try answer(count: count, more: count > 0 && more)
    }

    private static let releaseNote = "The owner was removed from the directory."

    private func carryOutBySystem(
        _ action: CaseAction,
        on id: CaseID,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> Bool {
        let actor = Actor(id: PrincipalID(StoreLimits.systemName), role: .system)
        let command = CaseCommand(actor: actor, target: id, action: action, salt: salt(for: id))
        guard case .success = try carryOut(command, &changes) else { return false }
        // The page's end asks the tables again; at most a page's rows, each written once all the same.
        try writeCases()
        return true
    }

    /// The coordinator's texts say nothing of anybody, so their salt need not be secret, only the same on
    /// every replica.
    private func salt(for id: CaseID) -> [UInt8] {
        var writer = ByteWriter(reserving: 32)
        writer.write(memory.state.appliedIndex.rawValue)
        writer.write(id.rawValue)
        return Array(SHA256Digest(hashing: writer.bytes).bytes.prefix(CaseLimits.saltBytes))
    }

    private func answer(count: UInt32, more: Bool) throws(StoreError) -> ShardResult {
        .swept(count: count, more: more, nextDueAt: try cases.firstDue())
    }

    private func pageLimit(_ limit: UInt32) -> Int? {
        (1...UInt32(StoreLimits.sweepPageMax)).contains(limit) ? Int(limit) : nil
    }

    private static let badLimit = ShardResult.refused(
        .invalid(field: "limit", reason: "1 to \(StoreLimits.sweepPageMax)")
    )
}
