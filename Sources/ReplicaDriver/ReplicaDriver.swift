import ClusterPrimitives
import RaftCore

/// Performs one replica's effects on a log, a store and a network behind `ReplicaPorts`.
///
/// Promises: what is handed to `apply` is durable here and committed; a ticket is answered exactly once,
/// by the store's result or by `failed`; a proposal that may have happened never fails as if it had not.
/// No NIO, no threads and no clock of its own: the server and a simulator run this same code. Confined to
/// whoever owns it (in the server: one event loop).
public struct ReplicaDriver<Ports: ReplicaPorts> {
    /// See `ReplicaPorts.Ticket`.
    public typealias Ticket = Ports.Ticket

    struct Pending {
        let index: LogIndex
        let term: Term
        let ticket: Ticket
    }

    let ports: Ports
    let limits: DriverLimits
    let group: GroupID
    let id: NodeID
    var raft: RaftCore<MemoryLog>

    /// Proposed in this term and not yet committed, by index, ascending.
    var pending: [Pending] = []
    var pendingStart = 0
    /// Given since the last `flush`.
    var proposals: [(payload: [UInt8], ticket: Ticket)] = []
    var proposalBytes = 0
    var reads = ReadQueue<Ticket>()
    var applied: LogIndex
    var inStore = 0
    var leadership = Leadership(term: .zero, leader: nil, isReady: false)
    var isStopped = false
    /// Hand-overs begun by `handOver`, so that each tries another successor than the one before it.
    var handOvers: UInt64 = 0
    var copies = SnapshotCopies()
    /// A received snapshot whose write has no receipt yet.
    var installing: SnapshotID?
    /// The group's membership has changed in this replica's life here, so that who has nothing yet can't be
    /// brought up by the log alone: see `forgetFirstEntry`.
    var hasChangedMembership = false
    /// Writes without a receipt.
    var writesUnderWay = 0
    /// Ticks since the last receipt, while there are any.
    var ticksWithoutReceipt = 0
    /// Appends without entries, one for each follower at most: see `holdNotices`.
    var notices: [Message] = []
    /// They are not held before the next tick.
    var noticesAreAwaited = false
    /// Who is to lead, all being well; nil where it is all the same, and while the shell knows that it is not well.
    public var preferredLeader: NodeID?
    var leaderReturn: LeaderReturn
    /// What was committed two ticks and one tick ago, while somebody else is to lead.
    var committedBefore: (LogIndex, LogIndex) = (.zero, .zero)
    /// How often this replica began to give leadership back to it.
    public internal(set) var leaderReturns: UInt64 = 0
    /// A new commit index, and nothing else that is new, which the log was not told yet.
    var unwritten: HardState?

    /// Starts from what the log and the store hold.
    /// - Parameters:
    ///   - settings: the core's.
    ///   - log: the durable entries behind the store's checkpoint, with the membership at `applied`. A log
    ///     that begins with entry 1 says that the membership never changed: see `MemoryLog.asRecovered`.
    ///   - hardState: as the log holds it.
    ///   - applied: the store's applied index.
    ///   - limits: the driver's own.
    ///   - ports: what effects are performed on.
    /// - Throws: when log and store contradict each other; the node must not start.
    public init(
        settings: RaftConfiguration,
        log: MemoryLog,
        hardState: HardState,
        applied: LogIndex,
        limits: DriverLimits,
        ports: Ports
    ) throws(RaftError) {
        raft = try RaftCore(
            configuration: settings,
            storage: log,
            hardState: hardState,
            applied: applied
        )
        group = settings.group
        id = settings.id
        self.applied = applied
        self.limits = limits
        self.ports = ports
        leaderReturn = LeaderReturn(
            fitTicks: limits.returnTicks
                + Self.returnTurn(of: settings.group) * limits.returnTicksApart,
            pauseMin: limits.returnPauseMin,
            pauseMax: limits.returnPauseMax,
            silentTicksMax: settings.electionTicks
        )
    }

    /// Which of 16 turns a group has: spread by multiplication (Knuth, TAOCP 3, 6.4), because the groups of one node
    /// are mostly those with one remainder.
    private static func returnTurn(of group: GroupID) -> Int {
        Int(group.rawValue &* 2_654_435_769 >> 28)
    }

    // MARK: Inputs

    /// Proposes a payload with the next `flush`.
    public mutating func propose(_ payload: [UInt8], ticket: Ticket) {
        if let failure = refusal(of: payload) { return ports.failed(ticket, failure) }
        proposals.append((payload, ticket))
        proposalBytes += payload.count
    }

