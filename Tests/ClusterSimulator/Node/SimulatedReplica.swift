import CaseStore
import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicaDriver
import ReplicationLog

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

    enum Input {
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
        case handOver
        case installed(SnapshotID, StorageReceipt)
        case snapshotMade(SnapshotInfo?)
        case snapshotSent(SnapshotID, NodeID, arrived: Bool)
        case snapshotReceived(Message, (Bool) -> Void)
        case tick
    }

    /// What a replica that is about to lead keeps until it does.
    enum Request {
        case command(Machine.Command, (Outcome) -> Void)
        case read((ReplicaFailure?) -> Void)
    }

    let group: GroupID
    let machine: Machine
    let process: NodeProcess
    let ports: SimulatedPorts<Machine>
    var driver: ReplicaDriver<SimulatedPorts<Machine>>
    var inbox: [Input] = []
    private var isScheduled = false
    var waiting: [Request] = []
    var lastStamp: Timestamp
    var leadership = Leadership(term: .zero, leader: nil, isReady: false)
    /// Hears of every change of who leads.
    var onLeadership: ((Leadership) -> Void)?
    var sinceCheckpoint: UInt64
    var ticksSinceCheckpoint: Int64 = 0
    var lastCheckpoint: LogIndex
    var checkpointRuns = false
    var waitingTicks = 0
    /// How long its disk has been full, in ticks.
    var ticksFull = 0
    /// Who is to lead, all being well.
    let preferred: NodeID?
    let foundingConfiguration: Configuration

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
        // As the coordinator spreads them.
        let turn = group == .system ? nil : Int(group.rawValue - 1) % options.nodes
        preferred = turn.map { NodeID(UInt64($0 + 1)) }
        lastStamp = machine.time
        sinceCheckpoint = applied.index.rawValue - recovered.log.base.index.rawValue
        lastCheckpoint = recovered.log.base.index
        ports.replica = self
    }

    var status: RaftStatus { driver.status }
    var leads: Bool { driver.leads }
    var appliedIndex: LogIndex { machine.applied.index }
    func checksum() throws(StoreError) -> SHA256Digest { try machine.checksum() }

    // MARK: The loop

    func submit(_ input: Input) {
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
}
