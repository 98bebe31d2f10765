import CaseModel
import ClusterPrimitives

/// Where and when an event happened, beside the event itself.
public struct EntryContext: Sendable {
    /// Its number within the case, from 1.
    public var number: UInt64
    /// The case's version that it belongs to.
    public var version: UInt64
    /// When, by the shard's time.
    public var at: Timestamp
    /// Who.
    public var actor: PrincipalID
    /// In which role.
    public var role: Role
    /// Only staff may read it.
    public var isStaffOnly: Bool
    /// A raw message stands behind it.
    public var hasRaw: Bool

    /// Puts a context together.
    public init(
        number: UInt64,
        version: UInt64,
        at: Timestamp,
        actor: PrincipalID,
        role: Role,
        isStaffOnly: Bool,
        hasRaw: Bool
    ) {
        self.number = number
        self.version = version
        self.at = at
        self.actor = actor
        self.role = role
        self.isStaffOnly = isStaffOnly
        self.hasRaw = hasRaw
    }
}

extension PBEntry {
    /// An event as one item of a history. The caller has redacted it for who reads.
    public init(_ event: CaseEvent, _ context: EntryContext) {
        self.init()
        number = context.number
        version = context.version
        at = context.at.rawValue
        actor = context.actor.rawValue
        role = PBRole(context.role)
        staffOnly = context.isStaffOnly
        hasRaw_p = context.hasRaw
        fill(event)
    }

    private mutating func fill(_ event: CaseEvent) {
        switch event {
        case .created(let new):
            kind = .created
            set(new.firstMessage)
        case .commentAdded(let message, let byThirdParty):
            kind = .comment
            set(message)
            if byThirdParty { field = "third-party" }
        case .noteAdded(let text, let interaction):
            kind = .note
            self.text = text
            if let interaction { set(interaction) }
        case .interactionAttached(let interaction, let text):
            kind = .interaction
            self.text = text
            set(interaction)
        case .statusChanged(let from, let to, let moving, let reason):
            action = moving.label
            set(.status, text: reason, field: "status", from: from.label, to: to.label)
        case .ownerChanged(let from, let to, _):
            set(.assignment, field: "owner", from: from?.rawValue ?? "", to: to?.rawValue ?? "")
        case .queueChanged(let from, let to):
            set(.assignment, field: "queue", from: from.rawValue, to: to.id.rawValue)
        case .escalated(let escalation):
            set(.status, text: escalation.reason, field: "escalation", to: escalation.target.label)
        case .parked(let reason, let until):
            set(.status, text: reason, field: "parked", to: until?.description ?? "")
        case .waiting(.requester): set(.status, field: "waiting", to: "requester")
        case .waiting(.external(let party, let reason)):
            set(.status, text: reason, field: "waiting", to: party)
        case .assignedFrom(let status): set(.assignment, field: "assigned-from", to: status.label)
        case .declined(let by): set(.assignment, field: "declined-by", to: by.rawValue)
        case .resolved(let at, let dueAt):
            set(.status, field: "resolved", from: at.description, to: dueAt.description)
        case .reopened: set(.status, field: "reopened")
        case .fieldChanged(let name, let from, let to): set(.field, field: name, from: from, to: to)
        case .tagChanged(let tag, let added):
            set(.field, field: "tag", from: added ? "" : tag, to: added ? tag : "")
        case .linked(let link):
            set(.field, field: link.kind.label, to: link.other.description)
        case .surveySubmitted(let survey):
            set(.survey, text: survey.text, field: "rating", to: String(survey.rating))
        case .erased(let reason): set(.erased, text: reason)
        }
    }

    private mutating func set(
        _ kind: PBEntryKind,
        text: String = "",
        field: String = "",
        from: String = "",
        to: String = ""
    ) {
        self.kind = kind
        self.text = text
        self.field = field
        self.from = from
        self.to = to
    }

    private mutating func set(_ message: CaseMessage) {
        text = message.text
        if !message.from.isEmpty { from = message.from }
        if let found = message.interaction { set(found) }
    }

    private mutating func set(_ found: Interaction) {
        attachments = found.attachments.map(PBAttachment.init)
        interaction = [PBNamedValue(NamedValue("channel", found.channel.label))]
        if !found.externalKey.isEmpty {
            interaction.append(PBNamedValue(NamedValue("key", found.externalKey)))
        }
        if found.sentAt != .zero {
            interaction.append(PBNamedValue(NamedValue("sent-at", found.sentAt.description)))
        }
        interaction += found.info.map(PBNamedValue.init)
    }
}

extension EscalationTarget {
    /// `queue:billing`, `team:second-line` or `supervisor`.
    var label: String {
        switch self {
        case .queue(let id): "queue:\(id)"
        case .team(let id): "team:\(id)"
        case .supervisor: "supervisor"
        }
    }
}
