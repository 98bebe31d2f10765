import ClusterPrimitives

/// Who acts, with the rights that a node checked, as of a version of the directory.
public struct Actor: Hashable, Sendable {
    /// Who.
    public var id: PrincipalID
    /// In which capacity.
    public var role: Role
    /// Sorted: a human's teams; for an AI agent the teams of its queues.
    public var teams: [TeamID]
    /// Sorted: an AI agent's queues; empty for others.
    public var queues: [QueueID]
    /// A requester's other names: the verified addresses and numbers of its entry, as URIs. Sorted.
    public var aliases: [PrincipalID]
    /// The directory that says so.
    public var directoryVersion: UInt64
    /// From where: a network address, or a channel and its key. For the audit.
    public var origin: String

    /// Puts an actor together.
    public init(
        id: PrincipalID,
        role: Role,
        teams: [TeamID] = [],
        queues: [QueueID] = [],
        aliases: [PrincipalID] = [],
        directoryVersion: UInt64 = 0,
        origin: String = ""
    ) {
        self.id = id
        self.role = role
        self.teams = teams
        self.queues = queues
        self.aliases = aliases
        self.directoryVersion = directoryVersion
        self.origin = origin
    }
}

/// A file that came with a message. The bytes are in the raw message.
public struct Attachment: Hashable, Sendable {
    /// As named by the sender.
    public var fileName: String
    /// `image/png`.
    public var mediaType: String
    /// Size in bytes.
    public var byteCount: UInt64
    /// SHA-256 of the bytes.
    public var digest: SHA256Digest

    /// Puts an attachment together.
    public init(fileName: String, mediaType: String, byteCount: UInt64, digest: SHA256Digest) {
        self.fileName = fileName
        self.mediaType = mediaType
        self.byteCount = byteCount
        self.digest = digest
    }
}

/// One communication event: an e-mail, a chat, a call.
public struct Interaction: Hashable, Sendable {
    /// How it came.
    public var channel: Channel
    /// Message-ID, chat id, call id: unique within the channel; may be empty for `api`.
    public var externalKey: String
    /// When it was sent or began, by its own word; zero if unknown.
    public var sentAt: Timestamp
    /// Participants, direction, duration, recording and the like.
    public var info: [NamedValue]
    /// What came with it.
    public var attachments: [Attachment]
    /// The raw message, at most `CaseLimits.rawBytesMax` bytes; may be empty.
    public var raw: [UInt8]

    /// Puts an interaction together.
    public init(
        channel: Channel,
        externalKey: String = "",
        sentAt: Timestamp = .zero,
        info: [NamedValue] = [],
        attachments: [Attachment] = [],
        raw: [UInt8] = []
    ) {
        self.channel = channel
        self.externalKey = externalKey
        self.sentAt = sentAt
        self.info = info
        self.attachments = attachments
        self.raw = raw
    }
}

/// Something somebody said to somebody, public unless it stands in a note.
public struct CaseMessage: Hashable, Sendable {
    /// The text, at most `CaseLimits.textBytesMax` bytes.
    public var text: String
    /// The contact that brought it, if one did.
    public var interaction: Interaction?
    /// Who wrote it, where that is not the actor: an address.
    public var from: String

    /// Puts a message together.
    public init(text: String, interaction: Interaction? = nil, from: String = "") {
        self.text = text
        self.interaction = interaction
        self.from = from
    }
}

/// What the directory said of a queue when the command was checked.
public struct QueueFacts: Hashable, Sendable {
    /// The queue.
    public var id: QueueID
    /// Its team.
    public var team: TeamID

    /// Puts the facts together.
    public init(id: QueueID, team: TeamID) {
        self.id = id
        self.team = team
    }
}

/// What the directory said of an agent when the command was checked.
public struct AgentFacts: Hashable, Sendable {
    /// The agent.
    public var id: PrincipalID
    /// Agent, supervisor or AI agent.
    public var role: Role
    /// Sorted.
    public var teams: [TeamID]
    /// Set to available by the agent or a supervisor.
    public var isAvailable: Bool

    /// Puts the facts together.
    public init(id: PrincipalID, role: Role, teams: [TeamID], isAvailable: Bool = true) {
        self.id = id
        self.role = role
        self.teams = teams
        self.isAvailable = isAvailable
    }
}

/// A case to be.
public struct NewCase: Hashable, Sendable {
    /// Empty gets the default title.
    public var title: String
    /// Who asks.
    public var requester: Requester
    /// How it came in.
    public var channel: Channel
    /// The address, number, widget and the like.
    public var channelInfo: [NamedValue]
    /// What was said first.
    public var firstMessage: CaseMessage
    /// Where it waits.
    public var queue: QueueFacts
    /// How urgent.
    public var priority: Priority
    /// At most `CaseLimits.tagsMax`.
    public var tags: [String]
    /// At most `CaseLimits.fieldsMax`.
    public var fields: [NamedValue]
    /// A case that this one continues or belongs to.
    public var links: [CaseLink]
    /// The creator owns it and starts at once (an agent on a call, an AI agent).
    public var asOwner: Bool

