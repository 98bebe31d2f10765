import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

/// Five nodes, of which the first three found a group, on one thread from one seed: messages are lost, repeated,
/// delayed and reordered, links are cut one way, nodes crash and forget what was not synced.
final class SimulatedGroup {
    /// How often what was met.
    struct Coverage {
        var crashes = 0
        var installations = 0
        var truncations = 0
        var jointChanges = 0
        var transfers = 0
        var acknowledged = 0
        var unknown = 0
        var reads = 0
        var remoteReads = 0
    }

    struct Node {
        var driver: ReplicaDriver<SimulatedPorts>
        var ports: SimulatedPorts
        var isUp = true
    }

    struct Packet {
        var message: Message
        var copy: SimulatedStore?
        var due: Int
    }

    /// What a read must see, by ticket.
    struct Read {
        var mustSee: LogIndex
        /// Asked here, to be read elsewhere.
        var isRemote: Bool
    }

    let seed: UInt64
    var random: SeededGenerator
    var now = 0
    var nodes: [Node] = []
    var packets: [Packet] = []
    var cuts: Set<Int> = []
    var isCalm = false
    var tickets = 0
    var ended: Set<Int> = []
    var reads: [Int: Read] = [:]
    var waits: [(node: Int, index: LogIndex, ticket: Int)] = []
    var leaders: [Term: NodeID] = [:]
    var entryDigests: [LogIndex: UInt64] = [:]
    var stateDigests: [LogIndex: UInt64] = [:]
    var acknowledged = LogIndex.zero
    var coverage = Coverage()

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let founders = Configuration(voters: [1, 2, 3].map { NodeID($0) })
        for number in 1...5 {
            let disk = SimulatedDisk(founding: number <= 3 ? founders : Configuration())
            nodes.append(try start(NodeID(UInt64(number)), disk))
        }
    }

    var place: Comment { "SIM_SEED=\(seed) step=\(now)" }

    func start(_ id: NodeID, _ disk: SimulatedDisk) throws -> Node {
        var disk = disk
        let log = disk.recover()
        let ports = SimulatedPorts(disk: disk)
        var settings = RaftConfiguration(id: id, group: .system, seed: random.next())
        settings.messageBytesMax = 200
        settings.asyncStorageWrites = seed.isMultiple(of: 2)
        var limits = DriverLimits()
        limits.retainedBytes = 40
        limits.heldBytesMax = 160
        limits.snapshotUnusedTicks = 20
        limits.snapshotRetryTicks = 3
        limits.stalledWriteTicks = 6
        let driver = try ReplicaDriver(
            settings: settings,
            log: log,
            hardState: disk.hardState,
            applied: disk.store.applied.index,
            limits: limits,
            ports: ports
        )
        return Node(driver: driver, ports: ports)
    }

    // MARK: Running

    /// Lets `count` random things happen.
    func run(steps count: Int) throws {
        for _ in 0..<count {
            now += 1
            try step()
            check()
        }
    }

    func draw(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    func step() throws {
        let number = draw(nodes.count)
        switch draw(100) {
        case 0..<14: use(number) { $0.tick() }
        // Faster than anything is sent in the long run, or every message would be late in the end.
        case 14..<50: for _ in 0..<4 { deliver() }
        case 50..<64: persist(number)
        case 64..<76: apply(number)
        case 76..<84: propose(atLeaderMostly(number))
        case 84..<88: read(atLeaderMostly(number))
        case 88..<90: answerWait()
        case 90..<94: checkpoint(number)
        case 94..<97: makeCopy(number)
        default: if !isCalm { try disturb(number) }
        }
    }

    func atLeaderMostly(_ number: Int) -> Int {
        draw(4) > 0 ? leader ?? number : number
    }

    func disturb(_ number: Int) throws {
        switch draw(36) {
        case 0..<2: try crash(number)
        // What is down comes back before long.
        case 2..<4: if let down = nodes.firstIndex(where: { !$0.isUp }) { try crash(down) }
        case 4..<6: toggleLink()
        case 6: cuts = []
        case 8..<14: changeMembership()
        case 18, 19: isolateLeader()
        case 14..<16: transfer()
        case 16: use(number) { $0.handOver() }
        case 17: use(number) { $0.reportUnreachable(NodeID(1)) }
        default: break
        }
    }

    func use(_ number: Int, _ body: (inout ReplicaDriver<SimulatedPorts>) -> Void) {
        guard nodes[number].isUp else { return }
        body(&nodes[number].driver)
        nodes[number].driver.flush()
        take(number)
    }

    // MARK: What came of it

    func take(_ number: Int) {
        let notices = nodes[number].ports.notices
        nodes[number].ports.notices = []
        for notice in notices {
            switch notice {
            case .send(let message):
                packets.append(Packet(message: message, copy: nil, due: now + 1 + draw(12)))
            case .sendCopy(let message, let copy):
                packets.append(Packet(message: message, copy: copy, due: now + 10 + draw(100)))
            case .readable(let ticket):
                let applied = nodes[number].ports.store.applied.index
                #expect(applied >= reads[ticket]?.mustSee ?? .zero, "a stale read \(place)")
                coverage.reads += 1
                end(ticket)
            case .index(let ticket, let index):
                #expect(index >= reads[ticket]?.mustSee ?? .zero, "a stale index \(place)")
                coverage.remoteReads += 1
                end(ticket)
                tickets += 1
                reads[tickets] = reads[ticket]
                waits.append((draw(nodes.count), index, tickets))
            case .failed(let ticket, let failure):
                if failure == .outcomeUnknown { coverage.unknown += 1 }
                end(ticket)
            case .answered(let ticket, let entry):
                acknowledged = max(acknowledged, entry.index)
                coverage.acknowledged += 1
                end(ticket)
            case .applied(let entry, let store): checkApplied(entry, store)
            }
        }
    }

    func end(_ ticket: Int) {
        #expect(ended.insert(ticket).inserted, "ticket \(ticket) ends twice \(place)")
    }

    func checkApplied(_ entry: Entry, _ store: SimulatedStore) {
        let digest = SimulatedStore.fold(0, entry)
        #expect(entryDigests[entry.index] ?? digest == digest, "another entry \(place)")
        #expect(
            stateDigests[entry.index] ?? store.digest == store.digest,
            "another state \(place)"
        )
        entryDigests[entry.index] = digest
        stateDigests[entry.index] = store.digest
        if store.configuration?.isJoint == true, entry.kind == .configurationChange {
            coverage.jointChanges += 1
        }
    }

    func check() {
        for node in nodes where node.isUp {
            let now = node.driver.currentLeadership
            guard node.driver.leads, let id = now.leader else { continue }
            #expect(leaders[now.term] ?? id == id, "two leaders in term \(now.term) \(place)")
            leaders[now.term] = id
        }
    }

    // MARK: The end

    /// Heals everything, and lets it settle: the group serves, and its members are equal.
    func settle() throws {
        isCalm = true
        cuts = []
        for number in nodes.indices where !nodes[number].isUp { try crash(number) }
        defer { coverage.truncations = nodes.reduce(0) { $0 + $1.ports.disk.truncations } }
        let before = acknowledged
        for _ in 0..<40 {
            try run(steps: 1_000)
            guard let leader, acknowledged > before else { continue }
            let status = nodes[leader].driver.status
            let members = status.configuration.members.map { Int($0.rawValue) - 1 }
            let isSettled =
                !status.configuration.isJoint
                && members.allSatisfy { nodes[$0].ports.store.applied.index > before }
            if isSettled { return }
        }
        Issue.record("the group does not settle \(place)\n\(description)")
    }

    /// What every node looks like, for who looks into a failure.
    var description: String {
        nodes.map { node in
            let status = node.driver.status
            let progress = status.progress.map { member in
                "\(member.id): \(member.progress.match)<\(member.progress.next)"
                    + " \(member.progress.state) active \(member.progress.recentActive)"
                    + " paused \(member.progress.isPaused) at \(member.progress.pendingSnapshot)"
            }
            return """
                \(status.id) \(status.role) term \(status.term) vote \(status.vote) \
                lead \(status.lead) commit \(status.commit) applied \(status.applied) \
                last \(status.lastIndex) durable \(status.durableIndex) \
                \(status.configuration) transferee \(status.transferee) \
                base \(node.ports.disk.base.index) writes \(node.ports.writes.count) \
                deliveries \(node.ports.deliveries.count) copies \(node.ports.copies.count) \
                wanted \(node.ports.wantsCopy) sending \(node.ports.sending.values.max() ?? 0) \
                prepared \(node.ports.disk.prepared != nil) \(progress)
                """
        }.joined(separator: "\n")
    }
}
