import ClusterPrimitives

/// All that an accepted command leaves: a store writes it in one transaction.
public struct CaseStep: Hashable, Sendable {
    /// The case afterwards, its audit head included.
    public var record: CaseRecord
    /// The new entries of its history. The first has the number `record.entryCount - events.count + 1`.
    public var events: [CaseEvent]
    /// The new link of its audit chain, taken over `events` and the command's salt.
    public var audit: AuditEntry
    /// What the client learns.
    public var receipt: CaseReceipt
}

extension CaseMachine {
    /// `decide`, applied: what a shard does for a command on a case.
    ///
    /// - Parameters:
    ///   - record: the case; nil where there is none of the command's target, and for a create.
    ///   - command: who wants what.
    ///   - at: the command's stamped time; never before the record's last change.
    ///   - facts: what the shard knows besides.
    ///   - newID: the id that a create gives its case.
    /// - Returns: everything to write; or the refusal.
    public static func step(
        _ record: CaseRecord?,
        _ command: CaseCommand,
        at: Timestamp,
        facts: ShardFacts = ShardFacts(),
        newID: CaseID? = nil
    ) -> Result<CaseStep, CaseRefusal> {
        assert(at >= record?.updatedAt ?? at, "a shard's time never falls")
        return decide(record, command, at: at, facts: facts, newID: newID).map { events in
            apply(events, of: command, to: record, at: at, newID: newID)
        }
    }

    private static func apply(
        _ events: [CaseEvent],
        of command: CaseCommand,
        to before: CaseRecord?,
        at: Timestamp,
        newID: CaseID?
    ) -> CaseStep {
        let action = command.action.name
        var after: CaseRecord
        if let before {
            after = before.applying(events, by: command.actor, action: action, at: at)
        } else if let new = beginning(events, id: newID, at: at) {
            after = new.applying(events, by: command.actor, action: action, at: at)
        } else {
            preconditionFailure("decide creates only from nothing, with an id")
        }
        let entry = AuditEntry(
            caseID: after.id,
            version: after.version,
            at: at,
            actor: command.actor.id,
            role: command.actor.role,
            origin: command.actor.origin,
            action: action,
            from: before?.status,
            to: after.status,
            contentHash: AuditEntry.contentHash(of: events, salt: command.salt),
            previous: after.auditHead
        )
        after.auditHead = entry.link
        return CaseStep(
            record: after,
            events: events,
            audit: entry,
            receipt: CaseReceipt(
                id: after.id,
                version: after.version,
                status: after.status,
                owner: after.owner,
                at: at
            )
        )
    }

    private static func beginning(
        _ events: [CaseEvent],
        id: CaseID?,
        at: Timestamp
    ) -> CaseRecord? {
        guard let id, case .created(let new)? = events.first else { return nil }
        return .beginning(new, id: id, at: at)
    }
}
