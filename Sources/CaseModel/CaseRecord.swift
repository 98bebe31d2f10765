import ClusterPrimitives

/// Who asked. The principal decides what a requester may see.
public struct Requester: Hashable, Sendable {
    /// A directory entry's name, or `mailto:…`, `tel:…`, `visitor:…` where nobody verified more.
    public var principal: PrincipalID
    /// As the person calls themselves; may be empty.
    public var name: String
    /// Where to answer by mail; may be empty.
    public var address: String
    /// E.164; may be empty.
    public var phone: String

    /// Puts a requester together.
    public init(principal: PrincipalID, name: String = "", address: String = "", phone: String = "")
    {
        self.principal = principal
        self.name = name
        self.address = address
        self.phone = phone
    }
}

/// A name and a value, in the order given: channel information and custom fields.
public struct NamedValue: Hashable, Sendable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String

    /// Puts a pair together.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A pointer to another case.
public struct CaseLink: Hashable, Sendable {
    /// What it means.
    public var kind: LinkKind
    /// The other case.
    public var other: CaseID

    /// Puts a link together.
    public init(kind: LinkKind, other: CaseID) {
        self.kind = kind
        self.other = other
    }
}

/// To whom a case was handed up.
public enum EscalationTarget: Hashable, Sendable {
    /// Any human of the queue's team.
    case queue(QueueID)
    /// Any human of the team.
    case team(TeamID)
    /// A supervisor only.
    case supervisor
}

/// By whom, why and to whom a case was handed up. Never shown to a requester.
public struct Escalation: Hashable, Sendable {
    /// Who handed it up.
    public var by: PrincipalID
    /// Why.
    public var reason: String
    /// To whom.
    public var target: EscalationTarget

    /// Puts an escalation together.
    public init(by: PrincipalID, reason: String, target: EscalationTarget) {
        self.by = by
        self.reason = reason
        self.target = target
    }
}

/// What a pending case waits for.
public enum PendingReason: Hashable, Sendable {
    /// The requester's answer.
    case requester
    /// An external party: who (an address where known), and why.
    case external(party: String, reason: String)
}

/// The requester's word after the end, once.
public struct Survey: Hashable, Sendable {
    /// 1...5.
    public var rating: UInt8
    /// May be empty.
    public var text: String

    /// Puts a survey together.
    public init(rating: UInt8, text: String) {
        self.rating = rating
        self.text = text
    }
}

/// One case as the state machine holds it. Messages and notes are entries of its history, not in here.
///
/// Invariants: an owner where `status.hasOwner`, none in new and escalated (after the end the last one stays
/// named, for the figures); `dueAt` exactly while resolved (close) or parked with an "until" (resume);
/// `version` counts accepted commands.
public struct CaseRecord: Hashable, Sendable {
    /// Its name; says its shard.
    public var id: CaseID
    /// One more with every accepted command; the creation is 1.
    public var version: UInt64
    /// Where it stands.
    public var status: CaseStatus
    /// What it is about.
    public var title: String
    /// Who asked.
    public var requester: Requester
    /// How the first contact came in.
    public var channel: Channel
    /// The address, number, widget and the like of the first contact.
    public var channelInfo: [NamedValue]
    /// When it was made.
    public var createdAt: Timestamp
    /// When it last changed.
    public var updatedAt: Timestamp
    /// Responsible, or last responsible where the case has ended; nil in new, escalated and deleted.
    public var owner: PrincipalID?
    /// The owner's role when it became owner: a human's or an AI agent's.
    public var ownerRole: Role?
    /// Grows with every change of owner, also to none.
    public var ownershipVersion: UInt64
    /// Where it waits, or waited.
    public var queue: QueueID
    /// The queue's team; decides which agents see it.
    public var team: TeamID
    /// How urgent.
    public var priority: Priority
    /// Sorted by Unicode scalars, no duplicates.
    public var tags: [String]
    /// Sorted by name, no duplicates.
    public var fields: [NamedValue]
    /// In the order made.
    public var links: [CaseLink]
    /// Set while escalated, and while assigned from escalated (a decline goes back there).
    public var escalation: Escalation?
    /// While assigned: the status it was assigned from, where a decline brings it back to.
    public var assignedFrom: CaseStatus?
    /// Who declined last: not offered to that agent next.
    public var declinedBy: PrincipalID?
    /// Since when it waits in its queue: its place. Kept by a decline.
    public var queuedAt: Timestamp
    /// Why it is parked.
    public var parkedReason: String?
    /// What a pending case waits for.
    public var pendingReason: PendingReason?
    /// The instant of the resolve that still stands.
    public var resolvedAt: Timestamp?
    /// When the coordinator has something to do here.
    public var dueAt: Timestamp?
    /// When it closed.
    public var closedAt: Timestamp?
    /// When it was archived.
    public var archivedAt: Timestamp?
    /// How often it came back from resolved.
    public var reopenCount: UInt32
    /// When staff first wrote to the requester.
    public var firstResponseAt: Timestamp?
    /// Entries of the history so far.
    public var entryCount: UInt64
    /// The last link of the audit chain.
    public var auditHead: SHA256Digest
    /// The requester's word after the end.
    public var survey: Survey?

    /// Puts a new case together, at version 0, before its creation is applied.
    public init(id: CaseID, requester: Requester, queue: QueueID, team: TeamID, at: Timestamp) {
        self.id = id
        version = 0
        status = .new
        title = ""
        self.requester = requester
        channel = .api
        channelInfo = []
        createdAt = at
        updatedAt = at
        ownershipVersion = 0
        self.queue = queue
        self.team = team
        priority = .normal
        tags = []
        fields = []
        links = []
        queuedAt = at
        reopenCount = 0
        entryCount = 0
        auditHead = .zero
    }
}
