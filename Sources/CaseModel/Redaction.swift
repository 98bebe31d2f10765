// What a requester may read. The rule: notes, close notes, reasons and hand-over summaries stay inside,
// and so does whatever staff write for each other (tags, custom fields) or others wrote to staff (a third
// party's message, a recording's notes). In doubt an event is hidden: showing too little costs a question,
// showing too much can't be taken back.

extension CaseEvent {
    /// Nothing of it may reach the requester.
    public var isStaffOnly: Bool { redactedForRequester() == nil }

    /// What of it the requester may read; nil for nothing.
    public func redactedForRequester() -> CaseEvent? {
        switch self {
        case .noteAdded, .escalated, .parked, .declined, .assignedFrom, .tagChanged:
            return nil
        case .created(let new):
            return .created(new.redactedForRequester())
        case .statusChanged(let from, let to, let action, _):
            return .statusChanged(from: from, to: to, action: action, reason: "")
        case .commentAdded(_, let byThirdParty):
            return byThirdParty ? nil : self
        case .waiting(.external):
            return .waiting(.external(party: "", reason: ""))
        case .fieldChanged(let name, _, _):
            return name.hasPrefix(FieldName.customPrefix) ? nil : self
        case .linked(let link):
            return link.kind == .relatedTo ? nil : self
        case .interactionAttached(let interaction, _):
            let shown = Interaction(channel: interaction.channel, sentAt: interaction.sentAt)
            return .interactionAttached(shown, text: "")
        case .erased:
            return .erased(reason: "")
        case .ownerChanged, .queueChanged, .waiting, .resolved, .reopened, .surveySubmitted:
            return self
        }
    }
}

extension NewCase {
    /// Without what staff may have added for each other.
    fileprivate func redactedForRequester() -> NewCase {
        var shown = self
        shown.tags = []
        shown.fields = []
        shown.links.removeAll { $0.kind == .relatedTo }
        return shown
    }
}

extension CaseRecord {
    /// The case as its requester may read it.
    public func redactedForRequester() -> CaseRecord {
        var shown = self
        shown.tags = []
        shown.fields = []
        shown.links.removeAll { $0.kind == .relatedTo }
        shown.escalation = nil
        shown.assignedFrom = nil
        shown.declinedBy = nil
        shown.parkedReason = nil
        if case .external = pendingReason {
            shown.pendingReason = .external(party: "", reason: "")
        }
        return shown
    }
}
