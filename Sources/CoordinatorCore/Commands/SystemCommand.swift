import CaseModel
import ClusterPrimitives

/// How a cluster begins: the first command of the system group's log.
public struct ClusterFounding: Hashable, Sendable {
    /// Bytes of a cluster's id.
    public static let idBytes = 16
    /// The number of shards where nobody says otherwise: four nodes can share it evenly.
    public static let shardCountDefault: UInt32 = 16

    /// 16 random bytes.
    public var clusterID: [UInt8]
    /// 1...1024, fixed for ever.
    public var shardCount: UInt32
    /// 1, or more for a cluster made from a backup.
    public var incarnation: UInt64
    /// The founding nodes: one or more.
    public var members: [Member]
    /// The first admin's name in the directory.
    public var admin: PrincipalID
    /// The first admin's token; its principal must be `admin`.
    public var adminToken: NewToken

    /// Puts a founding together.
    public init(
        clusterID: [UInt8],
        shardCount: UInt32 = shardCountDefault,
        incarnation: UInt64 = 1,
        members: [Member],
        admin: PrincipalID = PrincipalID("admin"),
        adminToken: NewToken
    ) {
        self.clusterID = clusterID
        self.shardCount = shardCount
        self.incarnation = incarnation
        self.members = members
        self.admin = admin
        self.adminToken = adminToken
    }
}

/// What the system group's log carries.
public enum SystemCommand: Hashable, Sendable {
    /// Founds the cluster: its identity, members, shard map, an admin, and a team and a queue named
    /// `default`.
    case initialize(ClusterFounding)
    /// A node joins; it gets no replicas by itself.
    case addMember(Member)
    /// A member's addresses or its program's version changed.
    case updateMember(Member)
    /// A member that holds no replica leaves; its id is never used again.
    case removeMember(NodeID)
    /// A member's disk is lost, or it is to go: another node joins, takes its replicas over, and then
    /// it is removed.
    case replaceMember(NodeID, with: Member)
    /// The coordinator: where voters should be.
    case placeShards([ShardTarget], epoch: Epoch)
    /// A shard's leader: what its Raft configuration says, and that configuration's log index.
    case reportShard(
        shard: ShardID,
        voters: [NodeID],
        learners: [NodeID],
        configurationIndex: LogIndex
    )
    /// Changes settings, all or none; an empty value brings back the default.
    case setSettings([NamedValue])
    /// Adds or replaces a team.
    case putTeam(Team)
    /// Removes a team that nothing refers to.
    case removeTeam(TeamID)
    /// Adds or replaces a queue.
    case putQueue(WorkQueue)
    /// Removes a queue that nothing refers to.
    case removeQueue(QueueID)
    /// Adds or replaces an entry; one that returns is told to every shard.
    case putPrincipal(DirectoryEntry)
    /// Removes an entry with its tokens; an owner's leaving is told to every shard.
    case removePrincipal(PrincipalID)
    /// Whether an agent takes cases now.
    case setPresence(PrincipalID, Presence)
    /// A new token, for a principal in the directory.
    case issueToken(NewToken)
    /// A token no longer counts.
    case revokeToken(String)
    /// A leader of the system group starts to coordinate.
    case beginEpoch(Epoch)
    /// After a restore from backup: everything from before is fenced off.
    case beginIncarnation(UInt64)
    /// The coordinator: the night with this number begins at this instant, which has come.
    case planNight(number: UInt64, boundary: Timestamp, epoch: Epoch)
    /// The coordinator: the shard has archived what closed before the night's boundary.
    case nightShardDone(number: UInt64, shard: ShardID, epoch: Epoch)
    /// The coordinator: all shards are done.
    case nightFinished(number: UInt64, epoch: Epoch)
    /// The coordinator: the shard knows that somebody left, or is back.
    case noticeShardDone(
        principal: PrincipalID,
        generation: UInt64,
        shard: ShardID,
        epoch: Epoch
    )
    /// All members run programs that know this version of the formats: use it.
    case raiseClusterVersion(UInt32)
}

