import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import ReplicationLog

/// A replica as the network and the timers see it.
protocol ReplicaEndpoint: AnyObject {
    var group: GroupID { get }
    var status: RaftStatus { get }
    var appliedIndex: LogIndex { get }
    func receive(_ message: Message)
    func tick()
    func checksum() throws(StoreError) -> SHA256Digest
}

/// One replica in a simulated process: the real driver, with inputs that gather for a moment as they do on
/// the server's event loop, and stamps of time as there.
final class SimulatedReplica<Machine: SimulatedMachine>: ReplicaEndpoint {
    typealias Outcome = Result<Machine.Answer, ReplicaFailure>

    /// `@unchecked Sendable`: the simulated world has one thread.
    struct Ticket: @unchecked Sendable {
        enum Kind {
            case command((Outcome) -> Void)
            case read((ReplicaFailure?) -> Void)
        }

        let kind: Kind
    }

    private enum Input {
        case command(Machine.Command, (Outcome) -> Void)
        case read((ReplicaFailure?) -> Void)
        case message(Message)
        case persisted(StorageReceipt)
        case applied(through: LogIndex, tickets: Int)
        case checkpointed(LogIndex)
        case tick
    }

    private struct Waiting {
        let command: Machine.Command
        let reply: (Outcome) -> Void
    }

    let group: GroupID
    let machine: Machine
    let process: NodeProcess
    private let ports: SimulatedPorts<Machine>
    private var driver: ReplicaDriver<SimulatedPorts<Machine>>
    private var inbox: [Input] = []
    private var isScheduled = false
    private var waiting: [Waiting] = []
    private var waitingReads: [(ReplicaFailure?) -> Void] = []
    private var lastStamp: Timestamp
    private(set) var leadership = Leadership(term: .zero, leader: nil, isReady: false)
    /// Hears of every change of who leads.
    var onLeadership: ((Leadership) -> Void)?
    private var sinceCheckpoint: UInt64
    private var ticksSinceCheckpoint: Int64 = 0
    private var lastCheckpoint: LogIndex
    private var checkpointRuns = false

    init(
        group: GroupID,
        machine: Machine,
        recovered: (log: MemoryLog, hardState: HardState),
        _ process: NodeProcess
    ) throws {
        self.group = group
        self.machine = machine
        self.process = process
        let options = process.world.options
        var settings = RaftConfiguration(
            id: process.node.id,
            group: group,
            seed: process.world.drawSeed()
        )
        settings.asyncStorageWrites = false
        settings.inflightMessagesMax = options.inflightMessagesMax
        settings.messageBytesMax = options.messageBytesMax
        settings.inflightBytesMax = options.inflightBytesMax
        settings.committedBytesMax = options.committedBytesMax
        settings.uncommittedBytesMax = options.uncommittedBytesMax
        var limits = DriverLimits()
        limits.proposalsMax = options.proposalsMax
        limits.payloadBytesMax = options.logConfiguration.recordBytesMax
        let applied = machine.applied
        ports = SimulatedPorts(group, machine, process)
        driver = try ReplicaDriver(
            settings: settings,
            log: recovered.log,
            hardState: recovered.hardState,
            applied: applied.index,
            limits: limits,
            ports: ports
        )
        lastStamp = machine.time
        sinceCheckpoint = applied.index.rawValue - recovered.log.base.index.rawValue
        lastCheckpoint = recovered.log.base.index
        ports.replica = self
    }

    var status: RaftStatus { driver.status }
    var appliedIndex: LogIndex { machine.applied.index }
    func checksum() throws(StoreError) -> SHA256Digest { try machine.checksum() }

    // MARK: Inputs

    func propose(_ command: Machine.Command, reply: @escaping (Outcome) -> Void) {
        submit(.command(command, reply))
    }

