import CaseProtocol

// The protocol's messages under the names that callers use. Their fields are documented in
// Protocol/casecluster/v1; times are milliseconds since 1970-01-01 UTC, 0 means "not set".

/// One case, without its history.
public typealias CaseRecord = PBCase
/// Where a case stands.
public typealias CaseStatus = PBCaseStatus
/// One item of a case's history.
public typealias CaseEntry = PBEntry
/// What kind an entry is.
public typealias CaseEntryKind = PBEntryKind
/// A file that came with a message.
public typealias CaseAttachment = PBAttachment
/// What is learned of an accepted command.
public typealias CaseReceipt = PBReceipt
/// Who asked.
public typealias CaseRequester = PBRequester
/// A pointer to another case.
public typealias CaseLink = PBCaseLink
/// How a case points at another.
public typealias CaseLinkKind = PBLinkKind
/// The requester's word after the end.
public typealias CaseSurvey = PBSurvey
/// How urgent.
public typealias CasePriority = PBPriority
/// The way a contact came in.
public typealias CaseChannel = PBChannel
/// A name and a value.
public typealias CaseNamedValue = PBNamedValue
/// To whom a case is handed up.
public typealias CaseEscalationTarget = PBEscalationTarget
/// A case to be made; its `idempotencyKey` is set by the client unless given.
public typealias NewCase = PBCreateRequest
/// Changes of fields; what is not set stays.
public typealias CaseUpdate = PBUpdateAction
/// Which cases, in which order.
public typealias CaseQuery = PBListRequest
/// An order of cases.
public typealias CaseOrder = PBListOrder
/// A page of cases.
public typealias CasePage = PBListResponse
/// A page of a history.
public typealias CaseHistoryPage = PBHistoryResponse
/// What recomputing an audit chain found.
public typealias CaseVerification = PBVerifyResponse
/// From where to follow changes.
public typealias WatchRequest = PBWatchRequest
/// Something happened to a case.
public typealias WatchEvent = PBWatchEvent

/// What became of a contact.
public typealias IntakeReceipt = PBSubmitResponse
/// In one word.
public typealias IntakeOutcome = PBSubmitOutcome

/// Somebody who can act.
public typealias Principal = PBPrincipal
/// Whether somebody takes cases now.
public typealias Presence = PBPresence
/// In which capacity.
public typealias PrincipalRole = PBRole
/// A team.
public typealias Team = PBTeam
/// A queue.
public typealias WorkQueue = PBQueue
/// A token without its secret.
public typealias AccessToken = PBToken
/// A new token, with its secret.
public typealias IssuedToken = PBIssueTokenResponse

/// What a node knows of the cluster.
public typealias ClusterStatus = PBStatusResponse
/// What one node does and has, as of one moment.
public typealias NodeLoad = PBLoadResponse
/// One replica of that node.
public typealias GroupLoad = PBGroupLoad
/// A cluster setting.
public typealias ClusterSetting = PBSetting
/// A nightly run.
public typealias ClusterNight = PBNight
/// A node.
public typealias ClusterNode = PBNodeStatus
/// One replication group on the answering node.
public typealias ClusterGroup = PBGroupStatus
/// What one replica of a shard holds.
public typealias ShardChecksum = PBShardChecksum
/// What a new node has to be told.
public typealias AddedNode = PBAddNodeResponse
/// How far a node has come.
public typealias NodeProgress = PBNodeProgressResponse
/// A node's part in one group.
public typealias NodeGroupProgress = PBGroupProgress
/// What a node is in a group.
public typealias NodeReplicaRole = PBReplicaRole
