import CaseStore
import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// One replica on its event loop: gathers what arrives from any thread, stamps time, runs the driver.
///
/// Inputs gather while the loop is busy and are taken together: one hop, one proposal to the core and one
/// write for all of them.
final class ReplicaHost<Machine: StateMachine>: Sendable {
    /// How an awaited command ended.
    typealias Outcome = Result<Machine.Answer, ReplicaFailure>

    /// Commands and reads that wait for a leader that may stamp time, at most.
    static var waitingMax: Int { 4_096 }
    /// Commands and reads that wait for the event loop, at most: what it takes up in some milliseconds. More
    /// are refused as overload on the caller's thread, however busy the loop is.
    static var inboxMax: Int { 16_384 }
    /// Bytes of payload applied since the last checkpoint that start the next one: so much of the log's tail
    /// stays in memory. Entries alone would not bound it: one may have megabytes.
    static var checkpointBytes: Int { 32 << 20 }
    /// Length of a Raft tick in milliseconds: ten make an election timeout.
    static var tickMilliseconds: Int64 { 100 }

    enum Ticket: Sendable {
        case command(@Sendable (Outcome) -> Void)
        case read(@Sendable (ReplicaFailure?) -> Void)
    }

    private enum Input: Sendable {
        case command(Machine.Command, @Sendable (Outcome) -> Void)
        case read(@Sendable (ReplicaFailure?) -> Void)
        case persisted(StorageReceipt)
        case applied(through: LogIndex, tickets: Int, bytes: Int)
        case checkpointed(LogIndex)
        case tick
        case campaign
        case status(@Sendable (RaftStatus) -> Void)
        case stop
    }

    private struct Inbox {
        var inputs: [Input] = []
        /// Commands and reads among them.
        var requests = 0
        var isScheduled = false
    }

    private struct Waiting {
        let command: Machine.Command
        let reply: @Sendable (Outcome) -> Void
    }

    /// Confined to the event loop.
    private struct LoopState {
        var driver: ReplicaDriver<HostPorts<Machine>>
        var waiting: [Waiting] = []
        var waitingReads: [@Sendable (ReplicaFailure?) -> Void] = []
        var lastStamp: Timestamp
        var isReady = false
        var isStopped = false
        var sinceCheckpoint: UInt64
        var bytesSinceCheckpoint = 0
        var ticksSinceCheckpoint: Int64 = 0
        var lastCheckpointIndex: LogIndex
        var checkpointRuns = false
    }

    let group: GroupID
    private let node: NodeID
    let machine: Machine
    let eventLoop: any EventLoop
    private let clock: SystemClock
    private let log: LogWriter
    private let checkpointLane: SerialLane
    private let checkpointEntries: UInt64
    private let checkpointTicks: Int64
    private let ports: HostPorts<Machine>
    private let phases: PhaseReport?
    private let inbox = Mutex(Inbox())
    private let state: NIOLoopBoundBox<LoopState?>
    private let leadershipCell = Mutex(Leadership(term: .zero, leader: nil, isReady: false))
    private let onLeadership: @Sendable (Leadership) -> Void
    private let onFailure: @Sendable (any Error) -> Void
    private let checkpointIndexCell: Mutex<LogIndex>

    /// What a host runs on.
    struct Environment: Sendable {
        var eventLoop: any EventLoop
        var clock: SystemClock
        var log: LogWriter
        var storeLane: SerialLane
        var checkpointLane: SerialLane
        var checkpointEntries: Int
        /// Whatever was applied is checkpointed after this time.
        var checkpointMilliseconds: Int
        var phases: PhaseReport?
        var onFailure: @Sendable (any Error) -> Void
    }

    /// Puts a replica together; `start` lets it run. `onLeadership` is called on the event loop whenever who
    /// leads changes.
    /// - Throws: when log and store contradict each other; the node must not start.
    init(
        settings: RaftConfiguration,
        limits: DriverLimits,
        recovered: (log: MemoryLog, hardState: HardState),
        machine: Machine,
        environment: Environment,
        onLeadership: @escaping @Sendable (Leadership) -> Void
    ) throws(RaftError) {
        group = settings.group
        node = settings.id
        self.machine = machine
        eventLoop = environment.eventLoop
        clock = environment.clock
        log = environment.log
        checkpointLane = environment.checkpointLane
        checkpointEntries = UInt64(environment.checkpointEntries)
        checkpointTicks = max(1, Int64(environment.checkpointMilliseconds) / Self.tickMilliseconds)
        phases = environment.phases
        self.onLeadership = onLeadership
        onFailure = environment.onFailure
        let applied = machine.applied
        checkpointIndexCell = Mutex(recovered.log.base.index)
        state = .makeEmptyBox(eventLoop: environment.eventLoop)
        ports = HostPorts<Machine>(
            log: environment.log,
            lane: environment.storeLane,
            machine: machine,
            eventLoop: environment.eventLoop,
            onFailure: environment.onFailure
        )
        let driver = try ReplicaDriver(
            settings: settings,
            log: recovered.log,
            hardState: recovered.hardState,
            applied: applied.index,
            limits: limits,
            ports: ports
        )
        let initial = LoopState(
            driver: driver,
            lastStamp: machine.time,
            sinceCheckpoint: applied.index.rawValue
                - min(applied.index, recovered.log.base.index).rawValue,
            lastCheckpointIndex: recovered.log.base.index
        )
        starting = Mutex(initial)
        ports.serve(self)
    }

