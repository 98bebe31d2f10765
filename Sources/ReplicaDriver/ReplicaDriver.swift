import ClusterPrimitives
import RaftCore

/// The limits of one replica's driver.
public struct DriverLimits: Sendable {
    /// Proposals made here that have no result yet; more are refused as overload.
    public var proposalsMax = 4_096
    /// Bytes of payload gathered for one `flush`; more are refused as overload. A single one always fits.
    /// As large as the core's uncommitted tail: what is above it would be refused there, all together.
    public var proposalBytesMax = 64 << 20
    /// Bytes of one payload; a larger one is refused, because the log takes no such record.
    public var payloadBytesMax = 2 << 20
    /// Reads that wait for their round; more are refused as overload.
    public var readsMax = 8_192

    /// The defaults.
    public init() {}
}

/// Performs one replica's effects on a log, a store and a network behind `ReplicaPorts`.
///
/// Promises: what is handed to `apply` is durable here and committed; a ticket is answered exactly once,
/// by the store's result or by `failed`; a proposal that may have happened never fails as if it had not.
/// No NIO, no threads and no clock of its own: the server and a simulator run this same code. Confined to
/// whoever owns it (in the server: one event loop).
public struct ReplicaDriver<Ports: ReplicaPorts> {
    /// See `ReplicaPorts.Ticket`.
    public typealias Ticket = Ports.Ticket

    private struct Pending {
        let index: LogIndex
        let term: Term
        let ticket: Ticket
    }

    private struct ReadRound {
        let context: [UInt8]
        let tickets: [Ticket]
    }

    private let ports: Ports
    private let limits: DriverLimits
    private let group: GroupID
    private let id: NodeID
    private var raft: RaftCore<MemoryLog>

    /// Proposed in this term and not yet committed, by index, ascending.
    private var pending: [Pending] = []
    private var pendingStart = 0
    /// Given since the last `flush`.
    private var proposals: [(payload: [UInt8], ticket: Ticket)] = []
    private var proposalBytes = 0
    private var reads: [Ticket] = []
    private var round: ReadRound?
    private var roundCounter: UInt64 = 0
    /// Granted, and waiting for `applied` to reach the index.
    private var granted: [(index: LogIndex, tickets: [Ticket])] = []
    private var applied: LogIndex
    private var inStore = 0
    private var leadership = Leadership(term: .zero, leader: nil, isReady: false)
    private var isStopped = false

