import CaseModel
import ClusterPrimitives

/// A group of people who handle cases together.
public struct Team: Hashable, Sendable {
    /// Its name in commands.
    public var id: TeamID
    /// Its name for people; may be empty.
    public var title: String

    /// Puts a team together.
    public init(id: TeamID, title: String = "") {
        self.id = id
        self.title = title
    }
}

/// Where unassigned cases of one topic wait.
public struct WorkQueue: Hashable, Sendable {
    /// Its name in commands.
    public var id: QueueID
    /// Its name for people; may be empty.
    public var title: String
    /// Whose it is.
    public var team: TeamID
    /// The addresses, numbers and widgets that lead here, as `ContactURI` writes them. Sorted, each
    /// once.
    public var recipients: [String]
    /// Skills that its cases ask for. Sorted, each once.
    public var requiredSkills: [String]
    /// A public comment by the owner of an open case makes it pending.
    public var commentPends: Bool
    /// The dispatcher leaves its new cases to AI agents at first.
    public var isAIFirst: Bool

    /// Puts a queue together.
    public init(
        id: QueueID,
        title: String = "",
        team: TeamID,
        recipients: [String] = [],
        requiredSkills: [String] = [],
        commentPends: Bool = false,
        isAIFirst: Bool = false
    ) {
        self.id = id
        self.title = title
        self.team = team
        self.recipients = recipients
        self.requiredSkills = requiredSkills
        self.commentPends = commentPends
        self.isAIFirst = isAIFirst
    }
}

/// Somebody whom the directory lists: staff, an AI agent, an admin, a channel, or a requester.
public struct DirectoryEntry: Hashable, Sendable {
    /// The name in commands.
    public var id: PrincipalID
    /// In which capacity this principal acts; never `.system`.
    public var role: Role
    /// The name for people; may be empty.
    public var title: String
    /// Agents, supervisors and reviewers: sorted, each once. Empty for others.
    public var teams: [TeamID]
    /// AI agents: sorted, each once. Empty for others.
    public var queues: [QueueID]
    /// Requesters: verified addresses and numbers, as `ContactURI` writes them; sorted, each once.
    /// Empty for others.
    public var contacts: [String]
    /// Agents, supervisors and AI agents: what they know. Sorted, each once.
    public var skills: [String]
    /// The most cases in assigned and open at a time, for those who may own cases; 0 for others.
    public var caseMaximum: UInt32

    /// Puts an entry together.
    public init(
        id: PrincipalID,
        role: Role,
        title: String = "",
        teams: [TeamID] = [],
        queues: [QueueID] = [],
        contacts: [String] = [],
        skills: [String] = [],
        caseMaximum: UInt32 = 0
    ) {
        self.id = id
        self.role = role
        self.title = title
        self.teams = teams
        self.queues = queues
        self.contacts = contacts
        self.skills = skills
        self.caseMaximum = caseMaximum
    }
}

extension Role {
    /// May own cases.
    var mayOwn: Bool { self == .agent || self == .supervisor || self == .aiAgent }
    /// Belongs to teams by name.
    var hasTeams: Bool { self == .agent || self == .supervisor || self == .reviewer }
}

/// Whether an agent takes cases now. The raw values are stored; never renumber.
public enum Presence: UInt8, CaseIterable, Sendable {
    /// Takes cases.
    case available = 1
    /// Back soon; takes none.
    case away = 2
    /// Not at work. What everybody is until they say otherwise.
    case offline = 3
}

/// A presence that somebody set.
public struct PresenceRecord: Hashable, Sendable {
    /// Whose.
    public var principal: PrincipalID
    /// What.
    public var presence: Presence
    /// Since when.
    public var since: Timestamp
}

/// A token as it is asked for. The secret itself never enters the replicated state.
public struct NewToken: Hashable, Sendable {
    /// Its name: what lists and revocations use.
    public var id: String
    /// SHA-256 of the secret.
    public var secretHash: SHA256Digest
    /// Whose it is; must be in the directory.
    public var principal: PrincipalID
    /// From when it no longer counts; nil for never.
    public var expiresAt: Timestamp?

    /// Puts a token together.
    public init(
        id: String,
        secretHash: SHA256Digest,
        principal: PrincipalID,
        expiresAt: Timestamp? = nil
    ) {
        self.id = id
        self.secretHash = secretHash
        self.principal = principal
        self.expiresAt = expiresAt
    }
}

/// A token on record.
public struct AccessToken: Hashable, Sendable {
    /// Its name.
    public var id: String
    /// SHA-256 of the secret.
    public var secretHash: SHA256Digest
    /// Whose it is.
    public var principal: PrincipalID
    /// The principal's role when it was issued; it counts only while the principal has that role.
    public var role: Role
    /// When it was issued.
    public var createdAt: Timestamp
    /// From when it no longer counts; nil for never.
    public var expiresAt: Timestamp?
    /// Since when it is revoked; nil while it is not.
    public var revokedAt: Timestamp?

    /// Whether it counts at an instant.
    public func isLive(at now: Timestamp) -> Bool {
        revokedAt == nil && (expiresAt.map { $0 > now } ?? true)
    }
}

/// What every shard must be told of an owner who left the directory, or came back.
///
/// A `.gone` notice stays when all shards know, so that a return is told; a `.back` one is dropped
/// then.
public struct OwnerNotice: Hashable, Sendable {
    /// What to tell. The raw values are stored; never renumber.
    public enum Kind: UInt8, Sendable {
        /// Left: release what they own.
        case gone = 1
        /// Returned: no longer gone.
        case back = 2
    }

    /// Who.
    public var principal: PrincipalID
    /// What to tell.
    public var kind: Kind
    /// Tells this notice from an earlier one of the same principal: the log index of the command
    /// that made it.
    public var generation: UInt64
    /// Who knows.
    public var shardsDone: ShardSet
}
