import CaseModel
import ClusterPrimitives

/// Commands on cases, exactly once by their keys, and contacts' claims.
extension ShardWriter {
    /// Carries a command out, or answers as it was answered the first time. Refusals are remembered too.
    func once(
        _ command: CaseCommand,
        _ scope: IdempotencyScope,
        _ index: LogIndex,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> AppliedResult.Outcome {
        // A contact may come again after weeks, so its keys don't expire, also where it speaks for a requester.
        let isContact = command.actor.role == .intake || scope.isContact
        let table = isContact ? contactKeys : keys
        let digest = scope.digest
        switch try table.lookUp(digest, requestHash: scope.requestHash) {
        case .remembered(let result): return .answered(result, remembered: true)
        case .otherContent: return .answered(.refused(.keyReused), remembered: false)
        case .unknown: break
        }
        let time = memory.state.shardTime
        let result: ShardResult
        switch try carryOut(command, &changes) {
        case .success(let receipt): result = .accepted(receipt)
        case .failure(let refusal):
            result = .refused(refusal)
        }
        try table.remember(
            result,
            digest: digest,
            requestHash: scope.requestHash,
            at: time,
            index: index
        )
        if !isContact, memory.oldestKey == nil { memory.oldestKey = time }
        return .answered(result, remembered: false)
    }

    /// Decides, and writes what came of it: the case, its history, the audit entry, the feed.
    func carryOut(
        _ command: CaseCommand,
        _ changes: inout [FeedItem]
    ) throws(StoreError) -> Result<CaseReceipt, CaseRefusal> {
        let stored = try command.target.flatMap { id throws(StoreError) in try load(id) }
        let time = memory.state.shardTime
        let newID = CaseID.next(after: memory.state.lastCaseID, at: time, in: shard)
        let isOwnerGone = stored?.record.owner.map { memory.gone.contains($0) } ?? false
        let step = CaseMachine.step(
            stored?.record,
            command,
            at: time,
            facts: ShardFacts(
                ownerIsGone: isOwnerGone,
                candidateIsGone: memory.gone.contains(command.candidate)
            ),
            newID: newID
        )
        switch step {
        case .failure(let refusal): return .failure(refusal)
        case .success(let step):
            if stored == nil {
                assert(step.record.id == newID, "a new case has the shard's next id")
                memory.state.lastCaseID = newID
            }
            let isErasure = step.events.contains { if case .erased = $0 { true } else { false } }
            if isErasure, let stored {
                try securely { () throws(StoreError) in
                    try history.erase(stored)
                    try write(step, command, over: stored, &changes)
                    // Now, so that the row that it replaces is overwritten.
                    try writeCases()
                }
            } else {
                try write(step, command, over: stored, &changes)
            }
            return .success(step.receipt)
        }
    }

    // Of records and steps single parts are named, and no local copies made: one counts some twenty references.
    private func write(
        _ step: CaseStep,
        _ command: CaseCommand,
        over stored: StoredCase?,
        _ changes: inout [FeedItem]
    ) throws(StoreError) {
        let before = stored?.record.version ?? 0
        assert(step.record.version == before + 1, "one version a command")
        let publicCount = try append(step, command, after: stored?.record.entryCount ?? 0)
        let auditKey = memory.state.nextRowSequence()
        try audit.append(
            step.audit,
            salt: command.salt,
            key: auditKey,
            previous: stored?.auditKey ?? 0
        )
        memory.state.recount(from: stored?.record.status, to: step.record.status)
        let changed = StoredCase(
            record: step.record,
            isArchived: stored?.isArchived ?? false,
            auditKey: auditKey
        )
        try save(changed, over: stored)
        changes.append(
            try publish(changed, step, command, old: stored, publicCount: publicCount)
        )
    }

    func load(_ id: CaseID) throws(StoreError) -> StoredCase? {
        if let known = cache.find(id) ?? unwritten.find(id) { return known }
        return try cases.load(id)
    }

    private func save(_ stored: StoredCase, over old: StoredCase?) throws(StoreError) {
        guard let old else {
            try cases.insert(stored)
            return cache.insert(stored)
        }
        if stored.record.status == .archived, !stored.isArchived {
            return try archive(stored)
        }
        cache.insert(stored)
        guard !stored.isArchived else { return try cases.update(stored, over: old) }
        unwritten.keep(stored, over: old)
        if unwritten.isFull { try writeCases() }
    }

    private func archive(_ stored: StoredCase) throws(StoreError) {
        let packed = try history.pack(stored.record.id, auditKey: stored.auditKey)
        unwritten.drop(stored.record.id)
        let archived = StoredCase(
            record: stored.record,
            isArchived: true,
            auditKey: packed.audit == nil ? stored.auditKey : 0
        )
        try cases.archive(archived, packed)
        cache.insert(archived)
    }

    /// Appends the events as entries, numbered on from `count`; returns how many a requester may read.
    private func append(
        _ step: CaseStep,
        _ command: CaseCommand,
        after count: UInt64
    ) throws(StoreError) -> UInt32 {
        var number = count
        var publicCount: UInt32 = 0
        for event in step.events {
            number += 1
            let key = memory.state.nextRowSequence()
            let (light, raw) = event.separatingRaw()
            let entry = HistoryEntry(
                number: number,
                version: step.record.version,
                at: memory.state.shardTime,
                by: command.actor.id,
                role: command.actor.role,
                event: light,
                rawKey: raw == nil ? nil : key
            )
            let isStaffOnly = event.isStaffOnly
            if !isStaffOnly { publicCount += 1 }
            try history.append(
                entry,
                raw: raw,
                to: step.record.id,
                key: key,
                staffOnly: isStaffOnly
            )
        }
        assert(number == step.record.entryCount, "the record counts its entries")
        return publicCount
    }

    private func publish(
        _ stored: StoredCase,
        _ step: CaseStep,
        _ command: CaseCommand,
        old: StoredCase?,
        publicCount: UInt32
    ) throws(StoreError) -> FeedItem {
        memory.state.feedPosition += 1
        let after = CaseOutline(stored)
        assert(
            old.map { after.fits($0) == (after == CaseOutline($0)) } ?? true,
            "every part of an outline is compared"
        )
        let before = old.flatMap { after.fits($0) ? nil : CaseOutline($0) }
        let item = FeedItem(
            position: memory.state.feedPosition,
            at: memory.state.shardTime,
            caseID: stored.record.id,
            version: stored.record.version,
            action: step.audit.action,
            by: command.actor.id,
            role: command.actor.role,
            firstEntry: (old?.record.entryCount ?? 0) + 1,
            entryCount: UInt32(clamping: step.events.count),
            publicEntryCount: publicCount,
            before: before,
            after: after,
            dueAt: stored.record.dueAt == old?.record.dueAt ? nil : stored.record.dueAt
        )
        try feed.append(item)
        if memory.oldestFeedItem == nil { memory.oldestFeedItem = item.at }
        return item
    }

    /// Claims a contact's key. The same contact again learns where it went, as far as that is known.
    func claim(
        _ key: String,
        _ channel: PrincipalID,
        _ contentHash: SHA256Digest,
        _ index: LogIndex
    ) throws(StoreError) -> ShardResult {
        guard !key.isEmpty else { return .refused(.missing(field: "key")) }
        guard key.utf8.count <= StoreLimits.claimKeyBytesMax else {
            let limit = UInt32(StoreLimits.claimKeyBytesMax)
            return .refused(.tooLong(field: "key", limit: limit))
        }
        let digest = Claim.digest(key: key, channel: channel)
        if let (_, claim) = try claims.find(digest) {
            guard claim.contentHash == contentHash else { return .refused(.keyReused) }
            return .claimed(caseID: claim.caseID)
        }
        try claims.insert(
            digest,
            contentHash: contentHash,
            at: memory.state.shardTime,
            index: index
        )
        return .claimed(caseID: nil)
    }

    /// Says where a contact went. The first word stands; later ones learn it.
    func recordClaim(
        _ key: String,
        _ channel: PrincipalID,
        _ caseID: CaseID
    ) throws(StoreError) -> ShardResult {
        guard let (seq, claim) = try claims.find(Claim.digest(key: key, channel: channel)) else {
            return .refused(.notFound)
        }
        if let first = claim.caseID { return .claimed(caseID: first) }
        try claims.record(caseID, seq: seq)
        return .claimed(caseID: caseID)
    }
}
