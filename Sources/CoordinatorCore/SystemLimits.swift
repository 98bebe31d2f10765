/// The limits of what the system group holds: all of it lives in every node's memory.
public enum SystemLimits {
    /// Bytes of a principal's, team's, queue's or token's id: room for any mail address with its
    /// scheme (RFC 5321: 254).
    public static let idBytesMax = 320
    /// Bytes of a display name.
    public static let titleBytesMax = 256
    /// Bytes of `host:port`: a DNS name (255) and a port.
    public static let addressBytesMax = 261
    /// Nodes that were ever members: removed ones stay, so that no id is used again.
    public static let membersEverMax = 1_024
    /// Nodes that are members now: heartbeats and learners of the system group grow with them.
    public static let membersActiveMax = 128
    /// Replicas of one shard, learners included: a joint change from three to three others, and one
    /// spare.
    public static let replicasMax = 7
    /// Replicas a shard gets where there are enough nodes: survives the loss of one.
    public static let replicasTarget = 3
    /// Voters of the system group: survives the loss of two.
    public static let systemVotersMax = 5
    /// Entries of the directory: about 400 bytes each, 40 MB.
    public static let principalsMax = 100_000
    /// Staff that may own cases, present and removed: a removed one keeps a row, so that its return
    /// is told.
    public static let ownersEverMax = 20_000
    /// Teams: a list that people read.
    public static let teamsMax = 1_000
    /// Queues: a list that people read.
    public static let queuesMax = 1_000
    /// Teams of one agent: every read checks them.
    public static let teamsPerPrincipalMax = 64
    /// Queues of one AI agent: every read checks them.
    public static let queuesPerPrincipalMax = 64
    /// Skills of one agent, or required by one queue.
    public static let skillsMax = 32
    /// Verified addresses and numbers of one requester: every read of its cases checks them.
    public static let contactsMax = 16
    /// Addresses, numbers and widgets that lead to one queue.
    public static let recipientsMax = 64
    /// Cases in hand that an agent's maximum may say.
    public static let caseMaximumMax: UInt32 = 1_000
    /// Tokens of one principal, dead ones included until room is needed: a few machines, and one to
    /// roll over.
    public static let tokensPerPrincipalMax = 16
    /// Tokens altogether: about 200 bytes each, 20 MB.
    public static let tokensMax = 100_000
    /// Bytes of an idempotency key: the longest legal Message-ID line (RFC 5322: 998).
    public static let keyBytesMax = 1_000
    /// Bytes of a method's name.
    public static let methodBytesMax = 128
    /// Results remembered under keys: one per second for a day, with room; more are refused until
    /// some expire.
    public static let resultsMax = 100_000
    /// Expired results dropped by one command: more than one, so that they drain; few, so that
    /// apply stays short.
    public static let resultsDroppedPerCommandMax = 16
    /// Nights on record: two months of daily ones.
    public static let nightsKept = 64
    /// Settings in one command: every setting, several times over.
    public static let settingsPerCommandMax = 64
    /// Shards placed by one command: all of them.
    public static let placementsPerCommandMax = 1_024
    /// The version of the cluster's replicated formats that this program knows.
    public static let clusterVersionKnown: UInt32 = 1
}
