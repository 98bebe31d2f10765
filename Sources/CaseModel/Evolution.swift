import ClusterPrimitives

extension CaseRecord {
    /// The case before its creation is applied, at version 0.
    public static func beginning(_ new: NewCase, id: CaseID, at: Timestamp) -> CaseRecord {
        CaseRecord(
            id: id,
            requester: new.requester,
            queue: new.queue.id,
            team: new.queue.team,
            at: at
        )
    }

    /// The case after one accepted command's events. Pure, and total: it trusts `decide` and checks nothing
    /// but its own invariants. The audit's head is set by `CaseMachine.step`, which has the salt.
    public func applying(
        _ events: [CaseEvent],
        by actor: Actor,
        action: ActionName,
        at: Timestamp
    ) -> CaseRecord {
        assert(!events.isEmpty, "an accepted command changes something")
        var next = self
        for event in events { next.apply(event, by: actor, action: action, at: at) }
        next.version += 1
        next.updatedAt = at
        next.entryCount += UInt64(events.count)
        next.assertInvariants()
        return next
    }

    private mutating func apply(
        _ event: CaseEvent,
        by actor: Actor,
        action: ActionName,
        at: Timestamp
    ) {
        switch event {
        case .created(let new):
            begin(new)
        case .statusChanged(let from, let to, _, _):
            enter(to, from: from, declining: action == .decline, at: at)
        case .ownerChanged(_, let to, let role):
            owner = to
            ownerRole = role
            ownershipVersion += 1
            if to != nil { declinedBy = nil }
        case .queueChanged(_, let to):
            queue = to.id
            team = to.team
            queuedAt = at
        case .commentAdded(_, let byThirdParty):
            if !byThirdParty, actor.role.isStaff, firstResponseAt == nil { firstResponseAt = at }
        case .escalated(let handed):
            escalation = handed
        case .parked(let reason, let until):
            parkedReason = reason
            dueAt = until
        case .waiting(let reason):
            pendingReason = reason
        case .assignedFrom(let status):
            assignedFrom = status
        case .declined(let agent):
            declinedBy = agent
        case .resolved(let instant, let closeAt):
            resolvedAt = instant
            dueAt = closeAt
        case .reopened:
            reopenCount += 1
        case .fieldChanged(let name, _, let value):
            set(name, to: value)
        case .tagChanged(let tag, let added):
            tags =
                added ? (tags + [tag]).sortedByBytes() : tags.filter { !$0.hasSameBytes(as: tag) }
        case .linked(let link):
            links.append(link)
        case .surveySubmitted(let word):
            survey = word
        case .erased:
            erase()
        case .noteAdded, .interactionAttached:
            break
        }
    }

    private mutating func begin(_ new: NewCase) {
        title = new.title
        requester = new.requester
        channel = new.channel
        channelInfo = new.channelInfo
        queue = new.queue.id
        team = new.queue.team
        priority = new.priority
        tags = new.tags
        fields = new.fields
        links = new.links
    }

    /// Leaves what belonged to the old status behind; what belongs to the new one comes by events of its own,
    /// which follow this one.
    private mutating func enter(
        _ to: CaseStatus,
        from: CaseStatus,
        declining: Bool,
        at: Timestamp
    ) {
        status = to
        parkedReason = nil
        pendingReason = nil
        dueAt = nil
        if to != .assigned { assignedFrom = nil }
        // An escalation lives on with an offer that may still be declined, and dies when somebody starts.
        if to != .escalated && to != .assigned { escalation = nil }
        // Its place in the queue: a decline gives it back, and waiting on in another status keeps it.
        if !to.hasOwner && to.isLive && from.hasOwner && !declining { queuedAt = at }
        // Past the end the instant of the resolve stays, for the figures.
        if to.isLive { resolvedAt = nil }
        if to == .closed { closedAt = at }
        if to == .archived { archivedAt = at }
    }

    private mutating func set(_ name: String, to value: String) {
        switch name {
        case FieldName.title: title = value
        case FieldName.requesterName: requester.name = value
        case FieldName.requesterAddress: requester.address = value
        case FieldName.requesterPhone: requester.phone = value
        case FieldName.priority: priority = Priority(label: value) ?? priority
        default:
            let custom = String(name.dropFirst(FieldName.customPrefix.count))
            fields.removeAll { $0.name.hasSameBytes(as: custom) }
            if !value.isEmpty { fields.append(NamedValue(custom, value)) }
            fields.sort { $0.name.precedesByBytes($1.name) }
        }
    }

    /// What could tell of the person or the matter. Queue, team, times and counts stay for the figures.
    private mutating func erase() {
        title = ""
        requester = Requester(principal: PrincipalID(""))
        channelInfo = []
        tags = []
        fields = []
        links = []
        escalation = nil
        declinedBy = nil
        parkedReason = nil
        pendingReason = nil
        survey = nil
    }

    private func assertInvariants() {
        assert(status.hasOwner ? owner != nil : true, "\(status) has an owner")
        assert(status == .new || status == .escalated ? owner == nil : true, "\(status) has none")
        assert((owner == nil) == (ownerRole == nil), "an owner has a role")
        assert((status == .assigned) == (assignedFrom != nil), "an offer knows where it came from")
        assert(status == .escalated ? escalation != nil : true, "by whom, why and to whom")
        assert((status == .pending) == (pendingReason != nil), "pending says for what")
        assert((status == .parked) == (parkedReason != nil), "parked says why")
        assert(status == .resolved ? dueAt != nil : true, "a resolve has its close")
        assert(dueAt == nil || status == .resolved || status == .parked, "nothing else is due")
    }
}

extension Role {
    /// Acts for the contact centre towards the requester.
    public var isStaff: Bool {
        switch self {
        case .agent, .supervisor, .aiAgent: true
        case .requester, .reviewer, .admin, .system, .intake: false
        }
    }
}
