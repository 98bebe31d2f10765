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
    var leadership: Leadership { get }
    func receive(_ message: Message)
    /// Where to write a snapshot that comes in; nil if one is coming in already.
    func beginSnapshot() -> String?
    func receivedSnapshot(_ message: Message, _ reply: @escaping (Bool) -> Void)
    func abandonSnapshot()
    func change(_ change: ConfigurationChange, _ reply: @escaping (ReplicaFailure?) -> Void)
    func transfer(to node: NodeID)
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
            /// Nil if nobody knows.
            case readIndex((LogIndex?) -> Void)
            case change((ReplicaFailure?) -> Void)
        }

        let kind: Kind
    }

    private enum Input {
        case command(Machine.Command, (Outcome) -> Void)
        case read((ReplicaFailure?) -> Void)
        case readIndex((LogIndex?) -> Void)
        case whenApplied(LogIndex, (ReplicaFailure?) -> Void)
        case message(Message)
        case persisted(StorageReceipt)
        case applied(through: LogIndex, tickets: Int)
        case checkpointed(LogIndex)
        case change(ConfigurationChange, (ReplicaFailure?) -> Void)
        case transfer(NodeID)
        case installed(SnapshotID, StorageReceipt)
        case snapshotMade(SnapshotInfo?)
        case snapshotSent(SnapshotID, NodeID, arrived: Bool)
        case snapshotReceived(Message, (Bool) -> Void)
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
    private var waitingTicks = 0
    private let foundingConfiguration: Configuration

    /// Ticks that a request waits for a leader at most.
    private static var waitingTicksMax: Int { 40 }

    init(
        group: GroupID,
        machine: Machine,
        location: StoreLocation,
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
        settings.electionTicks = options.electionTicks
        settings.heartbeatTicks = options.heartbeatTicks
        settings.inflightMessagesMax = options.inflightMessagesMax
        settings.messageBytesMax = options.messageBytesMax
        settings.inflightBytesMax = options.inflightBytesMax
        settings.committedBytesMax = options.committedBytesMax
        settings.uncommittedBytesMax = options.uncommittedBytesMax
        var limits = DriverLimits()
        limits.proposalsMax = options.proposalsMax
        limits.payloadBytesMax = options.logConfiguration.recordBytesMax
        limits.retainedEntries = options.retainedEntries
        limits.heldBytesMax = options.heldBytesMax
        limits.retainedBytes = min(limits.retainedBytes, options.heldBytesMax)
        let applied = machine.applied
        foundingConfiguration = recovered.log.configuration
        let files = SnapshotFiles(location, machine.kind, SimulatedStoreFiles(process.node.disk))
        ports = SimulatedPorts(group, machine, files, process)
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

    /// Asks a leader at which index any replica may be read; nil if it does not lead.
    func readIndex(_ reply: @escaping (LogIndex?) -> Void) { submit(.readIndex(reply)) }

    /// Waits until the store has applied an index that a leader has named.
    func whenApplied(_ index: LogIndex, _ reply: @escaping (ReplicaFailure?) -> Void) {
        submit(.whenApplied(index, reply))
    }
    func receive(_ message: Message) { submit(.message(message)) }
    func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }
    func tick() { submit(.tick) }

    func applied(through index: LogIndex, tickets: Int) {
        submit(.applied(through: index, tickets: tickets))
    }

    func change(_ change: ConfigurationChange, _ reply: @escaping (ReplicaFailure?) -> Void) {
        submit(.change(change, reply))
    }

    func transfer(to node: NodeID) { submit(.transfer(node)) }

    func installed(_ id: SnapshotID, _ receipt: StorageReceipt) { submit(.installed(id, receipt)) }

    func snapshotMade(_ info: SnapshotInfo?) { submit(.snapshotMade(info)) }

    func snapshotSent(_ id: SnapshotID, to node: NodeID, arrived: Bool) {
        submit(.snapshotSent(id, node, arrived: arrived))
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
        case .readIndex(let reply):
            guard failure == nil, leadership.isReady else { return reply(nil) }
            driver.readIndex(ticket: Ticket(kind: .readIndex(reply)))
        case .whenApplied(let index, let reply):
            driver.waitUntilApplied(index, ticket: Ticket(kind: .read(reply)))
        case .message(let message): driver.receive(message)
        case .persisted(let receipt): driver.persisted(receipt)
        case .applied(let index, let tickets):
            sinceCheckpoint += index.rawValue - driver.appliedIndex.rawValue
            driver.applied(through: index, tickets: tickets)
        case .checkpointed(let index):
            checkpointRuns = false
            finishCheckpoint(index)
        case .change(let change, let reply):
            if let failure { return reply(failure) }
            guard leadership.isReady else { return reply(.notLeader(leader: nil)) }
            driver.propose(change, ticket: Ticket(kind: .change(reply)))
        case .transfer(let node): _ = driver.transferLeadership(to: node)
        case .installed(let id, let receipt):
            driver.persisted(receipt)
            lastCheckpoint = max(lastCheckpoint, id.index)
            sinceCheckpoint = 0
        case .snapshotMade(let info): take(copy: info)
        case .snapshotSent(let id, let node, let arrived):
            driver.snapshotSent(id, to: node, arrived: arrived)
        case .snapshotReceived(let message, let reply): takeSnapshot(message, reply)
        case .tick: passTick()
        }
    }

    private func passTick() {
        ticksSinceCheckpoint += 1
        driver.tick()
        guard !waiting.isEmpty || !waitingReads.isEmpty else { return waitingTicks = 0 }
        waitingTicks += 1
        guard waitingTicks >= Self.waitingTicksMax else { return }
        waitingTicks = 0
        failWaiting(.notLeader(leader: nil))
    }

    private func take(copy info: SnapshotInfo?) {
        guard let info else {
            return driver.snapshotMade(nil, configuration: foundingConfiguration)
        }
        do throws(DecodingFault) {
            let kept =
                info.configuration.isEmpty
                ? foundingConfiguration : try Configuration(decoding: info.configuration)
            let id = SnapshotID(index: info.index, term: info.term)
            driver.snapshotMade(id, configuration: kept)
        } catch {
            process.world.fail("\(group): a copy keeps no membership: \(error)")
        }
    }

    private func takeSnapshot(_ message: Message, _ reply: (Bool) -> Void) {
        guard let id = message.snapshot?.id else { return reply(false) }
        if !driver.receiveSnapshot(message) {
            do throws(StoreError) {
                try ports.snapshots.discard(id)
            } catch {
                return process.failed(error)
            }
        }
        reply(true)
    }

    // MARK: Snapshots from peers

    func beginSnapshot() -> String? {
        do throws(StoreError) {
            return try ports.snapshots.begin()
        } catch {
            process.failed(error)
            return nil
        }
    }

    func receivedSnapshot(_ message: Message, _ reply: @escaping (Bool) -> Void) {
        guard let snapshot = message.snapshot else { return reply(false) }
        process.plan(after: process.applyTime()) { [self] in
            do throws(StoreError) {
                guard try ports.snapshots.prepare(snapshot) else { return reply(false) }
                submit(.snapshotReceived(message, reply))
            } catch {
                process.failed(error)
            }
        }
    }

    func abandonSnapshot() {
        process.plan(after: process.loopTime()) { [self] in
            do throws(StoreError) {
                try ports.snapshots.abandon()
            } catch {
                process.failed(error)
            }
        }
    }

    private func propose(_ item: Waiting) {
        if let failure { return item.reply(.failure(failure)) }
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
        if process.logWriter.isFull || ports.isStoreFull { return item.reply(.failure(.diskFull)) }
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
        lastCheckpoint = index
        let end = driver.compact(through: index)
        guard end > .zero else { return }
        process.world.coverage[.checkpointCompacted] += 1
        process.logWriter.submit(SimulatedLogWriter.Job(compact: (group, end)))
    }
}