    /// Handed over to the loop by `start`.
    private let starting: Mutex<LoopState?>

    /// Begins to run; a group whose only voter is here stands for election at once.
    func start(campaign: Bool) {
        eventLoop.execute { [self] in
            state.value = starting.withLock { initial in
                defer { initial = nil }
                return initial
            }
            // What came before stands in the inbox.
            drain()
            if campaign { submit(.campaign) }
            _ = eventLoop.scheduleRepeatedTask(
                initialDelay: .milliseconds(Self.tickMilliseconds),
                delay: .milliseconds(Self.tickMilliseconds)
            ) { [weak self] task in
                guard let self, self.state.value?.isStopped == false else {
                    task.cancel()
                    return
                }
                self.submit(.tick)
            }
        }
    }

    // MARK: From any thread

    /// Proposes a command; the reply comes once: from the store's thread, for a failure from the loop, or from
    /// the caller's own when too much waits.
    func propose(_ command: Machine.Command, reply: @escaping @Sendable (Outcome) -> Void) {
        if let failure = submitRequest(.command(command, reply)) { reply(.failure(failure)) }
    }

    /// Asks for a linearizable read; on nil the store may be read. Replies like `propose`.
    func read(reply: @escaping @Sendable (ReplicaFailure?) -> Void) {
        if let failure = submitRequest(.read(reply)) { reply(failure) }
    }

    /// Who leads, as of the last change.
    var leadership: Leadership { leadershipCell.withLock { $0 } }

    /// Up to where a checkpoint has made the store durable.
    var checkpointIndex: LogIndex { checkpointIndexCell.withLock { $0 } }

    /// What the replica looks like.
    func status(_ reply: @escaping @Sendable (RaftStatus) -> Void) { submit(.status(reply)) }

    /// Ends what waits; nothing is proposed after.
    func stop() { submit(.stop) }

