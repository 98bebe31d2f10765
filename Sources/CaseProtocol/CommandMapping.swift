import CaseModel
import ClusterPrimitives

/// What the directory knows when a request is turned into a command.
public protocol DirectoryLookup {
    /// The queue of this name; the default queue for an empty name; nil if there is none.
    func queueFacts(named name: String) -> QueueFacts?
    /// The agent, supervisor or AI agent of this name.
    func agentFacts(named name: String) -> AgentFacts?
    /// Whether there is a team of this name.
    func hasTeam(named name: String) -> Bool
    /// Who a requester with this address and number is; nil if neither is given.
    func requesterPrincipal(address: String, phone: String) -> PrincipalID?
}

extension PBCreateRequest {
    /// The case to be, checked field by field.
    public func newCase(
        by actor: Actor,
        directory: some DirectoryLookup
    ) throws(RequestFault) -> NewCase {
        try Check.count(tags.count, "tags", max: CaseLimits.tagsMax)
        try Check.count(fields.count, "fields", max: CaseLimits.fieldsMax)
        try Check.count(links.count, "links", max: CaseLimits.linksMax)
        try Check.count(channelInfo.count, "channel_info", max: CaseLimits.fieldsMax)
        guard let facts = directory.queueFacts(named: queue) else {
            throw RequestFault("queue", "there is no queue of this name")
        }
        guard links.isEmpty || actor.role != .requester else {
            throw RequestFault(
                "links",
                "are for staff: nobody links to cases that they may not see"
            )
        }
        var links: [CaseLink] = []
        for (position, link) in self.links.enumerated() {
            links.append(try link.model("links[\(position)]"))
        }
        return NewCase(
            title: try Check.length(title, "title", bytesMax: CaseLimits.titleBytesMax),
            requester: try requesterModel(by: actor, directory: directory),
            channel: try channel.model("channel"),
            channelInfo: try channelInfo.models("channel_info"),
            firstMessage: CaseMessage(
                text: try Check.name(message, "message", bytesMax: CaseLimits.textBytesMax)
            ),
            queue: facts,
            priority: try priority.model("priority") ?? .normal,
            tags: try tags.names("tags"),
            fields: try fields.models("fields"),
            links: links,
            asOwner: asOwner
        )
    }

    /// A requester's own token speaks for itself; anybody else says for whom.
    private func requesterModel(
        by actor: Actor,
        directory: some DirectoryLookup
    ) throws(RequestFault) -> Requester {
        let limit = CaseLimits.nameBytesMax
        let name = try Check.length(requester.name, "requester.name", bytesMax: limit)
        let address = try Check.length(requester.address, "requester.address", bytesMax: limit)
        let phone = try Check.length(requester.phone, "requester.phone", bytesMax: limit)
        if actor.role == .requester {
            return Requester(principal: actor.id, name: name, address: address, phone: phone)
        }
        if !requester.principal.isEmpty {
            let given = try Check.length(
                requester.principal,
                "requester.principal",
                bytesMax: limit
            )
            return Requester(
                principal: PrincipalID(given),
                name: name,
                address: address,
                phone: phone
            )
        }
        if let found = directory.requesterPrincipal(address: address, phone: phone) {
            return Requester(principal: found, name: name, address: address, phone: phone)
        }
        guard !name.isEmpty else {
            throw RequestFault("requester", "needs a principal, an address, a phone or a name")
        }
        // Nobody can prove to be a bare name, so nobody sees the case as its requester.
        return Requester(principal: .unverified(name), name: name)
    }
}

extension PrincipalID {
    /// Whoever goes by a name that nobody can prove. Cut, at a character's end, to what a principal may have.
    public static func unverified(_ name: String) -> PrincipalID {
        let prefix = "unverified:"
        var kept = name
        while prefix.utf8.count + kept.utf8.count > CaseLimits.nameBytesMax { kept.removeLast() }
        return PrincipalID(prefix + kept)
    }
}