extension SystemCommand {
    /// The coordinator's epoch, in the commands that it sends.
    public var epoch: Epoch? {
        switch self {
        case .placeShards(_, let epoch), .beginEpoch(let epoch),
            .planNight(_, _, let epoch), .nightShardDone(_, _, let epoch),
            .nightFinished(_, let epoch), .noticeShardDone(_, _, _, let epoch):
            epoch
        case .initialize, .addMember, .updateMember, .removeMember, .replaceMember, .reportShard,
            .setSettings,
            .putTeam, .removeTeam, .putQueue, .removeQueue, .putPrincipal, .removePrincipal,
            .setPresence, .issueToken, .revokeToken, .beginIncarnation, .raiseClusterVersion:
            nil
        }
    }
}

/// A system command with its time, and for whom it is carried out.
public struct StampedSystemCommand: Hashable, Sendable {
    /// The format written: a node refuses (stops at) a newer one.
    public static let formatVersion: UInt8 = 1
    /// By the system group's leader; never behind its last. Raised to it when applied.
    public var at: Timestamp
    /// Who wants it; nil for the cluster itself (founding, coordination, reports).
    public var by: PrincipalID?
    /// Under what the result is remembered; nil where the command repeats without harm by itself.
    public var scope: IdempotencyScope?
    /// What to do.
    public var command: SystemCommand

    /// Puts a stamped command together.
    public init(
        at: Timestamp,
        by: PrincipalID? = nil,
        scope: IdempotencyScope? = nil,
        command: SystemCommand
    ) {
        self.at = at
        self.by = by
        self.scope = scope
        self.command = command
    }
}

/// What applying one system command gave.
public struct SystemOutcome: Hashable, Sendable {
    /// The answer to whoever proposed it.
    public var result: SystemResult
    /// The rows to write, in order, in the transaction that raises the applied index.
    public var mutations: [SystemMutation]
}

/// The answer to a system command; remembered where the command has a scope.
public enum SystemResult: Hashable, Sendable {
    /// Carried out, now or by an earlier copy of the command.
    case accepted(SystemReceipt)
    /// Refused by rule; nothing changed.
    case refused(SystemRefusal)
}

/// What a caller learns of an accepted command.
public struct SystemReceipt: Hashable, Sendable {
    /// When, by the system group's time.
    public var at: Timestamp
    /// The directory's version after the command.
    public var directoryVersion: UInt64
    /// The id of what was changed; empty where there is none.
    public var subject: String

    /// Puts a receipt together.
    public init(at: Timestamp, directoryVersion: UInt64, subject: String = "") {
        self.at = at
        self.directoryVersion = directoryVersion
        self.subject = subject
    }
}

/// Why a system command was not carried out: a rule said no. The same on every replica; repeating
/// it as it is gives the same answer until the state changes. Texts name fields and ids, never
/// content.
public enum SystemRefusal: Error, Hashable, Sendable {
    /// The cluster is not founded yet. Retry after it is.
    case notInitialized
    /// The cluster is founded already. Drop it.
    case alreadyInitialized
    /// The caller's role in the directory does not allow it.
    case forbidden(role: Role)
    /// No such thing. Correct the id.
    case notFound(field: String, id: String)
    /// Is taken, by `id`. Choose another.
    case exists(field: String, id: String)
    /// Something is wrong with what was said. Correct it.
    case invalid(field: String, reason: String)
    /// More than `limit` bytes. Shorten it.
    case tooLong(field: String, limit: UInt32)
    /// More than `limit` items. Remove some first.
    case tooMany(field: String, limit: UInt32)
    /// Something (`by`) still refers to it. Change that first.
    case inUse(field: String, id: String, by: String)
    /// The last admin can't be removed or given another role. Add another first.
    case lastAdmin
    /// A member's program does not know the version. Upgrade it first.
    case versionUnknown(to: NodeID, known: UInt32)
    /// The idempotency key was used with other content. Use a new key.
    case keyReused
    /// A coordinator of an older epoch. Stop coordinating.
    case staleEpoch(current: Epoch)
    /// The boundary has not come. Plan again when it has.
    case notDue(boundary: Timestamp)
    /// Not the night that comes next. Read the record and plan again.
    case wrongNight(expected: UInt64)
    /// The last night is not finished. Finish it first.
    case nightRunning(number: UInt64)
    /// Not all shards are done. Finish them first.
    case nightIncomplete(shardsMissing: UInt32)
}
