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

    private struct Node {
        var driver: ReplicaDriver<SimulatedPorts>
        var ports: SimulatedPorts
        var isUp = true
    }

    private struct Packet {
        var message: Message
        var copy: SimulatedStore?
        var due: Int
    }

    /// What a read must see, by ticket.
    private struct Read {
        var mustSee: LogIndex
        /// Asked here, to be read elsewhere.
        var isRemote: Bool
    }

    private let seed: UInt64
    private var random: SeededGenerator
    private var now = 0
    private var nodes: [Node] = []
    private var packets: [Packet] = []
    private var cuts: Set<Int> = []
    private var isCalm = false
    private var tickets = 0
    private var ended: Set<Int> = []
    private var reads: [Int: Read] = [:]
    private var waits: [(node: Int, index: LogIndex, ticket: Int)] = []
    private var leaders: [Term: NodeID] = [:]
    private var entryDigests: [LogIndex: UInt64] = [:]
    private var stateDigests: [LogIndex: UInt64] = [:]
    private var acknowledged = LogIndex.zero
    private(set) var coverage = Coverage()

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let founders = Configuration(voters: [1, 2, 3].map { NodeID($0) })
        for number in 1...5 {
            let disk = SimulatedDisk(founding: number <= 3 ? founders : Configuration())
            nodes.append(try start(NodeID(UInt64(number)), disk))
        }
    }

    private var place: Comment { "SIM_SEED=\(seed) step=\(now)" }

    private func start(_ id: NodeID, _ disk: SimulatedDisk) throws -> Node {
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

    private func draw(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    private func step() throws {
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

    private func atLeaderMostly(_ number: Int) -> Int {
        draw(4) > 0 ? leader ?? number : number
    }

    private func disturb(_ number: Int) throws {
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

    private func use(_ number: Int, _ body: (inout ReplicaDriver<SimulatedPorts>) -> Void) {
        guard nodes[number].isUp else { return }
        body(&nodes[number].driver)
        nodes[number].driver.flush()
        take(number)
    }

    // MARK: One node

    private func persist(_ number: Int) {
        let ports = nodes[number].ports
        guard nodes[number].isUp, let write = ports.writes.first else { return }
        // A snapshot takes the store's place behind what was handed out before.
        if write.snapshot != nil {
            while !ports.deliveries.isEmpty { apply(number) }
            coverage.installations += 1
        }
        let receipt = ports.persist()
        if let receipt { use(number) { $0.persisted(receipt) } }
    }

    private func apply(_ number: Int) {
        guard nodes[number].isUp, let (index, count) = nodes[number].ports.applyOldest() else {
            return
        }
        take(number)
        use(number) { $0.applied(through: index, tickets: count) }
    }

    private func propose(_ number: Int) {
        tickets += 1
        let (ticket, size) = (tickets, 1 + draw(12))
        let payload = (0..<size).map { UInt8(truncatingIfNeeded: ticket &* 7 &+ $0) }
        use(number) { $0.propose(payload, ticket: ticket) }
    }

    private func read(_ number: Int) {
        tickets += 1
        let (ticket, isRemote) = (tickets, draw(2) == 0)
        reads[ticket] = Read(mustSee: acknowledged, isRemote: isRemote)
        use(number) { driver in
            if isRemote { driver.readIndex(ticket: ticket) } else { driver.read(ticket: ticket) }
        }
    }

    private func answerWait() {
        guard !waits.isEmpty else { return }
        let wait = waits.remove(at: draw(waits.count))
        use(wait.node) { $0.waitUntilApplied(wait.index, ticket: wait.ticket) }
    }

    private func checkpoint(_ number: Int) {
        guard nodes[number].isUp else { return }
        let ports = nodes[number].ports
        let store = ports.store
        // What is on its way to the store stands behind it; an installation must not be undone.
        guard store.applied.index > ports.disk.store.applied.index else { return }
        ports.disk.store = store
        let end = nodes[number].driver.compact(through: store.applied.index)
        #expect(end <= store.applied.index, place)
        ports.disk.compact(through: end)
        take(number)
    }

    private func makeCopy(_ number: Int) {
        let ports = nodes[number].ports
        guard nodes[number].isUp, ports.wantsCopy else { return }
        ports.wantsCopy = false
        let copy = ports.store
        let configuration = copy.configuration ?? ports.disk.founding
        guard draw(8) > 0 else {
            return use(number) { $0.snapshotMade(nil, configuration: configuration) }
        }
        ports.copies[copy.applied] = copy
        use(number) { $0.snapshotMade(copy.applied, configuration: configuration) }
    }

    /// Everything that was not synced is gone, but for some writes of which nobody was told.
    private func crash(_ number: Int) throws {
        let ports = nodes[number].ports
        if nodes[number].isUp {
            var disk = ports.disk
            let survivors = ports.writes.isEmpty ? 0 : draw(ports.writes.count + 1)
            for write in ports.writes.prefix(survivors) { disk.take(write) }
            ports.disk = disk
            nodes[number].isUp = false
            coverage.crashes += 1
            packets.removeAll { $0.copy != nil && $0.message.from.rawValue == UInt64(number) + 1 }
        } else {
            nodes[number] = try start(NodeID(UInt64(number) + 1), ports.disk)
        }
    }

    // MARK: The group

    private var leader: Int? {
        nodes.indices.filter { nodes[$0].isUp && nodes[$0].driver.leads }
            .max {
                nodes[$0].driver.currentLeadership.term < nodes[$1].driver.currentLeadership.term
            }
    }

    private func changeMembership() {
        guard let leader else { return }
        let wanted = (1...5).map { NodeID(UInt64($0)) }.filter { _ in draw(5) < 3 }
        guard !wanted.isEmpty, wanted.count <= 3 else { return }
        let status = nodes[leader].driver.status
        let present = status.configuration.voters.incoming.voters
        var steps = wanted.filter { !present.contains($0) }
            .map { ConfigurationChange.Step(.addVoter, $0) }
        steps += present.filter { !wanted.contains($0) }.map {
            ConfigurationChange.Step(.remove, $0)
        }
        if draw(3) == 0, let learner = wanted.first {
            steps = [ConfigurationChange.Step(.addLearner, learner)]
        }
        guard !steps.isEmpty else { return }
        tickets += 1
        let ticket = tickets
        let change = ConfigurationChange(transition: .jointAutoLeave, steps: steps)
        use(leader) { $0.propose(change, ticket: ticket) }
    }

    private func transfer() {
        guard let leader else { return }
        let target = NodeID(UInt64(draw(5)) + 1)
        var failure: ReplicaFailure?
        use(leader) { failure = $0.transferLeadership(to: target) }
        if failure == nil { coverage.transfers += 1 }
    }

    private func toggleLink() {
        let link = draw(25)
        if cuts.remove(link) == nil { cuts.insert(link) }
        if cuts.count > 8 { cuts = [] }
    }

    /// Nobody hears the leader any more, and it goes on for a while.
    private func isolateLeader() {
        guard let leader else { return }
        for other in 0..<5 where other != leader { cuts.insert(leader * 5 + other) }
    }

    private func isCut(_ message: Message) -> Bool {
        cuts.contains(Int(message.from.rawValue - 1) * 5 + Int(message.to.rawValue - 1))
    }

    private func deliver() {
        let due = packets.indices.filter { packets[$0].due <= now }
        guard let chosen = due.randomElement(using: &random) else { return }
        let packet = packets[chosen]
        let isLost = isCut(packet.message) || (!isCalm && draw(25) == 0)
        if packet.copy != nil || isLost || draw(30) > 0 { packets.remove(at: chosen) }
        let receiver = Int(packet.message.to.rawValue) - 1
        guard let copy = packet.copy else {
            if !isLost { use(receiver) { $0.receive(packet.message) } }
            return
        }
        let arrived = !isLost && nodes[receiver].isUp && receive(copy, packet.message, at: receiver)
        guard let id = packet.message.snapshot?.id else { return }
        let sender = Int(packet.message.from.rawValue) - 1
        nodes[sender].ports.sending[id, default: 0] -= 1
        use(sender) { $0.snapshotSent(id, to: packet.message.to, arrived: arrived) }
    }

    private func receive(_ copy: SimulatedStore, _ message: Message, at receiver: Int) -> Bool {
        let ports = nodes[receiver].ports
        guard ports.disk.prepared == nil else { return false }
        ports.disk.prepared = copy
        var isWanted = false
        use(receiver) { isWanted = $0.receiveSnapshot(message) }
        if !isWanted { ports.disk.prepared = nil }
        return true
    }

    // MARK: What came of it

    private func take(_ number: Int) {
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

    private func end(_ ticket: Int) {
        #expect(ended.insert(ticket).inserted, "ticket \(ticket) ends twice \(place)")
    }

    private func checkApplied(_ entry: Entry, _ store: SimulatedStore) {
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

    private func check() {
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
    private var description: String {
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
