import ClusterPrimitives

extension CaseEvent: BinaryCodable {
    /// The tags are stored; never renumber.
    private enum Tag: UInt8, BinaryCodable {
        case created = 1
        case statusChanged = 2
        case ownerChanged = 3
        case queueChanged = 4
        case commentAdded = 5
        case noteAdded = 6
        case escalated = 7
        case parked = 8
        case waiting = 9
        case assignedFrom = 10
        case declined = 11
        case resolved = 12
        case reopened = 13
        case fieldChanged = 14
        case tagChanged = 15
        case linked = 16
        case interactionAttached = 17
        case surveySubmitted = 18
        case erased = 19
    }

    private var tag: Tag {
        switch self {
        case .created: .created
        case .statusChanged: .statusChanged
        case .ownerChanged: .ownerChanged
        case .queueChanged: .queueChanged
        case .commentAdded: .commentAdded
        case .noteAdded: .noteAdded
        case .escalated: .escalated
        case .parked: .parked
        case .waiting: .waiting
        case .assignedFrom: .assignedFrom
        case .declined: .declined
        case .resolved: .resolved
        case .reopened: .reopened
        case .fieldChanged: .fieldChanged
        case .tagChanged: .tagChanged
        case .linked: .linked
        case .interactionAttached: .interactionAttached
        case .surveySubmitted: .surveySubmitted
        case .erased: .erased
        }
    }

    /// A tag, then what the event carries.
    public func encode(to writer: inout ByteWriter) {
        writer.write(tag)
        switch self {
        case .created(let new): writer.write(new)
        case .statusChanged(let from, let to, let action, let reason):
            writer.write(from)
            writer.write(to)
            writer.write(action)
            writer.write(reason)
        case .ownerChanged(let from, let to, let role):
            writer.write(optional: from)
            writer.write(optional: to)
            writer.write(optional: role)
        case .queueChanged(let from, let to):
            writer.write(from)
            writer.write(to)
        case .commentAdded(let message, let byThirdParty):
            writer.write(message)
            writer.write(byThirdParty)
        case .noteAdded(let text, let interaction):
            writer.write(text)
            writer.write(optional: interaction)
        case .escalated(let escalation): writer.write(escalation)
        case .parked(let reason, let until):
            writer.write(reason)
            writer.write(optional: until)
        case .waiting(let reason): writer.write(reason)
        case .assignedFrom(let status): writer.write(status)
        case .declined(let agent): writer.write(agent)
        case .resolved(let at, let dueAt):
            writer.write(at)
            writer.write(dueAt)
        case .reopened: break
        case .fieldChanged(let name, let from, let to):
            writer.write(name)
            writer.write(from)
            writer.write(to)
        case .tagChanged(let tag, let added):
            writer.write(tag)
            writer.write(added)
        case .linked(let link): writer.write(link)
        case .interactionAttached(let interaction, let text):
            writer.write(interaction)
            writer.write(text)
        case .surveySubmitted(let survey): writer.write(survey)
        case .erased(let reason): writer.write(reason)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.value(Tag.self) {
        case .created: self = .created(try reader.value())
        case .statusChanged:
            self = .statusChanged(
                from: try reader.value(),
                to: try reader.value(),
                action: try reader.value(),
                reason: try reader.string()
            )
        case .ownerChanged:
            self = .ownerChanged(
                from: try reader.optional(),
                to: try reader.optional(),
                role: try reader.optional()
            )
        case .queueChanged:
            self = .queueChanged(from: try reader.value(), to: try reader.value())
        case .commentAdded:
            self = .commentAdded(try reader.value(), byThirdParty: try reader.bool())
        case .noteAdded:
            self = .noteAdded(text: try reader.string(), interaction: try reader.optional())
        case .escalated: self = .escalated(try reader.value())
        case .parked: self = .parked(reason: try reader.string(), until: try reader.optional())
        case .waiting: self = .waiting(try reader.value())
        case .assignedFrom: self = .assignedFrom(try reader.value())
        case .declined: self = .declined(by: try reader.value())
        case .resolved: self = .resolved(at: try reader.value(), dueAt: try reader.value())
        case .reopened: self = .reopened
        case .fieldChanged:
            self = .fieldChanged(
                name: try reader.string(),
                from: try reader.string(),
                to: try reader.string()
            )
        case .tagChanged:
            self = .tagChanged(tag: try reader.string(), added: try reader.bool())
        case .linked: self = .linked(try reader.value())
        case .interactionAttached:
            self = .interactionAttached(try reader.value(), text: try reader.string())
        case .surveySubmitted: self = .surveySubmitted(try reader.value())
        case .erased: self = .erased(reason: try reader.string())
        }
    }
}
