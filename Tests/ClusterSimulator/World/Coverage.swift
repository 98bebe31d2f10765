/// What a run has met: faults, and paths that are rarely taken. A run that is long enough must have met
/// each of them, or it proves less than it says.
public enum Encounter: String, CaseIterable, Sendable {
    // Faults.
    case crashOfProcess = "process killed"
    case powerCut = "power cut"
    case powerCutDuringInstall = "power cut while a snapshot is installed"
    case powerCutDuringWrite = "power cut in the midst of a disk operation"
    case tornWrite = "unsynced write torn"
    case lostWrite = "unsynced write lost"
    case failedSync = "sync failed"
    case diskFull = "disk full"
    case diskStall = "disk stalled"
    case flippedBit = "bit of the log flipped"
    case droppedMessage = "message dropped"
    case duplicatedMessage = "message repeated"
    case delayedMessage = "message delayed long"
    case oneWayCut = "link cut one way"
    case linkCut = "link cut both ways"
    case partition = "nodes partitioned"
    case cutAlongChange = "members who go cut off from those who come"
    case leaderCut = "leader cut off from its peers, not from clients"
    case lateTimers = "timers late"
    case slowMachine = "machine slower than the others"
    case clockDrift = "clock drifts"
    case clockJumpBack = "clock jumped back"
    case clockJumpForward = "clock jumped forward"
    case allDown = "all nodes down at once"
    case pause = "process paused"
    // Paths.
    case electionLost = "candidate without success"
    case leaderChanged = "leader changed"
    case steppedDown = "leader stepped down"
    case conflictTruncated = "conflicting entries replaced"
    case tornTailCut = "torn tail of the log cut"
    case segmentRetired = "log segment retired"
    case recoveredBehind = "store recovered behind the log"
    case checkpointCompacted = "log compacted behind a checkpoint"
    case snapshotMade = "snapshot made"
    case snapshotSendFailed = "snapshot lost on its way"
    case snapshotInstalled = "snapshot installed"
    case installationResumed = "installation resumed after a crash"
    case jointEntered = "joint configuration entered"
    case memberReplaced = "member replaced"
    case lostNodeReplaced = "lost node replaced by a new one"
    case leadershipTransferred = "leadership handed over"
    case leadershipGivenBack = "leadership given back to who is to lead"
    case wrongClockGaveUp = "leader with a wrong clock gave up"
    case openTransactionGrew = "batch joined an open transaction"
    case fullDiskGaveWay = "leader with a full disk gave way"
    case proposalRefused = "proposal refused for overload"
    case outcomeUnknown = "proposal with unknown outcome"
    case retriedByKey = "command retried under its key"
    case keyReuseRefused = "key with other content refused"
    case mailKnown = "mail that came again"
    case caseDeleted = "case deleted"
    case ownerLeft = "owner's leaving told to a shard"
    case readServed = "linearizable read served"
    case readElsewhere = "linearizable read served by a follower"
    case readFailed = "linearizable read failed"
    case closedByTimer = "case closed by timer"
    case resumedByTimer = "case resumed by timer"
    case archived = "case archived at night"
    case coordinatorChanged = "coordinator failed over"
    case epochFenced = "stale coordinator refused"
    case corruptionRefused = "damaged log refused"
}

/// Counts encounters.
public struct Coverage: Sendable {
    private var counts = [UInt64](repeating: 0, count: Encounter.allCases.count)

    /// Nothing met.
    public init() {}

    /// How often.
    public subscript(encounter: Encounter) -> UInt64 {
        get { counts[Self.place(encounter)] }
        set { counts[Self.place(encounter)] = newValue }
    }

    /// Those never met.
    public var missing: [Encounter] { Encounter.allCases.filter { self[$0] == 0 } }

    /// Adds another run's.
    public mutating func add(_ other: Coverage) {
        for place in counts.indices { counts[place] += other.counts[place] }
    }

    private static let places: [Encounter: Int] = Dictionary(
        uniqueKeysWithValues: Encounter.allCases.enumerated().map { ($1, $0) }
    )

    private static func place(_ encounter: Encounter) -> Int { places[encounter] ?? 0 }
}
