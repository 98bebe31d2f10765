import ClusterPrimitives

/// What the shard knows besides the case, read in the same transaction.
public struct ShardFacts: Hashable, Sendable {
    /// The case's owner was removed from the directory (the shard keeps the list itself).
    public var ownerIsGone: Bool
    /// So was who would own it after the command, `CaseCommand.candidate`. The directory that the command was checked
    /// against may be older than the removal.
    public var candidateIsGone: Bool

    /// Puts the facts together.
    public init(ownerIsGone: Bool = false, candidateIsGone: Bool = false) {
        self.ownerIsGone = ownerIsGone
        self.candidateIsGone = candidateIsGone
    }
}

/// What an accepted command does to a case; each is one entry of its history, in order.
public enum CaseEvent: Hashable, Sendable {
    /// The case exists. Carries the first message.
    case created(NewCase)
    /// It moved.
    case statusChanged(from: CaseStatus, to: CaseStatus, action: ActionName, reason: String)
    /// The owner changed; the role is the new owner's.
    case ownerChanged(from: PrincipalID?, to: PrincipalID?, role: Role?)
    /// It waits elsewhere.
    case queueChanged(from: QueueID, to: QueueFacts)
    /// Somebody said something, for everybody to read.
    case commentAdded(CaseMessage, byThirdParty: Bool)
    /// Somebody wrote something, for staff alone.
    case noteAdded(text: String, interaction: Interaction?)
    /// It was handed up.
    case escalated(Escalation)
    /// It is on hold.
    case parked(reason: String, until: Timestamp?)
    /// It waits for somebody.
    case waiting(PendingReason)
    /// It came to its owner from `from`.
    case assignedFrom(CaseStatus)
    /// An offer was handed back.
    case declined(by: PrincipalID)
    /// A solution went out at `at`; the timer may close it at `dueAt`.
    case resolved(at: Timestamp, dueAt: Timestamp)
    /// It came back from resolved.
    case reopened
    /// A field changed.
    case fieldChanged(name: String, from: String, to: String)
    /// A tag came or went.
    case tagChanged(tag: String, added: Bool)
    /// A link came.
    case linked(CaseLink)
    /// A contact was added.
    case interactionAttached(Interaction, text: String)
    /// The requester's word.
    case surveySubmitted(Survey)
    /// Content is erased; who, when, why stay.
    case erased(reason: String)
}

/// The actions' names, as the table, the audit and the protocol spell them.
/// The raw values are stored; never renumber.
public enum ActionName: UInt8, CaseIterable, Sendable {
    case create = 1
    case createAsOwner = 2
    case comment = 3
    case automaticReply = 4
    case note = 5
    case assign = 6
    case accept = 7
    case decline = 8
    case assignToMe = 9
    case escalate = 10
    case escalateByRule = 11
    case park = 12
    case requestInfo = 13
    case waitForExternal = 14
    case resume = 15
    case proposeSolution = 16
    case acceptSolution = 17
    case rejectSolution = 18
    case reopen = 19
    case close = 20
    case transferToQueue = 21
    case transferToAgent = 22
    case reassign = 23
    case release = 24
    case delete = 25
    case update = 26
    case addTag = 27
    case removeTag = 28
    case link = 29
    case attachInteraction = 30
    case submitSurvey = 31
    case closeByTimer = 32
    case archive = 33
}

/// Why a command was not carried out: a rule said no. The same on every replica, and remembered; don't retry.
public enum CaseRefusal: Error, Hashable, Sendable {
    /// No such case, or one that this actor may not see.
    case notFound
    /// Not in this status.
    case wrongStatus(action: ActionName, status: CaseStatus)
    /// Not in this role.
    case wrongRole(action: ActionName, role: Role)
    /// Only its owner may.
    case notOwner(action: ActionName)
    /// Not this requester's case.
    case notRequester
    /// The case belongs to another team or queue.
    case wrongTeam(team: TeamID)
    /// Something that must be said was not.
    case missing(field: String)
    /// Something is wrong with what was said.
    case invalid(field: String, reason: String)
    /// More than `limit` (bytes or items).
    case tooLong(field: String, limit: UInt32)
    /// Somebody was faster; decide again on `current`.
    case staleVersion(current: UInt64)
    /// The agent to give it to can't have it: gone, away, another team, wrong role.
    case unsuitableAgent(id: PrincipalID, reason: String)
    /// Was handed up to a supervisor.
    case needsSupervisor
    /// More cases than the agent may have.
    case overLimit(agent: PrincipalID, maximum: UInt32)
    /// The time has not come.
    case notDue(dueAt: Timestamp)
    /// Was done before, and can be done once.
    case alreadyDone(action: ActionName)
    /// The idempotency key was used with other content.
    case keyReused
    /// A coordinator of an older epoch.
    case staleEpoch
}

/// What a client learns of an accepted command.
public struct CaseReceipt: Hashable, Sendable {
    /// The case.
    public var id: CaseID
    /// Its version after the command.
    public var version: UInt64
    /// Its status after the command.
    public var status: CaseStatus
    /// Its owner after the command.
    public var owner: PrincipalID?
    /// When, by the shard's time.
    public var at: Timestamp

    /// Puts a receipt together.
    public init(id: CaseID, version: UInt64, status: CaseStatus, owner: PrincipalID?, at: Timestamp)
    {
        self.id = id
        self.version = version
        self.status = status
        self.owner = owner
        self.at = at
    }
}
