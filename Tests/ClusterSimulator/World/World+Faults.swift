import ClusterPrimitives
import DiskSimulator
import ReplicaDriver

/// What goes wrong, and when.
extension World {
    /// How long a wrong clock may go unnoticed, in microseconds: a look, its answer, the next look, and a
    /// few tries to find somebody who is far enough to take over.
    private static let clockPatience: Int64 = 8_000_000

    /// By how much a stamp may be ahead of the clocks that are right, in milliseconds: what a round trip leaves open.
    private static let aheadMax: Int64 = 100

    func planFaults() {
        repeatedly(options.crashEvery) { [unowned self] in crashOne() }
        repeatedly(options.allDownEvery) { [unowned self] in
            coverage[.allDown] += 1
            for node in nodes where node.state == .up {
                if chance(70) {
                    coverage[.powerCut] += 1
                    powerWent(node)
                } else {
                    coverage[.crashOfProcess] += 1
                    killed(node)
                }
            }
        }
        repeatedly(options.pauseEvery) { [unowned self] in
            guard let process = pick(nodes).process else { return }
            coverage[.pause] += 1
            process.pausedUntil = now + draw(100_000...4_000_000)
        }
        repeatedly(options.stallEvery) { [unowned self] in
            guard let process = pick(nodes).process else { return }
            coverage[.diskStall] += 1
            process.stalledUntil = now + draw(500_000...8_000_000)
        }
        repeatedly(options.partitionEvery) { [unowned self] in
            if !chance(options.leaderCutPercent) || !cutLeader() { partition() }
        }
        repeatedly(options.fullEvery) { [unowned self] in
            let disk = nodeToFill().disk
            disk.bytesMax = disk.bytesUsed + Int(draw(options.fullBytesLeft))
            plan(after: draw(options.fullTime)) { disk.bytesMax = .max }
        }
        repeatedly(options.failedSyncEvery) { [unowned self] in
            pick(nodes).disk.syncsUntilFailure = Int(draw(1...30))
        }
        repeatedly(options.clockEvery) { [unowned self] in
            moveClock(of: options.hasWrongClockAlone ? nodes[0] : pick(nodes))
        }
        if options.hasWrongClockAlone { watchClock(of: nodes[0], rightAt: now) }
        repeatedly(options.changeEvery) { [unowned self] in changeSomething() }
        if options.flipsBit {
            plan(after: draw(options.busyTime / 3...options.busyTime * 2 / 3)) { [unowned self] in
                flipBit()
            }
        }
    }

    private func repeatedly(_ mean: Int64, _ action: @escaping () -> Void) {
        guard mean > 0 else { return }
        plan(after: draw(mean / 2...mean * 3 / 2)) { [unowned self] in
            guard !isHealing else { return }
            action()
            repeatedly(mean, action)
        }
    }

    private func crashOne() {
        let node = options.hasWrongClockAlone ? nodes[0] : pick(nodes)
        guard node.state == .up else { return }
        switch draw(0...9) {
        case 0..<3:
            coverage[.crashOfProcess] += 1
            killed(node)
        case 3..<6:
            coverage[.powerCut] += 1
            powerWent(node)
        default:
            coverage[.powerCutDuringWrite] += 1
            if options.cutsLogWrites { return node.disk.cutSuffix = ".log" }
            node.disk.operationsUntilCut = Int(draw(1...60))
        }
    }

    func partition() {
        let ids = nodes.map(\.id.rawValue)
        let channels: [SimulatedNetwork.Channel] = chance(30) ? [.replicas] : [.replicas, .calls]
        switch draw(0...9) {
        case 0..<3:
            coverage[.oneWayCut] += 1
            for _ in 0..<draw(1...3) { network.cutLink(pick(ids), pick(ids), channels) }
        case 3..<5:
            coverage[.linkCut] += 1
            let (left, right) = (pick(ids), pick(ids))
            network.cutLink(left, right, channels)
            network.cutLink(right, left, channels)
        default:
            coverage[.partition] += 1
            let side = ids.filter { _ in chance(50) }
            for left in ids {
                for right in ids where side.contains(left) != side.contains(right) {
                    network.cutLink(left, right, channels)
                }
            }
            // Clients are on one side or the other too.
            for client in clients where chance(50) {
                for id in ids where chance(50) {
                    network.cutLink(client.endpoint, id, [.calls])
                    network.cutLink(id, client.endpoint, [.calls])
                }
            }
        }
        plan(after: draw(200_000...5_000_000)) { [unowned self] in network.openAll() }
    }

