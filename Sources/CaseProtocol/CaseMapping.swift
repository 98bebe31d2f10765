import CaseModel
import ClusterPrimitives

extension PBCase {
    /// The case as a reader may see it: a requester gets what `redactedForRequester` leaves.
    public init(_ found: CaseRecord, forStaff: Bool) {
        self.init()
        // Here and not only where it is read: whoever maps a case for a requester can't forget it.
        let record = forStaff ? found : found.redactedForRequester()
        id = record.id.description
        version = record.version
        status = PBCaseStatus(record.status)
        title = record.title
        requester = PBRequester(record.requester)
        channel = PBChannel(record.channel)
        channelInfo = record.channelInfo.map(PBNamedValue.init)
        createdAt = record.createdAt.rawValue
        updatedAt = record.updatedAt.rawValue
        owner = record.owner?.rawValue ?? ""
        queue = record.queue.rawValue
        team = record.team.rawValue
        priority = PBPriority(record.priority)
        tags = record.tags
        fields = record.fields.map(PBNamedValue.init)
        links = record.links.map(PBCaseLink.init)
        resolvedAt = record.resolvedAt?.rawValue ?? 0
        closedAt = record.closedAt?.rawValue ?? 0
        archivedAt = record.archivedAt?.rawValue ?? 0
        reopenCount = record.reopenCount
        entryCount = record.entryCount
        firstResponseAt = record.firstResponseAt?.rawValue ?? 0
        if let found = record.survey { survey = PBSurvey(found) }
        if forStaff || record.status == .resolved { dueAt = record.dueAt?.rawValue ?? 0 }
        guard forStaff else { return }
        if let found = record.escalation { escalation = PBEscalation(found) }
        parkedReason = record.parkedReason ?? ""
        if case .external(let party, let reason) = record.pendingReason {
            externalWait = PBExternalWait.with {
                $0.party = party
                $0.reason = reason
            }
        }
    }
}

extension PBNamedValue {
    /// The same pair.
    public init(_ pair: NamedValue) {
        self.init()
        name = pair.name
        value = pair.value
    }
}

extension PBRequester {
    /// The same requester.
    public init(_ requester: Requester) {
        self.init()
        principal = requester.principal.rawValue
        name = requester.name
        address = requester.address
        phone = requester.phone
    }
}

extension PBCaseLink {
    /// The same link.
    public init(_ link: CaseLink) {
        self.init()
        kind = PBLinkKind(link.kind)
        caseID = link.other.description
    }

    /// Refuses a bad kind or id.
    public func model(_ field: String) throws(RequestFault) -> CaseLink {
        CaseLink(
            kind: try kind.model("\(field).kind"),
            other: try CaseID(field: "\(field).case_id", caseID)
        )
    }
}

extension PBSurvey {
    /// The same survey.
    public init(_ survey: Survey) {
        self.init()
        rating = UInt32(survey.rating)
        text = survey.text
    }
}

extension PBEscalation {
    /// The same escalation.
    public init(_ escalation: Escalation) {
        self.init()
        by = escalation.by.rawValue
        reason = escalation.reason
        target = PBEscalationTarget(escalation.target)
    }
}

extension PBEscalationTarget {
    /// The same target.
    public init(_ target: EscalationTarget) {
        self.init()
        switch target {
        case .queue(let id): self.target = .queue(id.rawValue)
        case .team(let id): self.target = .team(id.rawValue)
        case .supervisor: self.target = .supervisor(true)
        }
    }

    /// Refuses an absent target.
    public func model(_ field: String) throws(RequestFault) -> EscalationTarget {
        switch target {
        case .queue(let name):
            return .queue(
                QueueID(try Check.name(name, "\(field).queue", bytesMax: CaseLimits.nameBytesMax))
            )
        case .team(let name):
            return .team(
                TeamID(try Check.name(name, "\(field).team", bytesMax: CaseLimits.nameBytesMax))
            )
        case .supervisor(true): return .supervisor
        case .supervisor(false): throw RequestFault("\(field).supervisor", "must be true")
        case nil: throw RequestFault(field, "is required")
        }
    }
}

extension PBAttachment {
    /// The same description.
    public init(_ attachment: Attachment) {
        self.init()
        fileName = attachment.fileName
        mediaType = attachment.mediaType
        byteCount = attachment.byteCount
        sha256 = .init(attachment.digest.bytes)
    }
}

extension PBReceipt {
    /// What an accepted command answers.
    public init(_ receipt: CaseReceipt, key: String) {
        self.init()
        caseID = receipt.id.description
        version = receipt.version
        status = PBCaseStatus(receipt.status)
        owner = receipt.owner?.rawValue ?? ""
        at = receipt.at.rawValue
        idempotencyKey = key
    }
}

extension CaseID {
    /// Reads an id from a request's field, and names that field if it can't.
    public init(field: String, _ text: String) throws(RequestFault) {
        guard !text.isEmpty else { throw RequestFault(field, "is required") }
        do {
            self = try CaseID(parsing: text)
        } catch {
            throw RequestFault(field, error.description)
        }
    }
}
