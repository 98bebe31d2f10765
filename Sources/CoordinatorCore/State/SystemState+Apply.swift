import CaseModel
import ClusterPrimitives

extension SystemState {
    /// Carries out one committed command: total, deterministic, and the same on every replica.
    ///
    /// - Parameters:
    ///   - stamped: the entry's payload, decoded.
    ///   - index: the entry's place in the system group's log.
    ///   - term: the entry's term; an epoch in the command can't be above it.
    /// - Returns: the answer, and the rows to write in the transaction that raises the applied
    ///   index.
    public mutating func apply(
        _ stamped: StampedSystemCommand,
        index: LogIndex,
        term: Term
    ) -> SystemOutcome {
        assert(mutations.isEmpty)
        let before = meta
        meta.now = max(meta.now, stamped.at)
        let result = answer(stamped, index: index, term: term)
        assert(meta.now >= before.now && meta.epoch >= before.epoch)
        assert(meta.directoryVersion >= before.directoryVersion)
        if meta != before { store(.meta(meta)) }
        let changes = mutations
        mutations = []
        return SystemOutcome(result: result, mutations: changes)
    }

    private mutating func answer(
        _ stamped: StampedSystemCommand,
        index: LogIndex,
        term: Term
    ) -> SystemResult {
        guard let scope = stamped.scope, cluster != nil else {
            return carryOut(stamped, index: index, term: term)
        }
        if let refusal = refusal(of: scope, by: stamped.by) { return .refused(refusal) }
        let digest = scope.digest
        if let known = results[digest], !isExpired(known) {
            return known.requestHash == scope.requestHash ? known.result : .refused(.keyReused)
        }
        dropExpiredResults()
        guard results.count < SystemLimits.resultsMax else {
            return .refused(
                .tooMany(field: "idempotency keys", limit: UInt32(SystemLimits.resultsMax))
            )
        }
        let result = carryOut(stamped, index: index, term: term)
        store(
            .result(
                RememberedResult(
                    digest: digest,
                    requestHash: scope.requestHash,
                    at: meta.now,
                    result: result
                )
            )
        )
        return result
    }

    /// What is wrong with a scope itself; such a command is not remembered.
    private func refusal(of scope: IdempotencyScope, by principal: PrincipalID?) -> SystemRefusal? {
        guard let principal, TextKey(principal.rawValue) == TextKey(scope.principal.rawValue) else {
            return .invalid(field: "principal", reason: "is not the one whose key it is")
        }
        guard scope.key.utf8.count <= SystemLimits.keyBytesMax else {
            return .tooLong(field: "idempotency key", limit: UInt32(SystemLimits.keyBytesMax))
        }
        guard scope.method.utf8.count <= SystemLimits.methodBytesMax else {
            return .tooLong(field: "method", limit: UInt32(SystemLimits.methodBytesMax))
        }
        return nil
    }

    private func isExpired(_ result: RememberedResult) -> Bool {
        result.at + settings.keyRetention <= meta.now
    }

    private mutating func dropExpiredResults() {
        for _ in 0..<SystemLimits.resultsDroppedPerCommandMax {
            guard let oldest = results.oldest, isExpired(oldest) else { return }
            erase(.result(oldest))
        }
    }

    private mutating func carryOut(
        _ stamped: StampedSystemCommand,
        index: LogIndex,
        term: Term
    ) -> SystemResult {
        let changesBefore = mutations.count
        do throws(SystemRefusal) {
            try checkFounded(for: stamped.command)
            if let refusal = refusal(of: stamped.command, by: stamped.by) { throw refusal }
            if let epoch = stamped.command.epoch { try check(epoch, term: term) }
            let subject = try perform(stamped.command, index: index)
            if let epoch = stamped.command.epoch { meta.epoch = epoch }
            return .accepted(
                SystemReceipt(
                    at: meta.now,
                    directoryVersion: meta.directoryVersion,
                    subject: subject
                )
            )
        } catch {
            precondition(mutations.count == changesBefore, "a refused command changed something")
            return .refused(error)
        }
    }

    private func checkFounded(for command: SystemCommand) throws(SystemRefusal) {
        if case .initialize = command { return }
        guard cluster != nil else { throw .notInitialized }
    }

    /// Does it, or throws before the first change.
    /// - Returns: the id of what was changed; empty where there is none.
    private mutating func perform(
        _ command: SystemCommand,
        index: LogIndex
    ) throws(SystemRefusal) -> String {
        switch command {
        case .initialize(let founding): try found(founding)
        case .addMember(let member): try add(member)
        case .updateMember(let member): try update(member)
        case .removeMember(let id): try removeMember(id)
        case .replaceMember(let lost, let member): try replace(lost, with: member)
        case .placeShards(let targets, _): try place(targets)
        case .reportShard(let shard, let voters, let learners, let configurationIndex):
            try report(shard, voters, learners, configurationIndex)
        case .setSettings(let pairs): try set(pairs)
        case .putTeam(let team): try put(team)
        case .removeTeam(let id): try remove(id)
        case .putQueue(let queue): try put(queue)
        case .removeQueue(let id): try remove(id)
        case .putPrincipal(let entry): try put(entry, index: index)
        case .removePrincipal(let id): try remove(id, index: index)
        case .setPresence(let id, let presence): try set(presence, of: id)
        case .issueToken(let token): try issue(token)
        case .revokeToken(let id): try revoke(id)
        case .beginEpoch: ""  // Every accepted epoch becomes the one that counts.
        case .beginIncarnation(let number): try begin(incarnation: number)
        case .planNight(let number, let boundary, let epoch):
            try plan(number, boundary: boundary, epoch: epoch)
        case .nightShardDone(let number, let shard, _): try nightDone(number, shard: shard)
        case .nightFinished(let number, _): try finish(number)
        case .noticeShardDone(let principal, let generation, let shard, _):
            try told(principal, generation: generation, shard: shard)
        case .raiseClusterVersion(let version): try raise(to: version)
        }
    }
}
