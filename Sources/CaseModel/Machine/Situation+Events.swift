import ClusterPrimitives

// What a row does, as events. The order is fixed: what was said, who has it, where it waits, the move, and
// then what belongs to the new status (`CaseRecord.applying` clears the old one's at the move).

extension Situation {
    func events(of row: Transition) throws(CaseRefusal) -> [CaseEvent] {
        let said = try words(row.effects)
        guard row.to != .same else { return said }
        let status = destination(row.to)
        var events = said
        if command.action.name == .decline, let owner = record.owner {
            events.append(.declined(by: owner))
        }
        events += ownerChange(row.effects, entering: status)
        if let queue = try newQueue(entering: status) {
            events.append(.queueChanged(from: record.queue, to: queue))
        }
        events.append(
            .statusChanged(
                from: record.status,
                to: status,
                action: command.action.name,
                reason: reasonOfMove
            )
        )
        events += belongings(of: status, row.effects)
        return events
    }

    /// Where the row leads here.
    private func destination(_ destination: Transition.Destination) -> CaseStatus {
        switch destination {
        case .same: record.status
        case .status(let status): status
        case .origin: record.assignedFrom ?? .new
        case .work: facts.ownerIsGone || record.owner == nil ? .new : .open
        }
    }

    /// Holds, hand-overs and erasures keep their reason with themselves.
    private var reasonOfMove: String {
        switch command.action {
        case .park, .waitForExternal, .escalate, .escalateByRule, .delete: ""
        default: command.action.reason
        }
    }

    /// What was said, to whom.
    private func words(_ effects: Transition.Effects) throws(CaseRefusal) -> [CaseEvent] {
        let inside = effects.contains(.staysInside)
        func note(_ text: String) -> CaseEvent { .noteAdded(text: text, interaction: nil) }
        func comment(_ text: String) -> CaseEvent {
            .commentAdded(CaseMessage(text: text), byThirdParty: false)
        }
        switch command.action {
        case .comment(let message), .automaticReply(let message):
            let thirdParty = effects.contains(.thirdParty)
            return inside
                ? [.noteAdded(text: message.text, interaction: message.interaction)]
                : [.commentAdded(message, byThirdParty: thirdParty)]
        case .proposeSolution(let text, let message):
            return [note(text), inside ? note(message) : comment(message)]
        case .requestInfo(let question):
            return [comment(question)]
        case .note(let text), .release(let text):
            return [note(text)]
        case .close(let notes):
            return notes.isBlank ? [] : [note(notes)]
        case .escalate(_, _, let summary):
            return summary.isBlank ? [] : [note(summary)]
        case .update(let update):
            return try changes(update)
        case .addTag(let tag):
            return [.tagChanged(tag: tag, added: true)]
        case .removeTag(let tag):
            return [.tagChanged(tag: tag, added: false)]
        case .link(let link):
            return [.linked(link)]
        case .attachInteraction(let interaction, let text):
            return [.interactionAttached(interaction, text: text)]
        case .submitSurvey(let survey):
            return [.surveySubmitted(survey)]
        case .create, .assign, .accept, .decline, .assignToMe, .escalateByRule, .park,
            .waitForExternal, .resume, .acceptSolution, .rejectSolution, .reopen,
            .transferToQueue, .transferToAgent, .reassign, .delete, .closeByTimer, .archive:
            return []
        }
    }

    private func changes(_ update: FieldUpdate) throws(CaseRefusal) -> [CaseEvent] {
        var events: [CaseEvent] = []
        func compare(_ name: String, _ old: String, _ new: String?) {
            guard let new, !new.hasSameBytes(as: old) else { return }
            events.append(.fieldChanged(name: name, from: old, to: new))
        }
        compare(FieldName.title, record.title, update.title)
        compare(FieldName.requesterName, record.requester.name, update.requesterName)
        compare(FieldName.requesterAddress, record.requester.address, update.requesterAddress)
        compare(FieldName.requesterPhone, record.requester.phone, update.requesterPhone)
        compare(FieldName.priority, record.priority.label, update.priority?.label)
        for field in update.fields {
            let old = record.fields.first { $0.name.hasSameBytes(as: field.name) }?.value ?? ""
            compare(FieldName.custom(field.name), old, field.value)
        }
        guard !events.isEmpty else { throw .invalid(field: "update", reason: "changes nothing") }
        return events
    }

    private func ownerChange(
        _ effects: Transition.Effects,
        entering status: CaseStatus
    ) -> [CaseEvent] {
        let after: (id: PrincipalID, role: Role)?
        if let agent = command.action.agent {
            after = (agent.id, agent.role)
        } else if effects.contains(.takes) {
            after = (actor.id, actor.role)
        } else if status.hasOwner || !status.isLive && status != .deleted {
            return []  // Who had it at the end stays named, for the figures.
        } else {
            after = nil
        }
        guard after?.id != record.owner else { return [] }
        return [.ownerChanged(from: record.owner, to: after?.id, role: after?.role)]
    }

    /// The queue that the case moves to, if it moves.
    private func newQueue(entering status: CaseStatus) throws(CaseRefusal) -> QueueFacts? {
        let current = QueueFacts(id: record.queue, team: record.team)
        switch command.action {
        case .transferToQueue(let queue, _):
            guard queue != current else {
                guard status != record.status else {
                    throw .invalid(field: "queue", reason: "waits there already")
                }
                return nil
            }
            return queue
        case .escalate(_, .queue(let id), _), .escalateByRule(_, .queue(let id)):
            guard id != record.queue else { return nil }
            guard let queue = command.escalationQueue, queue.id == id else {
                throw .missing(field: "escalationQueue")
            }
            return queue
        default:
            return nil
        }
    }

    /// What a status comes with.
    private func belongings(
        of status: CaseStatus,
        _ effects: Transition.Effects
    ) -> [CaseEvent] {
        var events: [CaseEvent] = []
        if effects.contains(.reopens) { events.append(.reopened) }
        switch (status, command.action) {
        case (.escalated, .escalate(let reason, let target, _)):
            events.append(handedUp(reason, to: target))
        case (.escalated, .escalateByRule(let rule, let target)):
            events.append(handedUp(rule, to: target))
        case (.escalated, .proposeSolution):
            let target = EscalationTarget.queue(record.queue)
            events.append(handedUp(CaseDefaults.suggestionReason, to: target))
        case (.assigned, _) where record.assignedFrom == nil:
            // Out of somebody's hands there is no place in the queue to go back to: it starts anew there.
            events.append(.assignedFrom(record.status.hasOwner ? .new : record.status))
        case (.parked, .park(let reason, let until)):
            events.append(.parked(reason: reason, until: until))
        case (.pending, .waitForExternal(let party, let reason)):
            events.append(.waiting(.external(party: party, reason: reason)))
        case (.pending, _):
            events.append(.waiting(.requester))
        case (.resolved, _):
            events.append(.resolved(at: at, dueAt: at + command.reopenWindow))
        case (.deleted, .delete(let reason)):
            events.append(.erased(reason: reason))
        default:
            break
        }
        return events
    }

    private func handedUp(_ reason: String, to target: EscalationTarget) -> CaseEvent {
        .escalated(Escalation(by: actor.id, reason: reason, target: target))
    }
}
