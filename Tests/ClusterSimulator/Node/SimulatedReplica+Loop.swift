import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver

/// One input after the other, as on the server's event loop.
extension SimulatedReplica {
    /// Ticks that a request waits for a leader at most.
    private static var waitingTicksMax: Int { 40 }
    /// Requests that wait for it.
    private static var waitingMax: Int { 64 }
    /// A full disk gives leadership away after so many ticks, and tries again after so many more.
    private static var fullTicksMin: Int { 40 }
    private static var fullTicks: Int { 400 }

    func take(_ input: Input) {
        switch input {
        case .command(let command, let reply): accept(.command(command, reply))
        case .read(let reply): accept(.read(reply))
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
        case .handOver: driver.handOver()
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
        driver.holdBack(!process.clocks.mayLead)
        driver.preferredLeader = preferred.flatMap { node in
            let isLed = driver.currentLeadership.leader == node
            return isLed || process.clocks.agreeing.contains(node) ? node : nil
        }
        let returns = driver.leaderReturns
        driver.tick(process.world.options.alignsHeartbeats ? process.ticks : nil)
        process.world.coverage[.leadershipGivenBack] += driver.leaderReturns - returns
        giveWayIfFull()
        guard !waiting.isEmpty else { return waitingTicks = 0 }
        waitingTicks += 1
        if waitingTicks >= Self.waitingTicksMax { failWaiting(.notLeader(leader: nil)) }
    }

    /// A leader whose disk is full refuses every write while another node may have room.
    private func giveWayIfFull() {
        guard process.logWriter.isFull || ports.isStoreFull, driver.leads else {
            return ticksFull = 0
        }
        ticksFull += 1
        guard ticksFull % Self.fullTicks == Self.fullTicksMin else { return }
        process.world.coverage[.fullDiskGaveWay] += 1
        driver.handOver()
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

    // MARK: Requests

    private func accept(_ request: Request) {
        if let failure { return fail(request, failure) }
        if leadership.isReady { perform(request) } else { waiting.append(request) }
    }

    /// Why nothing can be taken now. A replica that is about to lead keeps what comes meanwhile.
    private var failure: ReplicaFailure? {
        if leadership.isReady { return nil }
        if let leader = driver.currentLeadership.leader, leader != process.node.id {
            return .notLeader(leader: leader)
        }
        let count = waiting.count
        return count < Self.waitingMax
            ? nil : .overloaded(inFlight: count, limit: Self.waitingMax)
    }

    private func perform(_ request: Request) {
        switch request {
        case .command(let command, let reply):
            // Refused before anything else waits behind it. Reads go on.
            if process.logWriter.isFull || ports.isStoreFull {
                return reply(.failure(.diskFull))
            }
            let time = process.time()
            process.world.checkClock(time, of: process)
            lastStamp = max(lastStamp, time, machine.time)
            let payload = machine.encode(command, at: lastStamp)
            driver.propose(payload, ticket: Ticket(kind: .command(reply)))
        case .read(let reply): driver.read(ticket: Ticket(kind: .read(reply)))
        }
    }

    private func fail(_ request: Request, _ failure: ReplicaFailure) {
        switch request {
        case .command(_, let reply): reply(.failure(failure))
        case .read(let reply): reply(failure)
        }
    }

    func updateLeadership() {
        let before = leadership
        leadership = driver.currentLeadership
        if leadership.isReady, !before.isReady { process.raiseTime(to: machine.time) }
        if let leader = leadership.leader, leader != process.node.id {
            failWaiting(.notLeader(leader: leader))
        }
        if leadership.isReady, !waiting.isEmpty {
            for request in takeWaiting() { perform(request) }
            driver.flush()
        }
        if leadership != before { onLeadership?(leadership) }
    }

    private func takeWaiting() -> [Request] {
        defer { waiting = [] }
        return waiting
    }

    private func failWaiting(_ failure: ReplicaFailure) {
        for request in takeWaiting() { fail(request, failure) }
    }
}
