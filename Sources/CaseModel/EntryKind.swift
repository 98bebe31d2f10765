/// What sort of entry an event is in a case's history. The raw values are stored; never renumber.
public enum EntryKind: UInt8, CaseIterable, Sendable {
    /// The first one.
    case creation = 1
    /// Said to everybody, or by a third party.
    case comment = 2
    /// For staff alone.
    case note = 3
    /// Status, hold, wait, resolution, return.
    case statusChange = 4
    /// An owner came, went or handed back.
    case assignment = 5
    /// It waits elsewhere.
    case queueChange = 6
    /// It was handed up.
    case escalation = 7
    /// A field changed.
    case fieldChange = 8
    /// A tag came or went.
    case tag = 9
    /// A link came.
    case link = 10
    /// A contact was added.
    case interaction = 11
    /// The requester's word after the end.
    case survey = 12
    /// Content is gone.
    case erasure = 13

    /// `status-change` and the like.
    public var label: String {
        switch self {
        case .statusChange: "status-change"
        case .queueChange: "queue-change"
        case .fieldChange: "field-change"
        default: "\(self)"
        }
    }
}

extension CaseEvent {
    /// What sort of entry it makes.
    public var kind: EntryKind {
        switch self {
        case .created: .creation
        case .statusChanged, .parked, .waiting, .resolved, .reopened: .statusChange
        case .ownerChanged, .assignedFrom, .declined: .assignment
        case .queueChanged: .queueChange
        case .commentAdded: .comment
        case .noteAdded: .note
        case .escalated: .escalation
        case .fieldChanged: .fieldChange
        case .tagChanged: .tag
        case .linked: .link
        case .interactionAttached: .interaction
        case .surveySubmitted: .survey
        case .erased: .erasure
        }
    }
}

/// How `CaseEvent.fieldChanged` names the fields. A custom field carries a prefix, so that one called
/// "title" is not mistaken for the title.
public enum FieldName {
    /// The title.
    public static let title = "title"
    /// What the requester calls themselves.
    public static let requesterName = "requester.name"
    /// Where to answer by mail.
    public static let requesterAddress = "requester.address"
    /// Where to call.
    public static let requesterPhone = "requester.phone"
    /// The priority, by its label.
    public static let priority = "priority"
    /// Before a custom field's own name.
    public static let customPrefix = "fields."

    /// A custom field's name in an event.
    public static func custom(_ name: String) -> String { customPrefix + name }
}
