import CaseModel
import ClusterPrimitives
import CoordinatorCore
import DiskSimulator
import RaftCore
import ReplicationLog

/// Why a run failed, and where.
public struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    /// The world's.
    public let seed: UInt64
    /// Counts events from 1.
    public let step: UInt64
    /// Simulated microseconds since the start.
    public let time: Int64
    /// Which promise was broken, by whom.
    public let reason: String

    /// For people.
    public var description: String {
        "SIM_SEED=\(seed) step=\(step) time=\(time) us: \(reason)"
    }
}

/// What a run that did not fail did.
public struct WorldReport: Sendable {
    /// Events.
    public var steps: UInt64
    /// The same in every run of the same seed.
    public var traceHash: UInt64
    /// What it met.
    public var coverage: Coverage
    /// Operations of clients that were answered, and cases made.
    public var answered: Int
    /// Cases that were made.
    public var cases: Int
}

/// A whole cluster with its clients and its misfortunes, on one thread, from one seed.
///
/// Everything that happens is an event with a simulated time; what happens next depends on the seed alone.
/// A busy time with faults, then everything is healed, and all must be well again within a bounded time.
public final class World {
    static let clusterID = [UInt8](repeating: 0x5A, count: LogIdentity.clusterBytes)
    /// Events of one world at most: a livelock of the simulation itself.
    private static let stepsMax: UInt64 = 20_000_000

    let options: WorldOptions
    var coverage = Coverage()
    var trace = Trace()
    var network: SimulatedNetwork
    private(set) var now: Int64 = 0
    private(set) var steps: UInt64 = 0
    private(set) var nodes: [SimulatedNode] = []
    private(set) var failure: SimulationFailure?
    private(set) lazy var checks = Checks(self)
    private(set) lazy var book = CaseBook(self)
    private(set) lazy var mails = MailBook(self)
    private(set) var clients: [SimulatedClient] = []
    var random: SeededGenerator
    private var queue = EventQueue()
    private var dead: [any ReplicaEndpoint] = []
    /// No more faults; whoever is down comes back.
    var isHealing = false
    /// What was not well at the last looks.
    var lastTrouble: [String] = []
    /// Since when, in the healed world, nothing stands in a timer's way.
    var calmSince = Timestamp.zero
    /// All is well.
    var isDone = false

    /// A world that has not begun.
    /// - Parameter options: what it is made of; the seed in it determines everything.
    public init(_ options: WorldOptions) {
        self.options = options
        random = SeededGenerator(seed: options.seed ^ 0x9E37_79B9_7F4A_7C15)
        network = SimulatedNetwork(options.network)
    }

    /// The voters of every group at the founding.
    var founders: [NodeID] { (1...UInt64(options.nodes)).map { NodeID($0) } }

    var founding: ClusterFounding {
        ClusterFounding(
            clusterID: Self.clusterID,
            shardCount: UInt32(options.shards),
            members: founders.map {
                Member(id: $0, peerAddress: "n\($0):1", clientAddress: "n\($0):2", versionKnown: 1)
            },
            adminToken: NewToken(
                id: "admin",
                secretHash: SHA256Digest(hashing: Self.clusterID),
                principal: PrincipalID("admin")
            )
        )
    }

    // MARK: Running

    /// Runs to the end.
    /// - Throws: `SimulationFailure` for the first promise that was broken.
    public func run() throws(SimulationFailure) -> WorldReport {
        begin()
        while !isDone, failure == nil {
            guard let event = queue.next() else {
                fail("nothing is left to happen")
                break
            }
            now = event.time
            steps += 1
            event.action()
            if steps > Self.stepsMax { fail("more than \(Self.stepsMax) steps") }
        }
        if failure == nil { checkAtEnd() }
        for node in nodes { end(node) }
        buryAll()
        queue = EventQueue()
        if let failure { throw failure }
        for node in nodes {
            coverage[.tornWrite] += node.disk.tornWrites
            coverage[.lostWrite] += node.disk.lostWrites
            coverage[.failedSync] += node.disk.failedSyncs
        }
        return WorldReport(
            steps: steps,
            traceHash: trace.hash,
            coverage: coverage,
            answered: book.answered,
            cases: book.caseIDs.count
        )
    }

