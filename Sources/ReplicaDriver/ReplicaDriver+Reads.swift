import ClusterPrimitives
import RaftCore

/// The reads of one replica: gathered, in a round, and waiting for the store.
struct ReadQueue<Ticket: Sendable> {
    struct Round {
        let context: [UInt8]
        var reads: [Read]
    }

    struct Read {
        let ticket: Ticket
        /// Wants to know the index alone: another replica's store will be read.
        let wantsIndex: Bool
    }

    /// Came since the last round was sent.
    var gathered: [Read] = []
    /// The round under way.
    var round: Round?
    private var rounds: UInt64 = 0
    /// Waiting for the store to reach an index, ascending.
    private var forStore: [(index: LogIndex, tickets: [Ticket])] = []
    private(set) var waitingForStore = 0

    /// The next round's name: never the same twice for one node in one life.
    mutating func nextContext(of node: NodeID) -> [UInt8] {
        rounds += 1
        var writer = ByteWriter()
        writer.write(node.rawValue)
        writer.write(rounds)
        return writer.bytes
    }

    /// Takes over whoever wants to read at `index` once it is applied.
    mutating func wait(for index: LogIndex, _ tickets: [Ticket]) {
        waitingForStore += tickets.count
        if let last = forStore.last, last.index == index {
            forStore[forStore.count - 1].tickets += tickets
            return
        }
        var place = forStore.endIndex
        while place > 0, forStore[place - 1].index > index { place -= 1 }
        forStore.insert((index, tickets), at: place)
    }

    /// Those whose index is applied.
    mutating func take(through applied: LogIndex) -> [Ticket] {
        guard let first = forStore.first, first.index <= applied else { return [] }
        let done = forStore.prefix { $0.index <= applied }
        forStore.removeFirst(done.count)
        let tickets = done.flatMap(\.tickets)
        waitingForStore -= tickets.count
        return tickets
    }

    /// All that wait for the store.
    mutating func takeWaitingForStore() -> [Ticket] {
        defer {
            forStore = []
            waitingForStore = 0
        }
        return forStore.flatMap(\.tickets)
    }

    /// All that wait for a round, or for its answer.
    mutating func takeUnanswered() -> [Ticket] {
        defer {
            gathered = []
            round = nil
        }
        return (gathered + (round?.reads ?? [])).map(\.ticket)
    }
}

extension ReplicaDriver {
    /// Asks, with the next round, when the store may be read linearizably. Answered by `readable`.
    public mutating func read(ticket: Ticket) {
        gather(ReadQueue.Read(ticket: ticket, wantsIndex: false))
    }

    /// Asks, with the next round, for the index that any replica's store must have applied to be read
    /// linearizably. Answered by `readIndexKnown`.
    public mutating func readIndex(ticket: Ticket) {
        awaitNotices()
        gather(ReadQueue.Read(ticket: ticket, wantsIndex: true))
    }

    private mutating func gather(_ read: ReadQueue<Ticket>.Read) {
        guard !isStopped else { return ports.failed(read.ticket, .stopping) }
        let count = reads.gathered.count
        guard count < limits.readsMax else {
            return ports.failed(read.ticket, .overloaded(inFlight: count, limit: limits.readsMax))
        }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.readsJoinRunningRound.isOn, reads.round != nil {
            reads.round?.reads.append(read)
            return
        }
        #endif
        reads.gathered.append(read)
    }

    /// Waits until this replica's store has applied `index`, which a leader has named. Answered by `readable`.
    public mutating func waitUntilApplied(_ index: LogIndex, ticket: Ticket) {
        guard !isStopped else { return ports.failed(ticket, .stopping) }
        #if CASECLUSTER_FAULTS
        if DeliberateFault.readsBeforeApplied.isOn { return ports.readable([ticket]) }
        #endif
        guard index > applied else { return ports.readable([ticket]) }
        let count = reads.waitingForStore
        guard count < limits.readsMax else {
            return ports.failed(ticket, .overloaded(inFlight: count, limit: limits.readsMax))
        }
        reads.wait(for: index, [ticket])
        ports.storeAwaited(through: index)
    }

    /// A read joins only a round that starts after it came: while one is out, reads gather for the next.
    /// Only a leader asks: a follower's question could get lost on the way, and hold up all that come after.
    mutating func startRound() {
        guard reads.round == nil, !reads.gathered.isEmpty else { return }
        let status = raft.brief
        guard status.role == .leader else {
            return failReads(.notLeader(leader: status.lead == .none ? nil : status.lead))
        }
        let starting = ReadQueue.Round(
            context: reads.nextContext(of: id),
            reads: reads.gathered
        )
        reads.gathered = []
        reads.round = starting
        if let refusal = raft.step(.readIndex(context: starting.context)) {
            reads.round = nil
            let failure = failure(for: refusal)
            for read in starting.reads { ports.failed(read.ticket, failure) }
        }
    }

    mutating func grant(_ state: ReadState) {
        guard let answered = reads.round, answered.context == state.context else { return }
        reads.round = nil
        let remote = answered.reads.filter(\.wantsIndex).map(\.ticket)
        if !remote.isEmpty { ports.readIndexKnown(remote, state.index) }
        let own = answered.reads.filter { !$0.wantsIndex }.map(\.ticket)
        #if CASECLUSTER_FAULTS
        if DeliberateFault.readsBeforeApplied.isOn { return ports.readable(own) }
        #endif
        if !own.isEmpty {
            reads.wait(for: state.index, own)
            if state.index > applied { ports.storeAwaited(through: state.index) }
        }
        releaseReads()
    }

    mutating func releaseReads() {
        let tickets = reads.take(through: applied)
        if !tickets.isEmpty { ports.readable(tickets) }
    }

    mutating func failReads(_ failure: ReplicaFailure) {
        for ticket in reads.takeUnanswered() { ports.failed(ticket, failure) }
    }

    /// Ends those that only wait for the store.
    mutating func failGrantedReads(_ failure: ReplicaFailure) {
        for ticket in reads.takeWaitingForStore() { ports.failed(ticket, failure) }
    }
}