    /// Starts from what the log and the store hold.
    /// - Parameters:
    ///   - settings: the core's.
    ///   - log: the durable entries behind the store's checkpoint, with the membership at `applied`.
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
        let inFlight = pending.count - pendingStart + proposals.count + inStore
        let fits = proposals.isEmpty || proposalBytes + payload.count <= limits.proposalBytesMax
        guard inFlight < limits.proposalsMax, fits else {
            return .overloaded(inFlight: inFlight, limit: limits.proposalsMax)
        }
        return nil
    }

    /// Asks, with the next round, when the store may be read linearizably.
    public mutating func read(ticket: Ticket) {
        guard !isStopped else { return ports.failed(ticket, .stopping) }
        guard reads.count < limits.readsMax else {
            ports.failed(ticket, .overloaded(inFlight: reads.count, limit: limits.readsMax))
            return
        }
        reads.append(ticket)
    }

    /// One tick has passed.
    public mutating func tick() { raft.step(.tick) }

    /// Stands for election now: a group of one need not wait.
    public mutating func campaign() { raft.step(.campaign) }

    /// A message of this group came from a peer.
    public mutating func receive(_ message: Message) { raft.step(.received(message)) }

    /// The log has answered one `write`.
    public mutating func persisted(_ receipt: StorageReceipt) { raft.step(.persisted(receipt)) }

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
        releaseReads()
    }

    /// A completed checkpoint has made the store durable up to `index`: the log's tail may go.
    /// - Returns: the index up to which the durable log may be cut.
    public mutating func compact(through index: LogIndex) -> LogIndex {
        let safe = min(index, applied)
        raft.storage.compact(through: safe)
        return safe
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
        for (_, tickets) in granted {
            for ticket in tickets { ports.failed(ticket, .stopping) }
        }
        granted = []
    }

    // MARK: Views

    /// What the replica looks like now.
    public var status: RaftStatus { raft.status }

    /// Who leads, as this replica knows it.
    public var currentLeadership: Leadership { leadership }

    // MARK: Effects

    /// Performs what the inputs since the last call led to. Call it after each batch of inputs.
    public mutating func flush() {
        proposeGathered()
        startRound()
        while let effects = raft.takeEffects() { perform(effects) }
        updateLeadership()
        // A round that was answered at once may have left the next one waiting.
        startRound()
        while let effects = raft.takeEffects() { perform(effects) }
    }

    private mutating func proposeGathered() {
        guard !proposals.isEmpty else { return }
        let batch = proposals
        proposals = []
        proposalBytes = 0
        let before = raft.status
        guard let refusal = raft.step(.propose(batch.map(\.payload))) else {
            var index = before.lastIndex
            for proposal in batch {
                index = index.next
                pending.append(Pending(index: index, term: before.term, ticket: proposal.ticket))
            }
            return
        }
        let failure = failure(for: refusal)
        for proposal in batch { ports.failed(proposal.ticket, failure) }
    }

    private func failure(for refusal: Refusal) -> ReplicaFailure {
        switch refusal {
        case .notLeader(_, let hint): .notLeader(leader: hint)
        case .transferring(let target): .notLeader(leader: target)
        case .uncommittedTailFull, .tooManyReads:
            .overloaded(inFlight: pending.count - pendingStart, limit: limits.proposalsMax)
        default: .notLeader(leader: nil)
        }
    }

    /// A read joins only a round that starts after it came: while one is out, reads gather for the next.
    /// Only a leader asks: a follower's question could get lost on the way, and hold up all that come after.
    private mutating func startRound() {
        guard round == nil, !reads.isEmpty else { return }
        let status = raft.status
        guard status.role == .leader else {
            return failReads(.notLeader(leader: status.lead == .none ? nil : status.lead))
        }
        roundCounter += 1
        var writer = ByteWriter()
        writer.write(id.rawValue)
        writer.write(roundCounter)
        let starting = ReadRound(context: writer.bytes, tickets: reads)
        reads = []
        round = starting
        if let refusal = raft.step(.readIndex(context: starting.context)) {
            round = nil
            let failure = failure(for: refusal)
            for ticket in starting.tickets { ports.failed(ticket, failure) }
        }
    }

    private mutating func perform(_ effects: Effects) {
        let hasWrite =
            effects.hardState != nil || !effects.entries.isEmpty || effects.snapshot != nil
        if let snapshot = effects.snapshot { raft.storage.applySnapshot(snapshot) }
        if !effects.entries.isEmpty { raft.storage.append(effects.entries) }
        if hasWrite || effects.needsReceipt {
            ports.write(
                ReplicaWrite(
                    group: group,
                    hardState: effects.hardState,
                    entries: effects.entries,
                    snapshot: effects.snapshot,
                    needsReceipt: effects.needsReceipt
                )
            )
        }
        if !effects.messages.isEmpty { ports.send(effects.messages) }
        if !effects.committed.isEmpty { deliver(effects.committed) }
        for state in effects.readStates { grant(state) }
    }

    private mutating func deliver(_ entries: [Entry]) {
        var delivered: [DeliveredEntry<Ticket>] = []
        delivered.reserveCapacity(entries.count)
        for entry in entries {
            delivered.append(DeliveredEntry(entry: entry, ticket: takeTicket(for: entry)))
        }
        ports.apply(delivered)
    }

    /// The ticket that waits for this entry. Tickets below it, or of another term, wait for entries that a
    /// newer leader has replaced.
    private mutating func takeTicket(for entry: Entry) -> Ticket? {
        while pendingStart < pending.count {
            let first = pending[pendingStart]
            guard first.index <= entry.index else { return nil }
            pendingStart += 1
            defer { trimPending() }
            if first.index == entry.index, first.term == entry.term {
                inStore += 1
                return first.ticket
            }
            ports.failed(first.ticket, .outcomeUnknown)
        }
        return nil
    }

    private mutating func trimPending() {
        guard pendingStart > 256, pendingStart * 2 > pending.count else { return }
        pending.removeFirst(pendingStart)
        pendingStart = 0
    }

    private mutating func grant(_ state: ReadState) {
        guard let answered = round, answered.context == state.context else { return }
        round = nil
        granted.append((state.index, answered.tickets))
        releaseReads()
    }

    private mutating func releaseReads() {
        while let first = granted.first, first.index <= applied {
            granted.removeFirst()
            ports.readable(first.tickets)
        }
    }

    private mutating func updateLeadership() {
        let status = raft.status
        let leads = status.role == .leader
        let ready = leads && raft.hasAppliedInTerm
        let now = Leadership(
            term: status.term,
            leader: status.lead == .none ? nil : status.lead,
            isReady: leads && (ready || (leadership.isReady && leadership.term == status.term))
        )
        guard now != leadership else { return }
        let lost = leadership.leader == id && now.leader != id
        leadership = now
        if lost || now.leader == nil { failReads(.notLeader(leader: now.leader)) }
        // Whether they are carried out is the next leader's to say, and may take for ever to be known here.
        if lost { failPending(.outcomeUnknown) }
        ports.leadershipChanged(now)
    }

    private mutating func failPending(_ failure: ReplicaFailure) {
        for item in pending[pendingStart...] { ports.failed(item.ticket, failure) }
        pending = []
        pendingStart = 0
    }

    private mutating func failReads(_ failure: ReplicaFailure) {
        for ticket in reads { ports.failed(ticket, failure) }
        for ticket in round?.tickets ?? [] { ports.failed(ticket, failure) }
        reads = []
        round = nil
    }
}

extension RaftCore where Storage == MemoryLog {
    /// An entry of the present term has been applied: time may be stamped, and a read may be served.
    var hasAppliedInTerm: Bool {
        let status = status
        return storage.term(at: status.applied) == status.term
    }
}