    private func nodeToFill() -> SimulatedNode {
        guard options.fullLeaderPercent > 0, chance(options.fullLeaderPercent) else {
            return pick(nodes)
        }
        let leader = leader(of: pick(groups))?.status.id
        return nodes.first { $0.id == leader } ?? pick(nodes)
    }

    /// A leader no longer hears its peers, or they no longer hear it, and clients notice nothing.
    private func cutLeader() -> Bool {
        guard let leader = leader(of: pick(groups))?.status.id.rawValue else { return false }
        coverage[.leaderCut] += 1
        let (isHeard, hears) = chance(75) ? (false, false) : pick([(true, false), (false, true)])
        for other in nodes.map(\.id.rawValue) where other != leader {
            if !isHeard { network.cutLink(leader, other, [.replicas]) }
            if !hears { network.cutLink(other, leader, [.replicas]) }
        }
        let time = draw(500_000...5_000_000)
        if chance(70) { slowTimers(of: leader, for: time) }
        plan(after: time) { [unowned self] in network.openAll() }
        return true
    }

    /// A process so busy that its timers come late: it notices late, too, that nobody answers.
    private func slowTimers(of id: UInt64, for time: Int64) {
        guard let node = node(NodeID(id)) else { return }
        coverage[.lateTimers] += 1
        let before = node.tickFactor
        node.tickFactor = before * Double(draw(3...6))
        plan(after: time) { [unowned self] in
            if !isHealing { node.tickFactor = before }
        }
    }

    private func moveClock(of node: SimulatedNode) {
        switch draw(0...2) {
        case 0:
            coverage[.clockJumpBack] += 1
            node.clock.offset = -draw(1_000...20_000_000)
        case 1:
            coverage[.clockJumpForward] += 1
            node.clock.offset = draw(1_000...20_000_000)
        default:
            // A glitch: far ahead for a moment, and never believed.
            coverage[.clockJumpForward] += 1
            node.clock.glitch = draw(90_000_000...900_000_000)
            plan(after: draw(10_000...1_000_000)) { node.clock.glitch = 0 }
        }
    }

    /// Where nothing else goes wrong, a node whose clock has been off for a while leads nothing.
    private func watchClock(of node: SimulatedNode, rightAt last: Int64) {
        guard !isHealing else { return }
        let isOff = abs(node.clock.offset) > 2 * ClockJudge.boundMilliseconds * 1_000
        let rightAt = isOff ? last : now
        if now - rightAt > Self.clockPatience,
            let replica = node.process?.replicas.first(where: { $0.status.role == .leader })
        {
            fail("\(replica.group): node \(node.id) leads, off by \(node.clock.offset) us")
        }
        plan(after: 100_000) { [unowned self] in watchClock(of: node, rightAt: rightAt) }
    }

    /// Where one clock alone is wrong, nobody stamps by it, however often its node starts anew.
    func checkClock(_ time: Timestamp, of process: NodeProcess) {
        guard options.hasWrongClockAlone, !isHealing,
            let right = nodes.dropFirst().map({ $0.clock.wall(at: now) }).max()
        else { return }
        let ahead = (time - right).milliseconds
        if ahead > Self.aheadMax { fail("node \(process.node.id) stamps \(ahead) ms ahead") }
    }

    /// A bit that was synced long ago changes while the node is down.
    private func flipBit() {
        guard !isHealing else { return }
        for node in nodes where node.state == .up {
            let segments = node.disk.paths.filter {
                $0.hasPrefix(node.logPath) && $0.hasSuffix(".log")
            }
            if segments.count > 1, let oldest = segments.first { return damage(node, oldest) }
        }
        plan(after: 1_000_000) { [unowned self] in flipBit() }
    }

    private func damage(_ node: SimulatedNode, _ oldest: String) {
        coverage[.flippedBit] += 1
        let bytes = node.disk.bytes(oldest).count
        node.isDamaged = true
        killed(node)
        node.disk.flipBit(Int(draw(0...7)), ofByte: Int(draw(64...Int64(bytes / 2))), in: oldest)
    }
}