    private func refusal(of payload: [UInt8]) -> ReplicaFailure? {
        guard !isStopped else { return .stopping }
        guard payload.count <= limits.payloadBytesMax else {
            return .tooLarge(bytes: payload.count, limit: limits.payloadBytesMax)
        }
        let inFlight = proposalsInFlight
        let fits = proposals.isEmpty || proposalBytes + payload.count <= limits.proposalBytesMax
        guard inFlight < limits.proposalsMax, fits else {
            return .overloaded(inFlight: inFlight, limit: limits.proposalsMax)
        }
        return nil
    }

    var proposalsInFlight: Int {
        pending.count - pendingStart + proposals.count + inStore
    }

    /// One tick has passed.
    /// - Parameter number: of the node's ticks, by which heartbeats then go; nil: they go by their group's election.
    public mutating func tick(_ number: Int? = nil) {
        if let number { raft.tickNumber = number }
        raft.step(.tick)
        passTickOfCopies()
        tellHeld()
        giveBackIfFit()
        guard writesUnderWay > 0 else { return }
        ticksWithoutReceipt += 1
        // Again and again: a hand-over that did not come about is over after an election timeout.
        if ticksWithoutReceipt.isMultiple(of: limits.stalledWriteTicks) { handOver() }
    }

    /// Asks for votes now instead of after a time without a leader. With pre-vote whoever hears a leader does not answer,
    /// so that one whom a quorum hears is not deposed by it.
    public mutating func campaign() { raft.step(.campaign) }

    /// Whether this replica stands for election no more: see `Event.holdBack`.
    public mutating func holdBack(_ isHeld: Bool) { raft.step(.holdBack(isHeld)) }

    /// A message of this group came from a peer; one of kind `snapshot` goes to `receiveSnapshot`.
    public mutating func receive(_ message: Message) {
        assert(message.kind != .snapshot, "a snapshot comes with its file")
        guard !isStopped, !isBeyond(message) else { return }
        raft.step(.received(message))
    }

    /// Who has no membership yet can't follow the log from its beginning: changes in it would be applied to
    /// nothing. A snapshot brings the membership along.
    private func isBeyond(_ message: Message) -> Bool {
        message.kind == .append && message.index == .zero
            && raft.membership.members.isEmpty
    }

    /// What was sent to this node is probably lost.
    public mutating func reportUnreachable(_ node: NodeID) { raft.step(.reportUnreachable(node)) }

    /// The log has answered one `write`.
    public mutating func persisted(_ receipt: StorageReceipt) {
        writesUnderWay = max(0, writesUnderWay - 1)
        ticksWithoutReceipt = 0
        raft.step(.persisted(receipt))
        finishInstallation()
    }

    /// The store has applied everything up to `index`.
    /// - Parameters:
    ///   - index: the last one applied.
    ///   - tickets: how many of the applied entries carried a ticket.
    public mutating func applied(through index: LogIndex, tickets: Int) {
        precondition(index >= applied, "the store goes back")
        precondition(tickets <= inStore, "the store answers more than it was given")
        inStore -= tickets
        applied = index
        raft.step(.applied(index))
        if hasChangedMembership { forgetFirstEntry() }
        releaseReads()
    }

    /// Ends everything that waits, and refuses what comes; the node stops. What the store has been given is
    /// answered by the store still.
    public mutating func stop() {
        isStopped = true
        for proposal in proposals { ports.failed(proposal.ticket, .stopping) }
        proposals = []
        proposalBytes = 0
        failPending(.stopping)
        failReads(.stopping)
        failGrantedReads(.stopping)
    }

    // MARK: Views

    /// What the replica looks like now.
    public var status: RaftStatus { raft.status }

    /// The membership in force here.
    public var membership: Configuration { raft.membership }

    /// Whether this replica leads, ready or not.
    public var leads: Bool { raft.brief.role == .leader }

    /// How far is committed, as this replica knows it.
    public var commitIndex: LogIndex { raft.brief.commit }

    /// This replica leads and is handing over: until that has come about or failed it takes no proposals.
    public var isHandingOver: Bool { leads && raft.successor != nil }

    /// The store gets no more before it has said what it applied.
    public var waitsForStore: Bool { raft.waitsForApply }

    /// The last entry that the store has applied.
    public var appliedIndex: LogIndex { applied }

    /// Who leads, as this replica knows it.
    public var currentLeadership: Leadership { leadership }
}

extension RaftCore where Storage == MemoryLog {
    /// An entry of the present term has been applied: time may be stamped, and a read may be served.
    var hasAppliedInTerm: Bool {
        let brief = brief
        return storage.term(at: brief.applied) == brief.term
    }

    /// An entry of the present term is committed: its leader knows of all that its predecessors committed.
    var hasCommittedInTerm: Bool {
        let brief = brief
        return storage.term(at: brief.commit) == brief.term
    }
}