    /// Puts a new case together.
    public init(
        title: String,
        requester: Requester,
        channel: Channel,
        channelInfo: [NamedValue] = [],
        firstMessage: CaseMessage,
        queue: QueueFacts,
        priority: Priority = .normal,
        tags: [String] = [],
        fields: [NamedValue] = [],
        links: [CaseLink] = [],
        asOwner: Bool = false
    ) {
        self.title = title
        self.requester = requester
        self.channel = channel
        self.channelInfo = channelInfo
        self.firstMessage = firstMessage
        self.queue = queue
        self.priority = priority
        self.tags = tags
        self.fields = fields
        self.links = links
        self.asOwner = asOwner
    }
}

/// Changes of fields; nil leaves a field as it is.
public struct FieldUpdate: Hashable, Sendable {
    /// Also by the requester.
    public var title: String?
    /// Also by the requester: name, address, phone.
    public var requesterName: String?
    /// Also by the requester.
    public var requesterAddress: String?
    /// Also by the requester.
    public var requesterPhone: String?
    /// Staff only.
    public var priority: Priority?
    /// Staff only: set these; an empty value removes the field.
    public var fields: [NamedValue]

    /// Puts an update together.
    public init(
        title: String? = nil,
        requesterName: String? = nil,
        requesterAddress: String? = nil,
        requesterPhone: String? = nil,
        priority: Priority? = nil,
        fields: [NamedValue] = []
    ) {
        self.title = title
        self.requesterName = requesterName
        self.requesterAddress = requesterAddress
        self.requesterPhone = requesterPhone
        self.priority = priority
        self.fields = fields
    }
}

/// What somebody wants done to a case.
public enum CaseAction: Hashable, Sendable {
    /// Makes a case.
    case create(NewCase)
    /// A public comment: by the requester, staff, or (by intake) a third party.
    case comment(CaseMessage)
    /// An automatic reply, by intake: kept as a note, changes no status.
    case automaticReply(CaseMessage)
    /// An internal note.
    case note(String)
    /// Gives it to an agent.
    case assign(AgentFacts, reason: String = "")
    /// The owner starts.
    case accept
    /// The owner hands an offer back.
    case decline(reason: String)
    /// The actor takes it.
    case assignToMe
    /// Hands it up; an AI agent's summary becomes a note.
    case escalate(reason: String, target: EscalationTarget, summary: String)
    /// The system hands it up.
    case escalateByRule(rule: String, target: EscalationTarget)
    /// On hold for internal input, perhaps until an instant.
    case park(reason: String, until: Timestamp?)
    /// Asks the requester, publicly.
    case requestInfo(question: String)
    /// Waits for somebody outside.
    case waitForExternal(party: String, reason: String)
    /// Back to work.
    case resume
    /// A solution: a note for staff, a message for the requester.
    case proposeSolution(note: String, message: String)
    /// The requester is content.
    case acceptSolution
    /// The requester is not.
    case rejectSolution(reason: String)
    /// Back from resolved.
    case reopen(reason: String)
    /// Ends it; notes are for staff (a requester gives none).
    case close(notes: String)
    /// Moves it to another queue.
    case transferToQueue(QueueFacts, reason: String)
    /// Moves it to another agent.
    case transferToAgent(AgentFacts, reason: String)
    /// A supervisor moves it to anybody.
    case reassign(AgentFacts, reason: String)
    /// The owner was removed from the directory.
    case release(note: String)
    /// Erases it.
    case delete(reason: String)
    /// Changes fields.
    case update(FieldUpdate)
    /// Adds a tag.
    case addTag(String)
    /// Removes a tag.
    case removeTag(String)
    /// Points at another case.
    case link(CaseLink)
    /// Adds a contact that needs no answer: a recorded call, a chat.
    case attachInteraction(Interaction, text: String)
    /// The requester's word after the end.
    case submitSurvey(Survey)
    /// The coordinator closes what nobody answered; `asOf` is the sweep's instant.
    case closeByTimer(asOf: Timestamp)
    /// The coordinator archives what was closed before the night's boundary.
    case archive(boundary: Timestamp)
}

/// A command on one case, as it is proposed and replicated.
public struct CaseCommand: Hashable, Sendable {
    /// Who, with which rights.
    public var actor: Actor
    /// The case; nil for a create.
    public var target: CaseID?
    /// What.
    public var action: CaseAction
    /// The version it was decided on; another one is refused.
    public var expectedVersion: UInt64?
    /// 16 random bytes that the contents' hashes are salted with.
    public var salt: [UInt8]
    /// The reopen window in force (used by a resolve).
    public var reopenWindow: TimeSpan
    /// Queues in which an owner's public comment makes the case pending. Sorted.
    public var queuesWhereCommentPends: [QueueID]
    /// What the directory said of the queue that an escalation names, where that isn't the case's own.
    public var escalationQueue: QueueFacts?

    /// Puts a command together.
    public init(
        actor: Actor,
        target: CaseID?,
        action: CaseAction,
        expectedVersion: UInt64? = nil,
        salt: [UInt8],
        reopenWindow: TimeSpan = .days(7),
        queuesWhereCommentPends: [QueueID] = [],
        escalationQueue: QueueFacts? = nil
    ) {
        self.actor = actor
        self.target = target
        self.action = action
        self.expectedVersion = expectedVersion
        self.salt = salt
        self.reopenWindow = reopenWindow
        self.queuesWhereCommentPends = queuesWhereCommentPends
        self.escalationQueue = escalationQueue
    }
}
