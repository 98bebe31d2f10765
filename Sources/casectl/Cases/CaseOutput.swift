import CaseClient

// How cases, entries and receipts look.

extension Session {
    /// A command's receipt: one line.
    func show(_ receipt: CaseReceipt) throws {
        let owner = receipt.owner.isEmpty ? "nobody" : receipt.owner
        let line =
            "\(receipt.caseID)  \(label(receipt.status))  version \(receipt.version)  "
            + "owner \(owner)\n"
        try show(receipt.json, printable(line, keepLines: true))
    }

    /// One case in full, a line a field; unset ones are left out.
    func text(_ record: CaseRecord) -> String {
        var lines = FieldLines()
        lines.add("id", record.id)
        lines.add("title", record.title)
        lines.add("status", label(record.status))
        lines.add("version", "\(record.version)")
        lines.add("owner", record.owner)
        lines.add("queue", record.queue)
        lines.add("team", record.team)
        lines.add("priority", label(record.priority))
        lines.add("requester", Self.people(record.requester))
        lines.add("channel", label(record.channel))
        for fact in record.channelInfo { lines.add("  \(fact.name)", fact.value) }
        lines.add("tags", record.tags.joined(separator: ", "))
        for field in record.fields { lines.add("field \(field.name)", field.value) }
        for link in record.links { lines.add(link.kind.label, link.caseID) }
        if record.hasEscalation {
            lines.add("escalated by", record.escalation.by)
            lines.add("escalated to", record.escalation.target.text)
            lines.add("escalated for", record.escalation.reason)
        }
        lines.add("parked for", record.parkedReason)
        if record.hasExternalWait {
            lines.add("waits for", "\(record.externalWait.party): \(record.externalWait.reason)")
        }
        lines.add("created", Times.text(record.createdAt))
        lines.add("updated", Times.text(record.updatedAt))
        lines.add("first response", Times.text(record.firstResponseAt))
        lines.add("resolved", Times.text(record.resolvedAt))
        lines.add("due", Times.text(record.dueAt))
        lines.add("closed", Times.text(record.closedAt))
        lines.add("archived", Times.text(record.archivedAt))
        if record.reopenCount > 0 { lines.add("reopened", "\(record.reopenCount) times") }
        if record.hasSurvey { lines.add("survey", "\(record.survey.rating) \(record.survey.text)") }
        lines.add("entries", "\(record.entryCount)")
        return lines.text
    }

    static func people(_ requester: CaseRequester) -> String {
        [requester.name, requester.address, requester.phone, requester.principal]
            .filter { !$0.isEmpty }
            .joined(separator: ", ")
    }
}

/// `name  value` lines with the values in one column.
struct FieldLines {
    private var lines: [(name: String, value: String)] = []

    mutating func add(_ name: String, _ value: String) {
        guard !value.isEmpty else { return }
        lines.append((printable(name, keepLines: false), printable(value, keepLines: false)))
    }

    var text: String {
        let width = lines.map(\.name.count).max() ?? 0
        return lines.map { line in
            line.name + String(repeating: " ", count: width - line.name.count + 2) + line.value
                + "\n"
        }.joined()
    }
}

extension CaseEscalationTarget {
    /// `queue support`, `team second-line`, `supervisor`.
    var text: String {
        switch target {
        case .queue(let name): "queue \(name)"
        case .team(let name): "team \(name)"
        case .supervisor: "supervisor"
        case nil: ""
        }
    }
}

extension CaseReceipt {
    var json: JSONValue {
        .object([
            .init("id", .string(caseID)),
            .init("version", .unsigned(version)),
            .init("status", .string(status.label)),
            .init("owner", .optional(owner)),
            .init("at", Times.json(at)),
            .init("key", .optional(idempotencyKey)),
        ])
    }
}

extension CaseRecord {
    var json: JSONValue {
        .object([
            .init("id", .string(id)),
            .init("version", .unsigned(version)),
            .init("status", .string(status.label)),
            .init("title", .string(title)),
            .init("requester", requester.json),
            .init("channel", .string(channel.label)),
            .init("channel_info", NamedValues.pairs(channelInfo)),
            .init("created_at", Times.json(createdAt)),
            .init("updated_at", Times.json(updatedAt)),
            .init("owner", .optional(owner)),
            .init("queue", .optional(queue)),
            .init("team", .optional(team)),
            .init("priority", .string(priority.label)),
            .init("tags", .array(tags.map { .string($0) })),
            .init("fields", NamedValues.json(fields)),
            .init("links", .array(links.map(\.json))),
            .init("escalation", hasEscalation ? escalationJSON : .null),
            .init("parked_reason", .optional(parkedReason)),
            .init("external_wait", hasExternalWait ? externalWaitJSON : .null),
            .init("resolved_at", Times.json(resolvedAt)),
            .init("due_at", Times.json(dueAt)),
            .init("closed_at", Times.json(closedAt)),
            .init("archived_at", Times.json(archivedAt)),
            .init("reopen_count", .unsigned(UInt64(reopenCount))),
            .init("survey", hasSurvey ? survey.json : .null),
            .init("entry_count", .unsigned(entryCount)),
            .init("first_response_at", Times.json(firstResponseAt)),
        ])
    }

    private var escalationJSON: JSONValue {
        .object([
            .init("by", .string(escalation.by)),
            .init("reason", .string(escalation.reason)),
            .init("target", .optional(escalation.target.text)),
        ])
    }

    private var externalWaitJSON: JSONValue {
        .object([
            .init("party", .string(externalWait.party)),
            .init("reason", .string(externalWait.reason)),
        ])
    }
}

extension CaseRequester {
    var json: JSONValue {
        .object([
            .init("principal", .optional(principal)),
            .init("name", .optional(name)),
            .init("address", .optional(address)),
            .init("phone", .optional(phone)),
        ])
    }
}

extension CaseLink {
    var json: JSONValue {
        .object([.init("kind", .string(kind.label)), .init("id", .string(caseID))])
    }
}

extension CaseSurvey {
    var json: JSONValue {
        .object([.init("rating", .unsigned(UInt64(rating))), .init("text", .string(text))])
    }
}

extension NamedValues {
    /// Pairs in the order given; names may repeat, as the recipients of a mail do.
    static func pairs(_ values: [CaseNamedValue]) -> JSONValue {
        .array(
            values.map {
                .object([.init("name", .string($0.name)), .init("value", .string($0.value))])
            }
        )
    }

    /// An object, in the order given: the custom fields of one case don't repeat.
    static func json(_ values: [CaseNamedValue]) -> JSONValue {
        .object(values.map { .init($0.name, .string($0.value)) })
    }
}
