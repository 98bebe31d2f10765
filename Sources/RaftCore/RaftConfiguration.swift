import ClusterPrimitives

/// How reads are made linearizable.
public enum ReadMode: Sendable {
    /// The leader asks a quorum whether it still leads: one round for all reads that wait. The
    /// product's.
    case quorum
    /// The leader relies on not having been replaced within an election timeout. Wrong as soon as a
    /// clock stops or jumps; needs `checkQuorum`.
    case lease
}

/// The settings of one replica. Times are in ticks, whatever the driver lets a tick be.
public struct RaftConfiguration: Sendable {
    /// This replica's node.
    public var id: NodeID
    /// The group it belongs to.
    public var group: GroupID

    /// Ticks without a word from a leader before an election; the actual timeout is drawn anew from
    /// `electionTicks ..< 2 * electionTicks` each time, so that votes rarely split. Ten heartbeats,
    /// so that a few lost ones don't cost an election.
    public var electionTicks = 10
    /// Ticks between a leader's heartbeats.
    public var heartbeatTicks = 1
    /// Asks whether an election could be won before raising the term, so that a node that comes
    /// back from a partition does not depose a working leader.
    public var preVote = true
    /// The leader steps down when it has not heard from a quorum for `electionTicks`, and voters
    /// that hear a leader ignore candidates. Without it pre-vote misjudges partial partitions.
    public var checkQuorum = true
    /// How reads are made linearizable.
    public var readMode = ReadMode.quorum
    /// Reads that may wait for a round at once. Bounds memory when no quorum answers.
    public var readsPendingMax = 10_000

    /// Bytes of entries in one append, at least one entry. Small enough to share a link with
    /// heartbeats.
    public var messageBytesMax: UInt64 = 1 << 20
    /// Appends sent to one follower and not answered. Covers a round trip at full rate.
    public var inflightMessagesMax = 256
    /// Bytes of entries sent to one follower and not answered. Bounds the sender's queue.
    public var inflightBytesMax: UInt64 = 16 << 20
    /// Bytes of payload in the leader's log that are not applied yet; a proposal that would pass it
    /// is refused, unless there is none. Bounds the tail while there is no quorum.
    public var uncommittedBytesMax: UInt64 = 64 << 20
    /// Bytes of committed entries handed out and not reported as applied. Bounds one apply batch.
    public var committedBytesMax: UInt64 = 4 << 20

    /// Determines every random choice of this replica. Different for each, or votes split in step.
    public var seed: UInt64
    /// Whether a further write may be taken while one is still without its receipt. Off: one at a
    /// time, which a driver without a queue can keep up with.
    public var asyncStorageWrites = true

    /// Whether a follower passes proposals on. Off: the shell forwards by itself, and a command is
    /// forwarded one hop at most.
    public var forwardsProposals = false
    /// Whether changes of the membership keep to two rules more than the published scripts ask for.
    ///
    /// A leader proposes none before it has committed an entry of its own term. And it keeps its
    /// own vote: it refuses a change that would end it, and hands leadership over before it leaves
    /// a joint configuration. A leader that ended its own vote could leave behind voters that don't
    /// know it yet, and who, with the old majorities, can't elect anybody.
    public var strictChanges = true
    /// Whether who answers a candidate says how far is committed, which the candidate then knows too.
    ///
    /// A replica that has left the group knows that the change is committed, and stands no more; those
    /// who stayed may have forgotten it, and need its vote, which it can't give where its log goes further:
    /// nobody would ever lead. The published scripts know nothing of it. Source: TiKV's raft-rs, which found
    /// groups stuck so.
    public var tellsCommitToCandidates = true
    /// Whether a leader that is removed or demoted all the same steps down by itself.
    public var stepsDownOnRemoval = true
    /// Whether a leader appends configuration changes that don't fit the configuration in force.
    /// Only for those who serialise changes above Raft.
    public var acceptsUnfitChanges = false

    /// The defaults, for one replica.
    public init(id: NodeID, group: GroupID, seed: UInt64) {
        self.id = id
        self.group = group
        self.seed = seed
    }

    /// Checks the relations between the settings.
    func check() throws(RaftError) {
        func require(_ holds: Bool, _ reason: String) throws(RaftError) {
            if !holds { throw .invalidSetting(reason) }
        }
        try require(id != .none, "id: 0 means no node")
        try require(heartbeatTicks > 0, "heartbeatTicks: at least 1")
        try require(electionTicks > heartbeatTicks, "electionTicks: more than heartbeatTicks")
        try require(inflightMessagesMax > 0, "inflightMessagesMax: at least 1")
        try require(
            inflightBytesMax >= messageBytesMax,
            "inflightBytesMax: room for one message of messageBytesMax"
        )
        try require(committedBytesMax > 0, "committedBytesMax: at least 1")
        try require(readsPendingMax > 0, "readsPendingMax: at least 1")
        try require(readMode == .quorum || checkQuorum, "readMode: a lease needs checkQuorum")
    }
}

/// Why a replica can't be started. Never retry: what is on the disk, or the settings, are wrong.
public enum RaftError: Error, Equatable, Sendable {
    /// A setting contradicts itself or another; the text names it.
    case invalidSetting(String)
    /// The hard state knows more committed entries than the log holds: the log lost what it had
    /// synced.
    case commitBeyondLog(commit: LogIndex, lastIndex: LogIndex)
    /// The state machine is ahead of the log: the log lost what it had synced.
    case appliedBeyondLog(applied: LogIndex, lastIndex: LogIndex)
    /// The log no longer holds what the state machine has yet to apply.
    case appliedBehindLog(applied: LogIndex, firstIndex: LogIndex)
    /// The configuration that storage names contradicts itself.
    case invalidConfiguration
}
