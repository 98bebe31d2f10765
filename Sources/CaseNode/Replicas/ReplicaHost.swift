import ClusterPrimitives
import Logging
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

    /// Commands that wait for a leader that may stamp time, at most.
    static var waitingMax: Int { 4_096 }
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
        case applied(through: LogIndex, tickets: Int)
        case checkpointed(LogIndex)
        case tick
        case campaign
        case status(@Sendable (RaftStatus) -> Void)
        case stop
    }

    private struct Inbox {
        var inputs: [Input] = []
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
        phases = environment.phases
        self.onLeadership = onLeadership
        onFailure = environment.onFailure
        let applied = machine.applied
        checkpointIndexCell = Mutex(recovered.log.base.index)
        state = .makeEmptyBox(eventLoop: environment.eventLoop)
        let ports = HostPorts<Machine>(
            log: environment.log,
            lane: environment.storeLane,
            machine: machine,
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
        ports.host.withLock { $0 = Weak(self) }
    }

    private let starting: Mutex<LoopState?>

    /// Begins to run; a group whose only voter is here stands for election at once.
    func start(campaign: Bool) {
        eventLoop.execute { [self] in
            state.value = starting.withLock { initial in
                defer { initial = nil }
                return initial
            }
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

    /// Proposes a command; the reply comes from the store's thread, or from the loop for a failure.
    func propose(_ command: Machine.Command, reply: @escaping @Sendable (Outcome) -> Void) {
        submit(.command(command, reply))
    }

    /// Asks for a linearizable read; on nil the store may be read.
    func read(reply: @escaping @Sendable (ReplicaFailure?) -> Void) { submit(.read(reply)) }

    /// Who leads, as of the last change.
    var leadership: Leadership { leadershipCell.withLock { $0 } }

    /// Up to where a checkpoint has made the store durable.
    var checkpointIndex: LogIndex { checkpointIndexCell.withLock { $0 } }

    /// What the replica looks like.
    func status(_ reply: @escaping @Sendable (RaftStatus) -> Void) { submit(.status(reply)) }

    /// Ends what waits; nothing is proposed after.
    func stop() { submit(.stop) }

    fileprivate func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }

    fileprivate func applied(through index: LogIndex, tickets: Int) {
        submit(.applied(through: index, tickets: tickets))
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
        let inputs = inbox.withLock { inbox in
            let inputs = inbox.inputs
            inbox.inputs = []
            inbox.isScheduled = false
            return inputs
        }
        guard var loopState = state.value else { return }
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
        case .applied(let index, let tickets):
            let before = state.driver.status.applied
            state.driver.applied(through: index, tickets: tickets)
            state.sinceCheckpoint += index.rawValue - before.rawValue
        case .checkpointed(let index):
            state.checkpointRuns = false
            finishCheckpoint(index, &state)
        case .tick: if !state.isStopped { state.driver.tick() }
        case .campaign: state.driver.campaign()
        case .status(let reply): reply(state.driver.status)
        case .stop: stop(&state)
        }
    }

    private func propose(_ item: Waiting, _ state: inout LoopState) {
        if let failure = failure(state) { return item.reply(.failure(failure)) }
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
        state.isReady = now.isReady && !state.isStopped
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
        for item in state.waiting { item.reply(.failure(.stopping)) }
        for reply in state.waitingReads { reply(.stopping) }
        state.waiting = []
        state.waitingReads = []
        state.driver.stop()
    }

    // MARK: Checkpoints

    private func startCheckpointIfDue(_ state: inout LoopState) {
        guard state.sinceCheckpoint >= checkpointEntries, !state.checkpointRuns, !state.isStopped
        else { return }
        state.checkpointRuns = true
        state.sinceCheckpoint = 0
        checkpointLane.submit { [self] in
            do {
                phases?.observeCheckpoint(.begin)
                let durable = try machine.checkpoint()
                phases?.observeCheckpoint(.end)
                submit(.checkpointed(durable ?? .zero))
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

/// A reference that does not keep its target.
private struct Weak<Target: AnyObject & Sendable>: Sendable {
    weak var target: Target?
    init(_ target: Target) { self.target = target }
}

/// The server's ports: the log's thread, the store's lane.
final class HostPorts<Machine: StateMachine>: ReplicaPorts, Sendable {
    typealias Ticket = ReplicaHost<Machine>.Ticket

    fileprivate let host = Mutex<Weak<ReplicaHost<Machine>>?>(nil)
    private let log: LogWriter
    private let lane: SerialLane
    private let machine: Machine
    private let onFailure: @Sendable (any Error) -> Void
    private let queue = Mutex(ApplyQueue())

    private struct ApplyQueue {
        var entries: [DeliveredEntry<Ticket>] = []
        var isScheduled = false
        var isFailed = false
    }

    init(
        log: LogWriter,
        lane: SerialLane,
        machine: Machine,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        self.log = log
        self.lane = lane
        self.machine = machine
        self.onFailure = onFailure
    }

    func write(_ write: ReplicaWrite) {
        var job = LogWriter.Job(write: write)
        if write.needsReceipt {
            let host = host.withLock { $0?.target }
            job.reply = { receipt in host?.persisted(receipt) }
        }
        log.submit(job)
    }

    func apply(_ entries: [DeliveredEntry<Ticket>]) {
        let mustSchedule = queue.withLock { queue in
            queue.entries.append(contentsOf: entries)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if mustSchedule { lane.submit { [self] in applyGathered() } }
    }

    /// On the store's lane: everything that gathered, in one transaction.
    private func applyGathered() {
        let batch = queue.withLock { queue in
            let batch = queue.entries
            queue.entries = []
            queue.isScheduled = false
            return queue.isFailed ? [] : batch
        }
        guard let last = batch.last else { return }
        do {
            let answers = try machine.apply(batch.map(\.entry))
            precondition(answers.count == batch.count, "one answer for each entry")
            var tickets = 0
            for (item, answer) in zip(batch, answers) {
                guard case .command(let reply) = item.ticket else { continue }
                tickets += 1
                reply(answer.map { .success($0) } ?? .failure(.outcomeUnknown))
            }
            let host = host.withLock { $0?.target }
            host?.applied(through: last.entry.index, tickets: tickets)
        } catch {
            queue.withLock { $0.isFailed = true }
            // What was not applied may be committed all the same.
            for item in batch {
                if case .command(let reply) = item.ticket { reply(.failure(.outcomeUnknown)) }
            }
            onFailure(error)
        }
    }

    /// No peers yet: a group has one voter.
    func send(_ messages: [Message]) {}

    func readable(_ tickets: [Ticket]) {
        for ticket in tickets {
            if case .read(let reply) = ticket { reply(nil) }
        }
    }

    func failed(_ ticket: Ticket, _ failure: ReplicaFailure) {
        switch ticket {
        case .command(let reply): reply(.failure(failure))
        case .read(let reply): reply(failure)
        }
    }

    func leadershipChanged(_ leadership: Leadership) {}
}
