import ClusterPrimitives

extension CaseAction: BinaryCodable {
    /// The name's number as the tag, then what the action carries.
    public func encode(to writer: inout ByteWriter) {
        writer.write(tag)
        switch self {
        case .accept, .assignToMe, .resume, .acceptSolution:
            break
        case .create(let new):
            writer.write(new)
        case .comment(let message), .automaticReply(let message):
            writer.write(message)
        case .note(let text), .decline(let text), .requestInfo(let text), .rejectSolution(let text),
            .reopen(let text), .close(let text), .release(let text), .delete(let text),
            .addTag(let text), .removeTag(let text):
            writer.write(text)
        case .escalate(let reason, let target, let summary):
            writer.write(reason)
            writer.write(target)
            writer.write(summary)
        case .escalateByRule(let rule, let target):
            writer.write(rule)
            writer.write(target)
        case .park(let reason, let until):
            writer.write(reason)
            writer.write(optional: until)
        case .waitForExternal(let party, let reason):
            writer.write(party)
            writer.write(reason)
        case .proposeSolution(let note, let message):
            writer.write(note)
            writer.write(message)
        case .transferToQueue(let queue, let reason):
            writer.write(queue)
            writer.write(reason)
        case .assign(let agent, let reason), .transferToAgent(let agent, let reason),
            .reassign(let agent, let reason):
            writer.write(agent)
            writer.write(reason)
        case .update(let update):
            writer.write(update)
        case .link(let link):
            writer.write(link)
        case .attachInteraction(let interaction, let text):
            writer.write(interaction)
            writer.write(text)
        case .submitSurvey(let survey):
            writer.write(survey)
        case .closeByTimer(let instant), .archive(let instant):
            writer.write(instant)
        }
    }

    /// A create has one tag; `asOwner` is inside.
    private var tag: ActionName { name == .createAsOwner ? .create : name }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let tag: ActionName = try reader.value()
        switch tag {
        case .create: self = .create(try reader.value())
        case .createAsOwner: throw reader.fault("a create as owner is tagged as a create")
        case .comment: self = .comment(try reader.value())
        case .automaticReply: self = .automaticReply(try reader.value())
        case .note: self = .note(try reader.string())
        case .assign: self = .assign(try reader.value(), reason: try reader.string())
        case .accept: self = .accept
        case .decline: self = .decline(reason: try reader.string())
        case .assignToMe: self = .assignToMe
        case .escalate:
            self = .escalate(
                reason: try reader.string(),
                target: try reader.value(),
                summary: try reader.string()
            )
        case .escalateByRule:
            self = .escalateByRule(rule: try reader.string(), target: try reader.value())
        case .park: self = .park(reason: try reader.string(), until: try reader.optional())
        case .requestInfo: self = .requestInfo(question: try reader.string())
        case .waitForExternal:
            self = .waitForExternal(party: try reader.string(), reason: try reader.string())
        case .resume: self = .resume
        case .proposeSolution:
            self = .proposeSolution(note: try reader.string(), message: try reader.string())
        case .acceptSolution: self = .acceptSolution
        case .rejectSolution: self = .rejectSolution(reason: try reader.string())
        case .reopen: self = .reopen(reason: try reader.string())
        case .close: self = .close(notes: try reader.string())
        case .transferToQueue:
            self = .transferToQueue(try reader.value(), reason: try reader.string())
        case .transferToAgent:
            self = .transferToAgent(try reader.value(), reason: try reader.string())
        case .reassign: self = .reassign(try reader.value(), reason: try reader.string())
        case .release: self = .release(note: try reader.string())
        case .delete: self = .delete(reason: try reader.string())
        case .update: self = .update(try reader.value())
        case .addTag: self = .addTag(try reader.string())
        case .removeTag: self = .removeTag(try reader.string())
        case .link: self = .link(try reader.value())
        case .attachInteraction:
            self = .attachInteraction(try reader.value(), text: try reader.string())
        case .submitSurvey: self = .submitSurvey(try reader.value())
        case .closeByTimer: self = .closeByTimer(asOf: try reader.value())
        case .archive: self = .archive(boundary: try reader.value())
        }
    }
}

extension CaseCommand: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(actor)
        writer.write(optional: target)
        writer.write(action)
        writer.write(optional: expectedVersion) { $0.write($1) }
        writer.write(salt)
        writer.write(reopenWindow)
        writer.write(array: queuesWhereCommentPends)
        writer.write(optional: escalationQueue)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            actor: try reader.value(),
            target: try reader.optional(),
            action: try reader.value(),
            expectedVersion: try reader.optional { (reader) throws(DecodingFault) in
                try reader.unsigned()
            },
            salt: try reader.data(),
            reopenWindow: try reader.value(),
            queuesWhereCommentPends: try reader.array(),
            escalationQueue: try reader.optional()
        )
    }
}
