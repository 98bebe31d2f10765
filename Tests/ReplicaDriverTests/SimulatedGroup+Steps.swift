import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

/// What can happen to a node, to the group, and between its members.
extension SimulatedGroup {
    // MARK: One node

    func persist(_ number: Int) {
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

    func apply(_ number: Int) {
        guard nodes[number].isUp, let (index, count) = nodes[number].ports.applyOldest() else {
            return
        }
        take(number)
        use(number) { $0.applied(through: index, tickets: count) }
    }

    func propose(_ number: Int) {
        tickets += 1
        let (ticket, size) = (tickets, 1 + draw(12))
        let payload = (0..<size).map { UInt8(truncatingIfNeeded: ticket &* 7 &+ $0) }
        use(number) { $0.propose(payload, ticket: ticket) }
    }

    func read(_ number: Int) {
        tickets += 1
        let (ticket, isRemote) = (tickets, draw(2) == 0)
        reads[ticket] = Read(mustSee: acknowledged, isRemote: isRemote)
        use(number) { driver in
            if isRemote { driver.readIndex(ticket: ticket) } else { driver.read(ticket: ticket) }
        }
    }

    func answerWait() {
        guard !waits.isEmpty else { return }
        let wait = waits.remove(at: draw(waits.count))
        use(wait.node) { $0.waitUntilApplied(wait.index, ticket: wait.ticket) }
    }

    func checkpoint(_ number: Int) {
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

    func makeCopy(_ number: Int) {
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
    func crash(_ number: Int) throws {
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

    var leader: Int? {
        nodes.indices.filter { nodes[$0].isUp && nodes[$0].driver.leads }
            .max {
                nodes[$0].driver.currentLeadership.term < nodes[$1].driver.currentLeadership.term
            }
    }

    func changeMembership() {
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

    func transfer() {
        guard let leader else { return }
        let target = NodeID(UInt64(draw(5)) + 1)
        var failure: ReplicaFailure?
        use(leader) { failure = $0.transferLeadership(to: target) }
        if failure == nil { coverage.transfers += 1 }
    }

    func toggleLink() {
        let link = draw(25)
        if cuts.remove(link) == nil { cuts.insert(link) }
        if cuts.count > 8 { cuts = [] }
    }

    /// Nobody hears the leader any more, and it goes on for a while.
    func isolateLeader() {
        guard let leader else { return }
        for other in 0..<5 where other != leader { cuts.insert(leader * 5 + other) }
    }

    func isCut(_ message: Message) -> Bool {
        cuts.contains(Int(message.from.rawValue - 1) * 5 + Int(message.to.rawValue - 1))
    }

    func deliver() {
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

    func receive(_ copy: SimulatedStore, _ message: Message, at receiver: Int) -> Bool {
        let ports = nodes[receiver].ports
        guard ports.disk.prepared == nil else { return false }
        ports.disk.prepared = copy
        var isWanted = false
        use(receiver) { isWanted = $0.receiveSnapshot(message) }
        if !isWanted { ports.disk.prepared = nil }
        return true
    }
}
