import ClusterPrimitives

/// One replica of one group: events in, effects out. A value without I/O, clock or threads; its
/// only random source is seeded.
///
/// Invariants, each asserted where it could break:
/// - the commit index never falls, and never passes what a quorum has made durable;
/// - an entry of an older term is committed only under one of the leader's own term;
/// - at most one vote a term, and no vote or acknowledgement leaves before it is durable;
/// - a candidate leads only after its own vote is durable, so that it can't lead the same term
///   twice across a crash and put two different entries under one name.
///
/// Source: Ongaro and Ousterhout's paper, Ongaro's thesis, and the behaviour that etcd's raft
/// library specifies in its published scripts.
public struct RaftCore<Storage: RaftStorage>: Sendable {
    let settings: RaftConfiguration
    var random: SeededGenerator

    var log: RaftLog<Storage>
    var term: Term
    var vote: NodeID
    var lead = NodeID.none
    var role = Role.follower

    var configuration: Configuration
    var progress: ProgressTable
    /// The answers of the election under way. Looked up by voter, never walked.
    var votes: [NodeID: Bool] = [:]

    /// See `Event.holdBack`.
    var isHeldBack = false

    /// Ticks since the last election, or since the last word from the leader.
    var electionElapsed = 0
    var heartbeatElapsed = 0
    /// The number of the last tick by whatever the driver counts, if it counts the same for all its
    /// groups: those that lead then speak in the same tick. At 0 heartbeats go by the election.
    public var tickNumber = 0
    var electionTimeout: Int

    var transferee = NodeID.none
    /// No further change of the membership before this index is applied.
    var pendingChangeIndex = LogIndex.zero
    /// The first entry that this leader appended with no joint configuration in force; see
    /// `RaftStatus.isMembershipSettled`.
    var settlingIndex = LogIndex.zero
    /// Changes up to this index are in force.
    var changesAppliedThrough = LogIndex.zero
    /// Changes that were handed out to be applied, oldest first.
    var changesApplying: [Entry] = []
    /// Payload bytes in the leader's log that are not applied yet.
    var uncommittedBytes: UInt64 = 0
    var reads = ReadRounds()

    // Effects that wait to be taken.
    var messages: [Message] = []
    var messagesAfterWrite: [Message] = []
    var readStates: [ReadState] = []
    var wantsSnapshot = false
    var takenSoftState: SoftState
    var takenHardState: HardState
    /// Writes without a receipt, oldest first.
    var writes: [StorageWrite] = []

    /// Starts a replica from what it has made durable.
    /// - Parameters:
    ///   - settings: limits and times.
    ///   - storage: the log, and the membership at `applied`.
    ///   - hardState: as last persisted; a fresh one for a new replica.
    ///   - applied: the last index that the state machine contains.
    /// - Throws: when settings or durable state contradict themselves; the node must not start.
    public init(
        configuration settings: RaftConfiguration,
        storage: Storage,
        hardState: HardState = HardState(),
        applied: LogIndex = .zero
    ) throws(RaftError) {
        try settings.check()
        guard storage.configuration.isValid else { throw .invalidConfiguration }
        guard hardState.commit <= storage.lastIndex else {
            throw .commitBeyondLog(commit: hardState.commit, lastIndex: storage.lastIndex)
        }
        guard applied <= storage.lastIndex else {
            throw .appliedBeyondLog(applied: applied, lastIndex: storage.lastIndex)
        }
        guard applied.next >= storage.firstIndex else {
            throw .appliedBehindLog(applied: applied, firstIndex: storage.firstIndex)
        }
        self.settings = settings
        random = SeededGenerator(seed: settings.seed)
        log = RaftLog(storage: storage, applyingBytesMax: settings.committedBytesMax)
        // The commit index is written lazily; what was applied was committed.
        log.resume(committed: max(hardState.commit, applied), applied: applied)
        term = hardState.term
        vote = hardState.vote
        #if CASECLUSTER_FAULTS
        if DeliberateFault.forgetsVoteOnRestart.isOn { vote = .none }
        #endif
        configuration = storage.configuration
        progress = ProgressTable(
            inflightMessagesMax: settings.inflightMessagesMax,
            inflightBytesMax: settings.inflightBytesMax
        )
        electionTimeout = settings.electionTicks
        changesAppliedThrough = log.applied
        takenSoftState = SoftState(lead: .none, role: .follower)
        takenHardState = HardState(term: term, vote: vote, commit: log.committed)
        rebuildProgress()
        becomeFollower(term: term, lead: .none)
    }

    /// This replica's node.
    public var id: NodeID { settings.id }

    /// What the core reads the log from. The driver appends here what it takes, installs snapshots
    /// and compacts; see `Effects`.
    public var storage: Storage {
        get { log.storage }
        // In place: a set would first copy the whole tail.
        _modify { yield &log.storage }
    }

    var softState: SoftState { SoftState(lead: lead, role: role) }

    var hardState: HardState { HardState(term: term, vote: vote, commit: log.committed) }

    /// Advances by one event.
    ///
    /// Total for whatever comes from other replicas; traps only when the driver breaks the contract
    /// of `.applied` or of its storage.
    /// - Returns: nil, or why the event led to nothing.
    @discardableResult
    public mutating func step(_ event: Event) -> Refusal? {
        switch event {
        case .tick:
            tick()
        case .campaign:
            campaignIfAllowed(settings.preVote ? .preElection : .election)
        case .propose(let payloads):
            return propose(payloads.map { Entry(term: .zero, index: .zero, payload: $0) })
        case .proposeConfigurationChange(let change):
            return propose([Entry(change)])
        case .received(let message):
            return receive(message)
        case .persisted(let receipt):
            return persisted(receipt)
        case .applied(let index):
            applied(index)
        case .readIndex(let context):
            return readIndex(from: id, context: context)
        case .transferLeadership(let target):
            return transferLeadership(to: target)
        case .reportUnreachable(let peer):
            peerUnreachable(peer)
        case .reportSnapshot(let peer, let arrived):
            snapshotReported(peer, arrived: arrived)
        case .forgetLeader:
            forgetLeader()
        case .holdBack(let isHeld):
            isHeldBack = isHeld
        }
        return nil
    }

    // MARK: Sending

    /// Queues a message that depends on nothing that is not durable.
    mutating func send(_ message: Message) {
        assert(message.to != id, "a replica speaks to itself through its log only")
        messages.append(stamped(message))
    }

    /// Queues a message that may leave only when everything known now is durable: votes and
    /// acknowledgements, also those that this replica gives itself.
    mutating func sendAfterWrite(_ message: Message) {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.acknowledgesBeforeDurable.isOn, message.to != id {
            return messages.append(stamped(message))
        }
        #endif
        messagesAfterWrite.append(stamped(message))
    }

    private func stamped(_ message: Message) -> Message {
        var message = message
        if message.from == .none { message.from = id }
        if message.term == .zero, !message.kind.isTermless { message.term = term }
        return message
    }
}

extension Entry {
    /// A change on its way into the log.
    init(_ change: ConfigurationChange) {
        self.init(
            term: .zero,
            index: .zero,
            kind: .configurationChange,
            payload: change.encodedBytes
        )
    }
}