    /// The log has made a write durable.
    func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }

    /// The store has applied and answered.
    func applied(through index: LogIndex, tickets: Int, bytes: Int) {
        submit(.applied(through: index, tickets: tickets, bytes: bytes))
    }

    private func submitRequest(_ input: Input) -> ReplicaFailure? {
        let count = inbox.withLock { inbox in
            defer { inbox.requests = min(inbox.requests + 1, Self.inboxMax) }
            return inbox.requests
        }
        guard count < Self.inboxMax else {
            return .overloaded(inFlight: count, limit: Self.inboxMax)
        }
        submit(input)
        return nil
    }

    private func submit(_ input: Input) {
        let mustSchedule = inbox.withLock { inbox in
            inbox.inputs.append(input)
            defer { inbox.isScheduled = true }
            return !inbox.isScheduled
        }
        if mustSchedule { eventLoop.execute { [self] in drain() } }
    }

    // MARK: On the loop

    private func drain() {
        eventLoop.assertInEventLoop()
        // Not started: everything stays in the inbox, and `start` comes here again.
        guard var loopState = state.value else { return }
        let inputs = inbox.withLock { inbox in
            let inputs = inbox.inputs
            inbox.inputs = []
            inbox.requests = 0
            inbox.isScheduled = false
            return inputs
        }
        // The box must not hold a second reference while the state changes: arrays would be copied.
        state.value = nil
        for input in inputs { take(input, &loopState) }
        loopState.driver.flush()
        updateLeadership(&loopState)
        startCheckpointIfDue(&loopState)
        state.value = loopState
    }

    private func take(_ input: Input, _ state: inout LoopState) {
        switch input {
        case .command(let command, let reply):
            propose(Waiting(command: command, reply: reply), &state)
        case .read(let reply): read(reply, &state)
        case .persisted(let receipt): state.driver.persisted(receipt)
        case .applied(let index, let tickets, let bytes):
            let before = state.driver.status.applied
            state.driver.applied(through: index, tickets: tickets)
            state.sinceCheckpoint += index.rawValue - before.rawValue
            state.bytesSinceCheckpoint += bytes
        case .checkpointed(let index):
            state.checkpointRuns = false
            finishCheckpoint(index, &state)
        case .tick:
            guard !state.isStopped else { return }
            state.ticksSinceCheckpoint += 1
            state.driver.tick()
        case .campaign: state.driver.campaign()
        case .status(let reply): reply(state.driver.status)
        case .stop: stop(&state)
        }
    }

    private func propose(_ item: Waiting, _ state: inout LoopState) {
        if let failure = failure(state) { return item.reply(.failure(failure)) }
        // Refused before anything else waits behind it. Reads go on.
        if log.isFull || ports.isStoreFull { return item.reply(.failure(.diskFull)) }
        if state.isReady { stamp(item, &state) } else { state.waiting.append(item) }
    }

    private func read(
        _ reply: @escaping @Sendable (ReplicaFailure?) -> Void,
        _ state: inout LoopState
    ) {
        if let failure = failure(state) { return reply(failure) }
        if state.isReady {
            state.driver.read(ticket: .read(reply))
        } else {
            state.waitingReads.append(reply)
        }
    }

    /// Why nothing can be taken now. A replica that is about to lead keeps what comes meanwhile.
    private func failure(_ state: LoopState) -> ReplicaFailure? {
        if state.isStopped { return .stopping }
        if state.isReady { return nil }
        if let leader = state.driver.currentLeadership.leader, leader != node {
            return .notLeader(leader: leader)
        }
        let count = state.waiting.count + state.waitingReads.count
        return count < Self.waitingMax ? nil : .overloaded(inFlight: count, limit: Self.waitingMax)
    }

    private func stamp(_ item: Waiting, _ state: inout LoopState) {
        state.lastStamp = max(state.lastStamp, clock.now(), machine.time)
        let payload = machine.encode(item.command, at: state.lastStamp)
        state.driver.propose(payload, ticket: .command(item.reply))
    }

    private func updateLeadership(_ state: inout LoopState) {
        let now = state.driver.currentLeadership
        let before = leadershipCell.withLock { cell in
            defer { cell = now }
            return cell
        }
        if now.isReady, !before.isReady {
            // Its log may hold later times than the clock shows: the clock goes on from there.
            clock.raise(to: machine.time)
        }
        state.isReady = now.isReady && !state.isStopped
        if let leader = now.leader, leader != node {
            failWaiting(.notLeader(leader: leader), &state)
        }
        if state.isReady, !state.waiting.isEmpty || !state.waitingReads.isEmpty {
            let (items, reads) = (state.waiting, state.waitingReads)
            state.waiting = []
            state.waitingReads = []
            for item in items { stamp(item, &state) }
            for reply in reads { state.driver.read(ticket: .read(reply)) }
            state.driver.flush()
        }
        if now != before { onLeadership(now) }
    }

    private func stop(_ state: inout LoopState) {
        state.isStopped = true
        state.isReady = false
        failWaiting(.stopping, &state)
        state.driver.stop()
    }

    /// Ends what waited for this replica to lead: it was surely not proposed.
    private func failWaiting(_ failure: ReplicaFailure, _ state: inout LoopState) {
        let (items, reads) = (state.waiting, state.waitingReads)
        state.waiting = []
        state.waitingReads = []
        for item in items { item.reply(.failure(failure)) }
        for reply in reads { reply(failure) }
    }

    // MARK: Checkpoints

    private func startCheckpointIfDue(_ state: inout LoopState) {
        let isDue =
            state.sinceCheckpoint >= checkpointEntries
            || state.bytesSinceCheckpoint >= Self.checkpointBytes
            || state.sinceCheckpoint > 0 && state.ticksSinceCheckpoint >= checkpointTicks
        guard isDue, !state.checkpointRuns, !state.isStopped else { return }
        state.checkpointRuns = true
        state.sinceCheckpoint = 0
        state.bytesSinceCheckpoint = 0
        state.ticksSinceCheckpoint = 0
        checkpointLane.submit { [self] in
            do {
                phases?.observeCheckpoint(.begin)
                let durable = try machine.checkpoint()
                phases?.observeCheckpoint(.end)
                submit(.checkpointed(durable ?? .zero))
            } catch StoreError.diskFull {
                // Nothing was lost: what is not copied stays in the store's own log until there is room.
                phases?.observeCheckpoint(.end)
                submit(.checkpointed(.zero))
            } catch {
                onFailure(error)
            }
        }
    }

    private func finishCheckpoint(_ index: LogIndex, _ state: inout LoopState) {
        guard index > state.lastCheckpointIndex else { return }
        let safe = state.driver.compact(through: index)
        state.lastCheckpointIndex = safe
        checkpointIndexCell.withLock { $0 = safe }
        log.submit(LogWriter.Job(compact: (group, safe)))
    }
}
