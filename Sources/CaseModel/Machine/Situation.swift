import ClusterPrimitives

/// One command on one case at one time: where guards are checked and events made.
struct Situation {
    let record: CaseRecord
    let command: CaseCommand
    let at: Timestamp
    let facts: ShardFacts

    var actor: Actor { command.actor }

    func holds(_ condition: Transition.Condition?) -> Bool {
        switch condition {
        case nil: true
        case .queueSaysCommentPends: command.queuesWhereCommentPends.contains(record.queue)
        }
    }

    func check(_ rule: Transition.Guard) throws(CaseRefusal) {
        switch rule {
        case .carries(let field):
            guard command.action.carries(field) else { throw .missing(field: field.rawValue) }
        case .carriesMessage:
            guard case .comment(let message) = command.action, message.interaction == nil else {
                return
            }
            guard !message.text.isBlank else { throw .missing(field: TextField.text.rawValue) }
        case .noNotes:
            guard !command.action.carries(.notes) else {
                throw .invalid(field: TextField.notes.rawValue, reason: "close notes are for staff")
            }
        case .agentForOffer, .agentForTransfer, .anyAgent:
            try checkAgent(rule)
        case .handedUpToActor:
            try checkHandedUp()
        case .due, .dueAtSweep, .closedBeforeBoundary:
            try checkTime(rule)
        case .ownDetailsOnly:
            guard case .update(let update) = command.action else { return }
            guard update.priority == nil else {
                throw .invalid(field: FieldName.priority, reason: "only staff set it")
            }
            guard update.fields.isEmpty else {
                throw .invalid(field: "fields", reason: "only staff set them")
            }
        case .linkFromFollowUp, .linkByStaff:
            try checkLink(byFollowUp: rule == .linkFromFollowUp)
        case .once:
            guard record.survey == nil else { throw .alreadyDone(action: command.action.name) }
        }
    }

    private func checkAgent(_ rule: Transition.Guard) throws(CaseRefusal) {
        guard let agent = command.action.agent else { return }
        func unsuitable(_ reason: String) -> CaseRefusal {
            .unsuitableAgent(id: agent.id, reason: reason)
        }
        guard agent.role == .agent || agent.role == .supervisor else {
            // An AI agent takes new cases itself; nothing is put into its hands.
            throw unsuitable("neither an agent nor a supervisor")
        }
        guard agent.id != record.owner else { throw unsuitable("owns it already") }
        guard rule != .anyAgent else { return }
        if rule == .agentForOffer {
            guard agent.isAvailable else { throw unsuitable("not available") }
            guard actor.role != .system || agent.id != record.declinedBy else {
                throw unsuitable("declined it last")
            }
            if let target = record.escalation?.target {
                return try checkOffer(to: agent, of: target)
            }
        }
        guard agent.role == .supervisor || agent.teams.contains(record.team) else {
            throw unsuitable("not in the case's team")
        }
    }

    /// An escalation is offered only to those to whom it was handed up.
    private func checkOffer(
        to agent: AgentFacts,
        of target: EscalationTarget
    ) throws(CaseRefusal) {
        if agent.role == .supervisor { return }
        switch target {
        case .supervisor: throw .needsSupervisor
        case .team(let team):
            guard agent.teams.contains(team) else {
                throw .unsuitableAgent(id: agent.id, reason: "not in the team it was handed up to")
            }
        case .queue:
            guard agent.teams.contains(record.team) else {
                throw .unsuitableAgent(id: agent.id, reason: "not in the case's team")
            }
        }
    }

    private func checkHandedUp() throws(CaseRefusal) {
        guard actor.role != .supervisor, let target = record.escalation?.target else { return }
        switch target {
        case .supervisor: throw .needsSupervisor
        case .team(let team):
            guard actor.teams.contains(team) else { throw .wrongTeam(team: team) }
        case .queue:
            guard actor.teams.contains(record.team) else { throw .wrongTeam(team: record.team) }
        }
    }

    private func checkTime(_ rule: Transition.Guard) throws(CaseRefusal) {
        switch (rule, command.action) {
        case (.dueAtSweep, .closeByTimer(let asOf)):
            try demand(record.dueAt, by: asOf)
            // A sweep's instant that the shard hasn't reached proves nothing.
            try demand(asOf, by: at)
        case (.closedBeforeBoundary, .archive(let boundary)):
            guard let closedAt = record.closedAt, closedAt < boundary else {
                throw .notDue(dueAt: record.closedAt ?? .distantFuture)
            }
            try demand(boundary, by: at)
        default:
            try demand(record.dueAt, by: at)
        }
    }

    private func demand(_ due: Timestamp?, by now: Timestamp) throws(CaseRefusal) {
        guard let due else { throw .notDue(dueAt: .distantFuture) }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.closesEarly.isOn, due <= now + .seconds(1) { return }
        #endif
        guard due <= now else { throw .notDue(dueAt: due) }
    }

    private func checkLink(byFollowUp: Bool) throws(CaseRefusal) {
        guard case .link(let link) = command.action else { return }
        guard link.other != record.id else {
            throw .invalid(field: "link", reason: "a case can't point at itself")
        }
        guard (link.kind == .followedUpBy) == byFollowUp else {
            throw .invalid(
                field: "link",
                reason: byFollowUp
                    ? "after the end only a follow-up links" : "a follow-up leaves this link itself"
            )
        }
        guard !record.links.contains(link) else { throw .alreadyDone(action: .link) }
        // Follow-ups have a count of their own, so that one always finds room beside what staff linked.
        let count = record.links.count { ($0.kind == .followedUpBy) == byFollowUp }
        guard count < CaseLimits.linksMax else {
            throw .tooLong(field: "links", limit: UInt32(CaseLimits.linksMax))
        }
    }
}

extension CaseCommand {
    /// Who owns the case afterwards, if the command changes that: whom it names, or else who sends it.
    public var candidate: PrincipalID { action.agent?.id ?? actor.id }
}

extension CaseAction {
    /// The agent that it gives the case to.
    var agent: AgentFacts? {
        switch self {
        case .assign(let agent, _), .transferToAgent(let agent, _), .reassign(let agent, _): agent
        default: nil
        }
    }
}
