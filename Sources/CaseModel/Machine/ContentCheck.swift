import ClusterPrimitives

/// Sizes and shapes of what commands carry, whoever sends them.
enum ContentCheck {
    /// Who, and what every command has.
    static func frame(_ command: CaseCommand) throws(CaseRefusal) {
        try name(command.actor.id.rawValue, "actor")
        try size(command.actor.origin, "origin", CaseLimits.keyBytesMax)
        guard command.salt.count == CaseLimits.saltBytes else {
            throw .invalid(field: "salt", reason: "not \(CaseLimits.saltBytes) bytes")
        }
        guard command.reopenWindow.milliseconds >= 0 else {
            throw .invalid(field: "reopenWindow", reason: "negative")
        }
    }

    /// What an action on a case carries.
    static func contents(
        of action: CaseAction,
        in record: CaseRecord,
        at: Timestamp
    ) throws(CaseRefusal) {
        for (field, text) in action.texts {
            let limit = field == .party ? CaseLimits.nameBytesMax : CaseLimits.textBytesMax
            try size(text, field.rawValue, limit)
        }
        switch action {
        case .comment(let message), .automaticReply(let message):
            try envelope(message)
        case .attachInteraction(let interaction, _):
            try contact(interaction)
        case .park(_, let until?):
            guard until > at else { throw .invalid(field: "until", reason: "not in the future") }
        case .assign(let agent, _), .transferToAgent(let agent, _), .reassign(let agent, _):
            try name(agent.id.rawValue, "agent")
        case .transferToQueue(let queue, _):
            try self.queue(queue)
        case .update(let update):
            try self.update(update, of: record)
        case .addTag(let tag):
            try name(tag, "tag")
            guard !record.tags.contains(where: { $0.hasSameBytes(as: tag) }) else {
                throw .alreadyDone(action: .addTag)
            }
            try count(record.tags.count + 1, "tags", CaseLimits.tagsMax)
        case .removeTag(let tag):
            guard record.tags.contains(where: { $0.hasSameBytes(as: tag) }) else {
                throw .invalid(field: "tag", reason: "not on this case")
            }
        case .submitSurvey(let survey):
            guard (1...5).contains(survey.rating) else {
                throw .invalid(field: "rating", reason: "not 1 to 5")
            }
        default:
            break
        }
    }

    /// A case to be, in its canonical form: a default title, sorted tags and fields.
    static func newCase(_ new: NewCase) throws(CaseRefusal) -> NewCase {
        try name(new.requester.principal.rawValue, "requester.principal")
        try size(new.requester.name, FieldName.requesterName, CaseLimits.nameBytesMax)
        try size(new.requester.address, FieldName.requesterAddress, CaseLimits.nameBytesMax)
        try size(new.requester.phone, FieldName.requesterPhone, CaseLimits.nameBytesMax)
        try size(new.title, FieldName.title, CaseLimits.titleBytesMax)
        try size(new.firstMessage.text, "message", CaseLimits.textBytesMax)
        try envelope(new.firstMessage)
        guard !new.firstMessage.text.isBlank || new.firstMessage.interaction != nil else {
            throw .missing(field: "message")
        }
        try queue(new.queue)
        try pairs(new.channelInfo, "channelInfo")
        try pairs(new.fields, "fields")
        try count(new.tags.count, "tags", CaseLimits.tagsMax)
        for tag in new.tags { try name(tag, "tags") }
        try count(new.links.count, "links", CaseLimits.linksMax)
        guard new.links.allSatisfy({ $0.kind != .followedUpBy }) else {
            throw .invalid(field: "links", reason: "nothing follows a case that is new")
        }
        var checked = new
        if new.title.isBlank { checked.title = CaseDefaults.title }
        checked.tags = new.tags.sortedByBytes().withoutNeighbours { $0.hasSameBytes(as: $1) }
        checked.fields = new.fields.sorted { $0.name.precedesByBytes($1.name) }
        let repeated = zip(checked.fields, checked.fields.dropFirst())
            .contains { $0.name.hasSameBytes(as: $1.name) }
        guard !repeated else { throw .invalid(field: "fields", reason: "one is named twice") }
        checked.fields.removeAll { $0.value.isEmpty }
        return checked
    }