    func read(_ reply: @escaping (ReplicaFailure?) -> Void) { submit(.read(reply)) }
    func receive(_ message: Message) { submit(.message(message)) }
    func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }
    func tick() { submit(.tick) }

    func applied(through index: LogIndex, tickets: Int) {
        submit(.applied(through: index, tickets: tickets))
    }

    private func submit(_ input: Input) {
        inbox.append(input)
        guard !isScheduled else { return }
        isScheduled = true
        process.plan(after: process.loopTime()) { [self] in drain() }
    }

    private func drain() {
        isScheduled = false
        let inputs = inbox
        inbox = []
        for input in inputs { take(input) }
        driver.flush()
        updateLeadership()
        process.world.checks.stepped(process.node.id, driver.status)
        startCheckpointIfDue()
    }

    private func take(_ input: Input) {
        switch input {
        case .command(let command, let reply): propose(Waiting(command: command, reply: reply))
        case .read(let reply): takeRead(reply)
        case .message(let message): driver.receive(message)
        case .persisted(let receipt): driver.persisted(receipt)
        case .applied(let index, let tickets):
            sinceCheckpoint += index.rawValue - driver.status.applied.rawValue
            driver.applied(through: index, tickets: tickets)
        case .checkpointed(let index):
            checkpointRuns = false
            finishCheckpoint(index)
        case .tick:
            ticksSinceCheckpoint += 1
            driver.tick()
        }
    }

    private func propose(_ item: Waiting) {
        if let failure { return item.reply(.failure(failure)) }
        if process.logWriter.isFull || ports.isStoreFull { return item.reply(.failure(.diskFull)) }
        if leadership.isReady { stamp(item) } else { waiting.append(item) }
    }

    private func takeRead(_ reply: @escaping (ReplicaFailure?) -> Void) {
        if let failure { return reply(failure) }
        if leadership.isReady {
            driver.read(ticket: Ticket(kind: .read(reply)))
        } else {
            waitingReads.append(reply)
        }
    }

    /// Why nothing can be taken now. A replica that is about to lead keeps what comes meanwhile.
    private var failure: ReplicaFailure? {
        if leadership.isReady { return nil }
        if let leader = driver.currentLeadership.leader, leader != process.node.id {
            return .notLeader(leader: leader)
        }
        let count = waiting.count + waitingReads.count
        return count < 64 ? nil : .overloaded(inFlight: count, limit: 64)
    }

    private func stamp(_ item: Waiting) {
        lastStamp = max(lastStamp, process.time(), machine.time)
        let payload = machine.encode(item.command, at: lastStamp)
        driver.propose(payload, ticket: Ticket(kind: .command(item.reply)))
    }

    private func updateLeadership() {
        let before = leadership
        leadership = driver.currentLeadership
        if leadership.isReady, !before.isReady { process.raiseTime(to: machine.time) }
        if let leader = leadership.leader, leader != process.node.id {
            failWaiting(.notLeader(leader: leader))
        }
        if leadership.isReady, !waiting.isEmpty || !waitingReads.isEmpty {
            let (items, reads) = (waiting, waitingReads)
            waiting = []
            waitingReads = []
            for item in items { stamp(item) }
            for reply in reads { driver.read(ticket: Ticket(kind: .read(reply))) }
            driver.flush()
        }
        if leadership != before { onLeadership?(leadership) }
    }

    private func failWaiting(_ failure: ReplicaFailure) {
        let (items, reads) = (waiting, waitingReads)
        waiting = []
        waitingReads = []
        for item in items { item.reply(.failure(failure)) }
        for reply in reads { reply(failure) }
    }

    // MARK: Checkpoints

    private func startCheckpointIfDue() {
        let options = process.world.options
        let isDue =
            sinceCheckpoint >= options.checkpointEntries
            || sinceCheckpoint > 0 && ticksSinceCheckpoint >= options.checkpointTicks
        guard isDue, !checkpointRuns else { return }
        checkpointRuns = true
        sinceCheckpoint = 0
        ticksSinceCheckpoint = 0
        process.plan(after: process.applyTime()) { [self] in
            do throws(StoreError) {
                submit(.checkpointed(try machine.checkpoint() ?? .zero))
            } catch {
                guard error == .diskFull else { return process.failed(error) }
                process.world.coverage[.diskFull] += 1
                submit(.checkpointed(.zero))
            }
        }
    }

    private func finishCheckpoint(_ index: LogIndex) {
        guard index > lastCheckpoint else { return }
        let safe = driver.compact(through: index)
        lastCheckpoint = safe
        process.world.coverage[.checkpointCompacted] += 1
        process.logWriter.submit(SimulatedLogWriter.Job(compact: (group, safe)))
    }
}
