#if CASECLUSTER_FAULTS
/// Faults that are put into the program on purpose, one at a time, to see whether the simulator finds them.
///
/// This table is all there is of them besides the places that ask `isOn`; neither exists in a build without
/// `CASECLUSTER_FAULTS` (the manifest sets it from the environment, and only `Deploy/simulate --faults` does).
public enum DeliberateFault: String, CaseIterable, Sendable {
    // Core.
    /// A leader commits an older term's entry because a quorum holds it.
    case commitsOldTermByCount
    /// A leader commits when one voter too few holds an entry.
    case commitsOneVoterShort
    /// A heartbeat names the leader's commit index, and a follower commits what it has.
    case heartbeatCommitsUnmatched
    /// A replica votes for everybody who asks in a term.
    case votesTwice
    /// A replica votes for a candidate whose log is behind its own.
    case votesForShorterLog
    /// A replica has forgotten its vote when it starts.
    case forgetsVoteOnRestart
    /// Votes and acknowledgements leave before they are durable.
    case acknowledgesBeforeDurable
    /// Entries are applied before they are durable here.
    case appliesBeforeDurable
    /// A read is granted without asking a quorum.
    case readsBeforeRound
    /// A follower keeps what contradicts its leader.
    case ignoresConflict
    /// Of a joint configuration only the incoming half counts.
    case countsOneHalfOfJoint

    // Driver.
    /// A proposal waits on when leadership is lost, and gets the result of whatever comes at its place.
    case answersOtherTerm
    /// A read joins a round that was out before it came.
    case readsJoinRunningRound
    /// A granted read does not wait until the store is there.
    case readsBeforeApplied
    /// The log is cut at what is applied, whether or not a checkpoint made it durable.
    case compactsAheadOfCheckpoint

    // Log.
    /// A batch is not synced.
    case skipsLogSync
    /// A small batch, as a vote makes, is not synced.
    case skipsVoteSync
    /// A vote is not written.
    case dropsVoteFromLog
    /// A segment's name is not made durable.
    case skipsDirectorySync
    /// A segment retires with live records in it.
    case retiresWithoutMoving
    /// A batch's checksum is not looked at.
    case acceptsDamagedBatches

    // Store.
    /// The applied index that is stored is the one before the batch.
    case storesAppliedIndexLate
    /// A shard obeys coordinators of any epoch.
    case forgetsEpoch
    /// A key answers whatever the request says.
    case ignoresRequestHash
    /// A key is not looked up.
    case forgetsKeys
    /// A timer closes a second early.
    case closesEarly
    /// A snapshot has no idempotency keys.
    case dropsKeysFromSnapshot
    /// A checkpoint does not sync.
    case checkpointsWithoutSync
    /// A received snapshot is not synced before it is named.
    case preparesSnapshotWithoutSync
    /// The old write-ahead log stays beside a new file.
    case leavesOldWriteAheadLog

    // Coordinator.
    /// What a shard says about its next due time is not remembered.
    case forgetsDueTimes
    /// A night is over for a shard when it has begun.
    case skipsArchiving

    /// The one that is on. Set before anything runs, by the one thread that then runs it.
    nonisolated(unsafe) public static var active: DeliberateFault?

    /// Whether it is on.
    public var isOn: Bool { Self.active == self }
}
#endif
