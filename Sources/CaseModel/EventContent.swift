// A raw message may have megabytes, and is read far less often than the entry that it belongs to: a store
// keeps it apart. Search reads the words alone.

extension CaseEvent {
    /// The contact that it carries.
    public var interaction: Interaction? {
        switch self {
        case .created(let new): new.firstMessage.interaction
        case .commentAdded(let message, _): message.interaction
        case .noteAdded(_, let interaction): interaction
        case .interactionAttached(let interaction, _): interaction
        default: nil
        }
    }

    /// The raw message that came with it; empty for none.
    public var raw: [UInt8] { interaction?.raw ?? [] }

    /// The event without its raw message, and that message; nil where there is none.
    public func separatingRaw() -> (event: CaseEvent, raw: [UInt8]?) {
        raw.isEmpty ? (self, nil) : (replacingRaw([]), raw)
    }

    /// Undoes `separatingRaw`.
    public func joiningRaw(_ raw: [UInt8]?) -> CaseEvent {
        raw.map { replacingRaw($0) } ?? self
    }

    private func replacingRaw(_ raw: [UInt8]) -> CaseEvent {
        switch self {
        case .created(var new):
            new.firstMessage.interaction?.raw = raw
            return .created(new)
        case .commentAdded(var message, let byThirdParty):
            message.interaction?.raw = raw
            return .commentAdded(message, byThirdParty: byThirdParty)
        case .noteAdded(let text, var interaction):
            interaction?.raw = raw
            return .noteAdded(text: text, interaction: interaction)
        case .interactionAttached(var interaction, let text):
            interaction.raw = raw
            return .interactionAttached(interaction, text: text)
        default:
            return self
        }
    }

    /// The words that search finds it by; empty where nobody wrote any. Index staff-only events apart: take
    /// the text of `redactedForRequester()` for what requesters search.
    public var searchText: String {
        switch self {
        case .created(let new):
            [
                new.title, new.firstMessage.text, new.requester.name, new.requester.address,
                new.requester.phone, new.tags.joined(separator: " "),
                new.fields.map(\.value).joined(separator: " "),
            ]
            .filter { !$0.isEmpty }
            .joined(separator: "\n")
        case .commentAdded(let message, _):
            message.text
        case .noteAdded(let text, _), .interactionAttached(_, let text),
            .fieldChanged(_, _, let text):
            text
        case .statusChanged(_, _, _, let reason), .parked(let reason, _):
            reason
        case .escalated(let escalation):
            escalation.reason
        case .waiting(.external(let party, let reason)):
            [party, reason].filter { !$0.isEmpty }.joined(separator: "\n")
        case .tagChanged(let tag, let added):
            added ? tag : ""
        case .surveySubmitted(let survey):
            survey.text
        case .ownerChanged, .queueChanged, .waiting(.requester), .assignedFrom, .declined,
            .resolved, .reopened, .linked, .erased:
            ""
        }
    }
}