extension PBExecuteRequest {
    /// The action, checked field by field.
    public func caseAction(directory: some DirectoryLookup) throws(RequestFault) -> CaseAction {
        guard let action else { throw RequestFault("action", "is required, or is not known here") }
        switch action {
        case .comment(let body):
            return .comment(CaseMessage(text: try body.required("comment.text")))
        case .note(let body): return .note(try body.required("note.text"))
        case .assign(let body):
            return .assign(
                try body.facts("assign", directory),
                reason: try body.checkedReason("assign")
            )
        case .accept: return .accept
        case .decline(let body): return .decline(reason: try body.checked("decline.reason"))
        case .assignToMe: return .assignToMe
        case .escalate(let body): return try body.action(directory)
        case .park(let body): return try body.action()
        case .requestInfo(let body):
            return .requestInfo(question: try body.required("request_info.text"))
        case .waitForExternal(let body):
            return .waitForExternal(
                party: try Check.name(
                    body.party,
                    "wait_for_external.party",
                    bytesMax: CaseLimits.nameBytesMax
                ),
                reason: try Check.name(
                    body.reason,
                    "wait_for_external.reason",
                    bytesMax: CaseLimits.textBytesMax
                )
            )
        case .resume: return .resume
        case .proposeSolution(let body): return try body.action()
        case .acceptSolution: return .acceptSolution
        case .rejectSolution(let body):
            return .rejectSolution(reason: try body.checked("reject_solution.reason"))
        case .reopen(let body): return .reopen(reason: try body.checked("reopen.reason"))
        case .close(let body): return .close(notes: try body.checked("close.text"))
        case .transferToQueue(let body): return try body.action(directory)
        case .transferToAgent(let body):
            return .transferToAgent(
                try body.facts("transfer_to_agent", directory),
                reason: try body.checkedReason("transfer_to_agent")
            )
        case .reassign(let body):
            return .reassign(
                try body.facts("reassign", directory),
                reason: try body.checkedReason("reassign")
            )
        case .delete(let body): return .delete(reason: try body.checked("delete.reason"))
        case .update(let body): return .update(try body.model())
        case .addTag(let body): return .addTag(try body.tag("add_tag.text"))
        case .removeTag(let body): return .removeTag(try body.tag("remove_tag.text"))
        case .link(let body): return .link(try body.model("link"))
        case .submitSurvey(let body):
            guard (1...5).contains(body.rating), let rating = UInt8(exactly: body.rating) else {
                throw RequestFault("submit_survey.rating", "must be 1 to 5")
            }
            let text = try Check.length(
                body.text,
                "submit_survey.text",
                bytesMax: CaseLimits.textBytesMax
            )
            return .submitSurvey(Survey(rating: rating, text: text))
        }
    }
}

extension PBTextAction {
    func required(_ field: String) throws(RequestFault) -> String {
        try Check.name(text, field, bytesMax: CaseLimits.textBytesMax)
    }

    func checked(_ field: String) throws(RequestFault) -> String {
        try Check.length(text, field, bytesMax: CaseLimits.textBytesMax)
    }

    func tag(_ field: String) throws(RequestFault) -> String {
        try Check.name(text, field, bytesMax: CaseLimits.nameBytesMax)
    }
}

extension PBReasonAction {
    func checked(_ field: String) throws(RequestFault) -> String {
        try Check.length(reason, field, bytesMax: CaseLimits.textBytesMax)
    }
}

extension PBAgentAction {
    func facts(
        _ field: String,
        _ directory: some DirectoryLookup
    ) throws(RequestFault) -> AgentFacts {
        let name = try Check.name(agent, "\(field).agent", bytesMax: CaseLimits.nameBytesMax)
        guard let facts = directory.agentFacts(named: name) else {
            throw RequestFault("\(field).agent", "there is no agent of this name")
        }
        return facts
    }

    func checkedReason(_ field: String) throws(RequestFault) -> String {
        try Check.length(reason, "\(field).reason", bytesMax: CaseLimits.textBytesMax)
    }
}