    private static func update(
        _ update: FieldUpdate,
        of record: CaseRecord
    ) throws(CaseRefusal) {
        if let title = update.title {
            try size(title, FieldName.title, CaseLimits.titleBytesMax)
            guard !title.isBlank else { throw .missing(field: FieldName.title) }
        }
        try size(update.requesterName ?? "", FieldName.requesterName, CaseLimits.nameBytesMax)
        try size(update.requesterAddress ?? "", FieldName.requesterAddress, CaseLimits.nameBytesMax)
        try size(update.requesterPhone ?? "", FieldName.requesterPhone, CaseLimits.nameBytesMax)
        try pairs(update.fields, "fields")
        for (position, field) in update.fields.enumerated() {
            guard
                !update.fields[..<position].contains(where: { $0.name.hasSameBytes(as: field.name) }
                )
            else { throw .invalid(field: "fields", reason: "one is named twice") }
        }
        let kept = record.fields.filter { old in
            !update.fields.contains { $0.name.hasSameBytes(as: old.name) }
        }
        let set = update.fields.filter { !$0.value.isEmpty }
        try count(kept.count + set.count, "fields", CaseLimits.fieldsMax)
    }

    /// Everything of a message but its text.
    private static func envelope(_ message: CaseMessage) throws(CaseRefusal) {
        try size(message.from, "from", CaseLimits.nameBytesMax)
        if let interaction = message.interaction { try contact(interaction) }
    }

    private static func contact(_ interaction: Interaction) throws(CaseRefusal) {
        try size(interaction.externalKey, "interaction.externalKey", CaseLimits.keyBytesMax)
        try pairs(interaction.info, "interaction.info")
        let attachments = interaction.attachments
        try count(attachments.count, "interaction.attachments", CaseLimits.attachmentsMax)
        for attachment in attachments {
            try size(attachment.fileName, "attachment.fileName", CaseLimits.titleBytesMax)
            try size(attachment.mediaType, "attachment.mediaType", CaseLimits.nameBytesMax)
        }
        try count(interaction.raw.count, "interaction.raw", CaseLimits.rawBytesMax)
    }

    private static func queue(_ queue: QueueFacts) throws(CaseRefusal) {
        try name(queue.id.rawValue, "queue")
        try name(queue.team.rawValue, "team")
    }

    private static func pairs(_ pairs: [NamedValue], _ field: String) throws(CaseRefusal) {
        try count(pairs.count, field, CaseLimits.fieldsMax)
        for pair in pairs {
            try name(pair.name, field)
            try size(pair.value, field, CaseLimits.fieldValueBytesMax)
        }
    }

    private static func name(_ text: String, _ field: String) throws(CaseRefusal) {
        guard !text.isBlank else { throw .missing(field: field) }
        try size(text, field, CaseLimits.nameBytesMax)
    }

    private static func size(_ text: String, _ field: String, _ limit: Int) throws(CaseRefusal) {
        try count(text.utf8.count, field, limit)
    }

    private static func count(_ count: Int, _ field: String, _ limit: Int) throws(CaseRefusal) {
        guard count <= limit else { throw .tooLong(field: field, limit: UInt32(limit)) }
    }
}

/// What the machine says where nobody else did.
public enum CaseDefaults {
    /// The title of a contact without a subject.
    public static let title = "(no subject)"
    /// Why an AI agent's suggested solution went to a human.
    public static let suggestionReason = "An AI agent suggests a solution; a human decides."
}

extension CaseAction {
    /// The texts that it carries, by the names that refusals use.
    var texts: [(field: TextField, text: String)] {
        switch self {
        case .comment(let message), .automaticReply(let message): [(.text, message.text)]
        case .note(let text), .release(let text): [(.note, text)]
        case .decline(let reason), .rejectSolution(let reason), .reopen(let reason),
            .delete(let reason), .park(let reason, _), .transferToQueue(_, let reason),
            .transferToAgent(_, let reason), .reassign(_, let reason), .assign(_, let reason):
            [(.reason, reason)]
        case .escalate(let reason, _, let summary): [(.reason, reason), (.summary, summary)]
        case .escalateByRule(let rule, _): [(.rule, rule)]
        case .requestInfo(let question): [(.question, question)]
        case .waitForExternal(let party, let reason): [(.party, party), (.reason, reason)]
        case .proposeSolution(let note, let message): [(.note, note), (.message, message)]
        case .close(let notes): [(.notes, notes)]
        case .attachInteraction(_, let text): [(.text, text)]
        case .submitSurvey(let survey): [(.text, survey.text)]
        case .create, .accept, .assignToMe, .resume, .acceptSolution, .update, .addTag,
            .removeTag, .link, .closeByTimer, .archive:
            []
        }
    }

    /// This text is there and not blank.
    func carries(_ field: TextField) -> Bool {
        texts.contains { $0.field == field && !$0.text.isBlank }
    }

    /// Why; empty where nobody said.
    var reason: String { texts.first { $0.field == .reason }?.text ?? "" }
}

extension Array {
    /// Without what equals the element before it.
    func withoutNeighbours(_ areEqual: (Element, Element) -> Bool) -> [Element] {
        var kept: [Element] = []
        for element in self {
            if let last = kept.last, areEqual(last, element) { continue }
            kept.append(element)
        }
        return kept
    }
}
