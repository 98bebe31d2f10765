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
    /// Hears how a command ended.
    typealias CommandReply = @Sendable (Outcome) -> Void
    /// Hears that a store may be read (nil), or why not.
    typealias ReadReply = @Sendable (ReplicaFailure?) -> Void
    /// Hears at which index a store may be read.
    typealias IndexReply = @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    /// Hears of the membership that a change led to.
    typealias ChangeReply = @Sendable (Result<Configuration, ReplicaFailure>) -> Void

    /// Commands and reads that wait for a leader that may stamp time, at most.
    static var waitingMax: Int { 4_096 }
    /// How long they wait where others could lead, in ticks: two seconds, by when most elections are over. The
    /// caller then asks another node.
    static var waitingTicksMax: Int { 80 }
    /// Commands and reads that wait for the event loop, at most: what it takes up in some milliseconds. More
    /// are refused as overload on the caller's thread, however busy the loop is.
    static var inboxMax: Int { 16_384 }
    /// Messages of peers that wait for the event loop, at most. More are dropped: they are sent again.
    static var messagesMax: Int { 4_096 }
    /// Bytes of payload applied since the last checkpoint that start the next one: so much of the log's tail
    /// stays in memory. Entries alone would not bound it: one may have megabytes.
    static var checkpointBytes: Int { 32 << 20 }

    /// How long a leader's disk may be full before it hands leadership over, in ticks: one second, in which a
    /// checkpoint often makes room.
    static var fullTicksMin: Int { 40 }
    /// How often it tries, in ticks: should all disks be full, leadership goes round every ten seconds and no
    /// faster.
    static var fullTicks: Int { 400 }

    enum Ticket: Sendable {
        /// With the time of its proposal, by the monotonic clock in nanoseconds.
        case command(CommandReply, at: UInt64)
        case read(ReadReply)
        case readIndex(IndexReply)
        case change(ChangeReply)
    }

    /// What asks for a leader.
    enum Request: Sendable {
        case command(Machine.Command, by: NIODeadline?, CommandReply)
        case read(ReadReply)
        case readIndex(IndexReply)
        case change(ConfigurationChange, ChangeReply)

        /// It was surely not proposed.
        func fail(_ failure: ReplicaFailure) {
            switch self {
            case .command(_, _, let reply): reply(.failure(failure))
            case .read(let reply): reply(failure)
            case .readIndex(let reply): reply(.failure(failure))
            case .change(_, let reply): reply(.failure(failure))
            }
        }
    }

    enum Input: Sendable {
        case request(Request)
        case whenApplied(LogIndex, ReadReply)
        case persisted(StorageReceipt)
        case applied(through: LogIndex, tickets: Int, bytes: Int)
        case checkpointed(LogIndex)
        case message(Message)
        case snapshotReceived(Message, @Sendable (Bool) -> Void)
        case installed(SnapshotID, StorageReceipt)
        case snapshotMade(SnapshotInfo?)
        case snapshotSent(SnapshotID, NodeID, arrived: Bool)
        case unreachable(NodeID)
        case transfer(NodeID, ReadReply)
        case handOver
        case prefer(NodeID?)
        case resign
        case tick(Int)
        case status(@Sendable (RaftStatus) -> Void)
        case retire(@Sendable () -> Void)
        case stop
    }

    struct Inbox {
        var inputs: [Input] = []
        /// Requests among them.
        var requests = 0
        /// Peers' messages among them.
        var messages = 0
        var isScheduled = false
    }

    /// Where the state stands, so that it changes in place: taken out and put back it would be copied, each of its
    /// arrays counted up and down. Never entered twice: whatever comes while it changes waits in the inbox.
    final class LoopCell {
        var state: LoopState

        init(_ state: LoopState) { self.state = state }
    }

    /// Confined to the event loop.
    struct LoopState {
        var driver: ReplicaDriver<HostPorts<Machine>>
        var waiting: [Request] = []
        var waitingTicks = 0
        var ticksFull = 0
        /// Who is to lead, all being well.
        var preferred: NodeID?
        /// Since the start, without a word from a leader.
        var ticksAlone = 0
        /// In which term that began.
        var termAlone: Term?
        var lastStamp: Timestamp
        var isReady = false
        var isStopped = false
        /// The node is about to stop: this replica hands over what it leads, and does not stand for election.
        var isResigning = false
        /// The node has no part in the group any more: nothing is written, sent or applied.
        var isRetired = false
        var sinceCheckpoint: UInt64
        var bytesSinceCheckpoint = 0
        var ticksSinceCheckpoint: Int64 = 0
        var lastCheckpointIndex: LogIndex
        var checkpointRuns = false
    }

    let group: GroupID
    let node: NodeID
    let machine: Machine
    let eventLoop: any EventLoop
    let clock: SystemClock
    let successors: Successors
    let log: LogWriter
    let checkpointLane: SerialLane
    let checkpointEntries: UInt64
    let checkpointTicks: Int64
    let ports: HostPorts<Machine>
    let phases: PhaseReport?
    let meters: NodeMeters
    let inbox = Mutex(Inbox())
    let state: NIOLoopBoundBox<LoopCell?>
    let leadershipCell = Mutex(Leadership(term: .zero, leader: nil, isReady: false))
    let onLeadership: @Sendable (Leadership) -> Void
    let leadershipListener = Mutex<(@Sendable (Leadership) -> Void)?>(nil)
    let onFailure: @Sendable (any Error) -> Void
    let checkpointIndexCell: Mutex<LogIndex>
    /// When something was first applied that no checkpoint covers; nil while there is nothing.
    let uncoveredSince: Mutex<Int64?>
    /// When the leader was last heard of, by the monotonic clock in milliseconds.
    let heardAt = Mutex(Int64.min)
    /// What a read of this store alone may miss.
    let age: Mutex<StoreAge>
    /// The membership of a group in which none was ever changed.
    let foundingConfiguration: Configuration
    /// Handed over to the loop by `start`.
    private let starting: Mutex<LoopState?>

    /// What a host runs on.
    struct Environment: Sendable {
        var eventLoop: any EventLoop
        var clock: SystemClock
        var successors = Successors()
        var log: LogWriter
        var storeLane: SerialLane
        var checkpointLane: SerialLane
        /// Copies stores for others, and checks what came from them: one at a time for the whole node.
        var snapshotLane: SerialLane
        var peers: any PeerTransport = NoPeers()
        var checkpointEntries: Int
        /// Whatever was applied is checkpointed after this time.
        var checkpointMilliseconds: Int
        var phases: PhaseReport?
        var meters = NodeMeters()
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
        successors = environment.successors
        log = environment.log
        checkpointLane = environment.checkpointLane
        checkpointEntries = UInt64(environment.checkpointEntries)
        checkpointTicks = max(
            1,
            Int64(environment.checkpointMilliseconds) / ReplicaTicker.milliseconds
        )
        phases = environment.phases
        meters = environment.meters
        self.onLeadership = onLeadership
        onFailure = environment.onFailure
        let applied = machine.applied
        age = Mutex(StoreAge(applied: applied.index))
        foundingConfiguration = recovered.log.configuration
        checkpointIndexCell = Mutex(recovered.log.base.index)
        uncoveredSince = Mutex(
            applied.index > recovered.log.base.index ? SystemClock.monotonicMilliseconds() : nil
        )
        state = .makeEmptyBox(eventLoop: environment.eventLoop)
        ports = HostPorts<Machine>(
            group: settings.group,
            node: settings.id,
            machine: machine,
            inFlightMax: limits.proposalsMax,
            environment: environment
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
    }

    /// Begins to run; a group whose only voter is here stands for election at once, any other waits for its
    /// leader's word or the end of its patience.
    func start() {
        ports.link.connect(self)
        eventLoop.execute { [self] in
            var initial = starting.withLock { initial in
                defer { initial = nil }
                return initial
            }
            let membership = initial?.driver.membership
            if let membership, membership.isSingleVoter, membership.voters.contains(node) {
                initial?.driver.campaign()
            }
            initial?.driver.holdBack(!clock.mayLead)
            state.value = initial.map { LoopCell($0) }
            // What came before stands in the inbox.
            drain()
        }
    }

    // MARK: Views, from any thread

    /// Hears on the event loop whenever who leads changes; one at a time.
    func whenLeadershipChanges(_ listener: @escaping @Sendable (Leadership) -> Void) {
        leadershipListener.withLock { $0 = listener }
    }

    /// Who leads, as of the last change.
    var leadership: Leadership { leadershipCell.withLock { $0 } }

    /// Up to where a checkpoint has made the store durable.
    var checkpointIndex: LogIndex { checkpointIndexCell.withLock { $0 } }

    /// For how long, in milliseconds, something applied has been waiting for a checkpoint.
    var uncoveredMilliseconds: Int64 {
        uncoveredSince.withLock { $0 }.map { max(0, SystemClock.monotonicMilliseconds() - $0) } ?? 0
    }

    /// For how long, in milliseconds, nothing was heard of the group's leader; 0 on a leader, nil where none was ever
    /// heard of.
    var silentMilliseconds: Int64? {
        if leadership.isReady { return 0 }
        let heard = heardAt.withLock { $0 }
        guard heard != .min else { return nil }
        return max(0, SystemClock.monotonicMilliseconds() - heard)
    }

    /// The age, in milliseconds, of what a read of this store alone may miss: what the leader has not told, or what is
    /// not in the store yet, for whatever reason. Nil where the store was never known to be complete.
    var ageMilliseconds: Int64? {
        let age = age.withLock { $0.milliseconds(at: SystemClock.monotonicMilliseconds()) }
        // What was committed while the leader's word was on its way is not in it.
        return age.map { $0 + ReplicaTicker.milliseconds }
    }
}