extension PBQueueAction {
    func action(_ directory: some DirectoryLookup) throws(RequestFault) -> CaseAction {
        guard !queue.isEmpty else { throw RequestFault("transfer_to_queue.queue", "is required") }
        guard let facts = directory.queueFacts(named: queue) else {
            throw RequestFault("transfer_to_queue.queue", "there is no queue of this name")
        }
        let reason = try Check.length(
            reason,
            "transfer_to_queue.reason",
            bytesMax: CaseLimits.textBytesMax
        )
        return .transferToQueue(facts, reason: reason)
    }
}

extension PBEscalateAction {
    func action(_ directory: some DirectoryLookup) throws(RequestFault) -> CaseAction {
        let reason = try Check.name(
            reason,
            "escalate.reason",
            bytesMax: CaseLimits.textBytesMax
        )
        let target = try target.model("escalate.target")
        switch target {
        case .queue(let id):
            guard directory.queueFacts(named: id.rawValue) != nil else {
                throw RequestFault("escalate.target.queue", "there is no queue of this name")
            }
        case .team(let id):
            guard directory.hasTeam(named: id.rawValue) else {
                throw RequestFault("escalate.target.team", "there is no team of this name")
            }
        case .supervisor:
            break
        }
        return .escalate(
            reason: reason,
            target: target,
            summary: try Check.length(
                summary,
                "escalate.summary",
                bytesMax: CaseLimits.textBytesMax
            )
        )
    }
}

extension PBParkAction {
    func action() throws(RequestFault) -> CaseAction {
        guard until >= 0 else { throw RequestFault("park.until", "must not be negative") }
        return .park(
            reason: try Check.name(reason, "park.reason", bytesMax: CaseLimits.textBytesMax),
            until: until == 0 ? nil : Timestamp(rawValue: until)
        )
    }
}

extension PBSolutionAction {
    func action() throws(RequestFault) -> CaseAction {
        .proposeSolution(
            note: try Check.name(note, "propose_solution.note", bytesMax: CaseLimits.textBytesMax),
            message: try Check.name(
                message,
                "propose_solution.message",
                bytesMax: CaseLimits.textBytesMax
            )
        )
    }
}

extension PBUpdateAction {
    func model() throws(RequestFault) -> FieldUpdate {
        try Check.count(fields.count, "update.fields", max: CaseLimits.fieldsMax)
        let names = CaseLimits.nameBytesMax
        return FieldUpdate(
            title: hasTitle
                ? try Check.length(title, "update.title", bytesMax: CaseLimits.titleBytesMax) : nil,
            requesterName: hasRequesterName
                ? try Check.length(requesterName, "update.requester_name", bytesMax: names) : nil,
            requesterAddress: hasRequesterAddress
                ? try Check.length(requesterAddress, "update.requester_address", bytesMax: names)
                : nil,
            requesterPhone: hasRequesterPhone
                ? try Check.length(requesterPhone, "update.requester_phone", bytesMax: names) : nil,
            priority: try priority.model("update.priority"),
            fields: try fields.models("update.fields")
        )
    }
}

extension [PBNamedValue] {
    func models(_ field: String) throws(RequestFault) -> [NamedValue] {
        var pairs: [NamedValue] = []
        for (position, pair) in enumerated() {
            pairs.append(
                NamedValue(
                    try Check.name(
                        pair.name,
                        "\(field)[\(position)].name",
                        bytesMax: CaseLimits.nameBytesMax
                    ),
                    try Check.length(
                        pair.value,
                        "\(field)[\(position)].value",
                        bytesMax: CaseLimits.fieldValueBytesMax
                    )
                )
            )
        }
        return pairs
    }
}

extension [String] {
    func names(_ field: String) throws(RequestFault) -> [String] {
        for (position, name) in enumerated() {
            _ = try Check.name(name, "\(field)[\(position)]", bytesMax: CaseLimits.nameBytesMax)
        }
        return self
    }
}