    private func begin() {
        for id in founders {
            let drift = Double(draw(-1_000...1_000)) / 1_000 * options.driftMax
            if drift != 0 { coverage[.clockDrift] += 1 }
            let node = SimulatedNode(
                id,
                machine: machineName(nodes.count + 1),
                clock: SimulatedClock(drift: drift),
                isFounder: true
            )
            node.tickFactor = pick(options.tickFactors)
            add(node)
            start(node)
        }
        if options.slowMachineFactor > 1 {
            coverage[.slowMachine] += 1
            pick(nodes).workFactor = options.slowMachineFactor
        }
        for _ in 0..<options.spares { addNode() }
        let homes = options.hasWatchers ? founders.map { Optional($0) } : []
        for (number, home) in (Array(repeating: nil, count: options.clients) + homes).enumerated() {
            let client = SimulatedClient(
                SimulatedNetwork.clientsFrom + UInt64(number),
                self,
                home: home
            )
            clients.append(client)
            client.start()
        }
        planDirectory()
        planFaults()
        plan(after: options.busyTime) { [unowned self] in heal() }
    }

    func add(_ node: SimulatedNode) { nodes.append(node) }

    /// No two worlds of a process share a machine.
    func machineName(_ number: Int) -> String {
        "w\(options.seed)-\(UInt(bitPattern: ObjectIdentifier(self)))-n\(number)"
    }

    private func end(_ node: SimulatedNode) {
        node.disk.endProcess()
        node.process?.end()
        node.process = nil
    }

    /// Ends replicas of a process that has ended, when nothing of it is being run any more.
    func bury(_ replicas: [any ReplicaEndpoint]) {
        dead += replicas
        plan(after: 0) { [unowned self] in buryAll() }
    }

    private func buryAll() {
        let replicas = dead
        dead = []
        for replica in replicas { replica.end() }
    }

    /// The first failure counts.
    func fail(_ reason: String) {
        guard failure == nil else { return }
        failure = SimulationFailure(seed: options.seed, step: steps, time: now, reason: reason)
    }

    // MARK: Time and chance

    func plan(after time: Int64, _ action: @escaping () -> Void) {
        queue.add(at: now + max(0, time), action)
    }

    func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }

    /// What a clock would show that is right.
    var latestTime: Timestamp { SimulatedClock.start + TimeSpan(milliseconds: now / 1_000) }

    func drawSeed() -> UInt64 { random.next() }

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &random)]
    }

    // MARK: Messages

    func node(_ id: NodeID) -> SimulatedNode? { nodes.first { $0.id == id } }

    /// A replica's message to a peer.
    func send(_ message: Message, _ group: GroupID, from: NodeID) {
        let fates = network.fate(
            from.rawValue,
            message.to.rawValue,
            .replicas,
            &random,
            &coverage
        )
        for delay in fates {
            plan(after: delay) { [unowned self] in
                node(message.to)?.process?.receive(message, group)
            }
        }
    }

    /// A call to a node: served there, and answered, if both ways work. At most one answer.
    func call<Answer>(
        from: UInt64,
        to: NodeID,
        by caller: NodeProcess?,
        _ serve: @escaping (NodeProcess, @escaping (Answer) -> Void) -> Void,
        _ reply: @escaping (Answer) -> Void
    ) {
        let isLocal = from == to.rawValue
        guard
            let delay = isLocal
                ? 0 : network.fate(from, to.rawValue, .calls, &random, &coverage).first
        else { return }
        var isAnswered = false
        plan(after: delay) { [unowned self] in
            guard let process = node(to)?.process else { return }
            process.plan(after: 0) {
                serve(process) { [unowned self] answer in
                    guard process.isAlive, !isAnswered else { return }
                    isAnswered = true
                    let way =
                        isLocal
                        ? 0 : network.fate(to.rawValue, from, .calls, &random, &coverage).first
                    guard let way else { return }
                    if let caller {
                        caller.plan(after: way) { reply(answer) }
                    } else {
                        plan(after: way) { reply(answer) }
                    }
                }
            }
        }
    }

    /// A shard's leader tells whoever leads the system group, as far as it knows.
    func announceDue(from: NodeID, _ shard: ShardID, _ due: Timestamp) {
        guard let sender = node(from)?.process, let leader = sender.system?.leadership.leader else {
            return
        }
        call(
            from: from.rawValue,
            to: leader,
            by: nil,
            { server, _ in server.coordinator?.dueTimeSet(shard, due) },
            { (_: Bool) in }
        )
    }
}
