import CaseStore
import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// What happens on the event loop.
extension ReplicaHost {
    @specialized(where Machine == ShardMachine)
    func drain() {
        eventLoop.assertInEventLoop()
        // Not started: everything stays in the inbox, and `start` comes here again.
        guard let cell = state.value else { return }
        let inputs = inbox.withLock { inbox in
            let inputs = inbox.inputs
            inbox.inputs = []
            inbox.requests = 0
            inbox.messages = 0
            inbox.isScheduled = false
            return inputs
        }
        drain(inputs, &cell.state)
    }

    private func drain(_ inputs: [Input], _ state: inout LoopState) {
        for input in inputs {
            if state.isRetired { pass(input, state) } else { take(input, &state) }
        }
        guard !state.isRetired else { return }
        state.driver.flush()
        if state.driver.waitsForStore { ports.bringStoreUp(olderThan: 0) }
        updateLeadership(&state)
        startCheckpointIfDue(&state)
    }

    private func take(_ input: Input, _ state: inout LoopState) {
        switch input {
        case .request(let request): take(request, &state)
        case .whenApplied(let index, let reply):
            state.driver.waitUntilApplied(index, ticket: .read(reply))
        case .persisted(let receipt): state.driver.persisted(receipt)
        case .applied(let index, let tickets, let bytes):
            let before = state.driver.appliedIndex
            state.driver.applied(through: index, tickets: tickets)
            age.withLock { $0.applied(through: index) }
            state.sinceCheckpoint += index.rawValue - before.rawValue
            noteUncovered()
            state.bytesSinceCheckpoint += bytes
        case .checkpointed(let index):
            state.checkpointRuns = false
            finishCheckpoint(index, &state)
        case .message(let message): receive(message, &state)
        case .snapshotReceived(let message, let reply):
            receiveSnapshot(message, reply, &state)
        case .installed(let id, let receipt): install(id, receipt, &state)
        case .snapshotMade(let info): take(copy: info, &state)
        case .snapshotSent(let id, let node, let arrived):
            (arrived ? meters.snapshotsArrived : meters.snapshotsFailed).add()
            state.driver.snapshotSent(id, to: node, arrived: arrived)
        case .unreachable(let node): state.driver.reportUnreachable(node)
        case .transfer(let node, let reply): reply(state.driver.transferLeadership(to: node))
        case .handOver: state.driver.handOver()
        case .prefer(let node): state.preferred = node
        case .resign:
            state.isResigning = true
            state.driver.handOver()
        case .tick(let number): tick(number, &state)
        case .status(let reply): reply(state.driver.status)
        case .retire(let reply):
            // The node goes on: who waited here is asked for elsewhere.
            failWaiting(.notLeader(leader: nil), &state)
            stop(&state)
            ports.retire()
            state.isRetired = true
            leadershipCell.withLock { $0 = Leadership(term: $0.term, leader: nil, isReady: false) }
            reply()
        case .stop: stop(&state)
        }
    }

    /// What a replica that is no more says: ask somebody else. Surely not proposed.
    private func pass(_ input: Input, _ state: LoopState) {
        switch input {
        case .request(let request): request.fail(.notLeader(leader: nil))
        case .whenApplied(_, let reply), .transfer(_, let reply): reply(.notLeader(leader: nil))
        case .snapshotReceived(_, let reply): reply(false)
        case .status(let reply): reply(state.driver.status)
        case .retire(let reply): reply()
        default: break
        }
    }

    private func tick(_ number: Int, _ state: inout LoopState) {
        guard !state.isStopped else { return }
        state.ticksSinceCheckpoint += 1
        state.driver.holdBack(!clock.mayLead)
        preferLeader(&state)
        passTick(number, &state)
        standFirst(&state)
        ports.tick()
        noteTime(state, isTick: true)
        giveWayIfFull(&state)
        guard !state.waiting.isEmpty else { return }
        state.waitingTicks += 1
        // With no other voter there is nobody else to ask.
        if state.waitingTicks >= Self.waitingTicksMax,
            !state.driver.membership.isSingleVoter
        {
            failWaiting(.notLeader(leader: nil), &state)
        }
    }

    private func preferLeader(_ state: inout LoopState) {
        let preferred = state.preferred.flatMap { $0 == node ? nil : $0 }
        let isLed = state.driver.currentLeadership.leader == preferred
        // It may lead already, whatever can be said of it.
        state.driver.preferredLeader = preferred.flatMap {
            isLed || successors.contains($0) ? $0 : nil
        }
    }

    /// Time goes on for the store's age. A leader knows what there is, of which its own store may lack some.
    private func noteTime(_ state: LoopState, isTick: Bool) {
        let now = SystemClock.monotonicMilliseconds()
        let leads = state.isReady && state.driver.leads
        age.withLock { age in
            if isTick { age.ticked(at: now) }
            guard leads else { return }
            let isAlone = state.driver.membership.isSingleVoter
            age.heard(state.driver.commitIndex, at: now, isSure: isAlone)
        }
    }

    /// After a start of all nodes together their patience ends at about the same time, and two that stand at once split
    /// the vote. So the one that is to lead asks before that, some times, unless somebody was faster.
    private func standFirst(_ state: inout LoopState) {
        guard state.ticksAlone < ReplicaTicker.electionTicks, clock.mayLead else { return }
        let now = state.driver.currentLeadership
        let term = state.termAlone ?? now.term
        state.termAlone = term
        let isAlone = heardAt.withLock { $0 == .min } && now.leader == nil && now.term == term
        guard isAlone, !state.isResigning else {
            return state.ticksAlone = ReplicaTicker.electionTicks
        }
        state.ticksAlone += 1
        guard state.ticksAlone % ReplicaTicker.firstStandTicks == 0 else { return }
        // The system group has no leader that it prefers.
        let first = state.preferred ?? state.driver.membership.voters.voters.min()
        if first == node { state.driver.campaign() }
    }

    /// Without ticks a follower does not stand for election.
    private func passTick(_ number: Int, _ state: inout LoopState) {
        guard state.isResigning else { return state.driver.tick(number) }
        guard state.driver.leads else { return }
        state.driver.tick(number)
        state.driver.handOver()
    }

    /// A leader whose disk is full refuses every write while another node may have room.
    private func giveWayIfFull(_ state: inout LoopState) {
        guard log.isFull || ports.isStoreFull, state.driver.leads else {
            state.ticksFull = 0
            return
        }
        state.ticksFull += 1
        if state.ticksFull % Self.fullTicks == Self.fullTicksMin { state.driver.handOver() }
    }

    // MARK: Requests

    private func take(_ request: Request, _ state: inout LoopState) {
        if let failure = failure(state) { return fail(request, failure) }
        if state.isReady, !mustWait(request, state) {
            perform(request, &state)
        } else {
            state.waiting.append(request)
        }
    }

    /// While leadership is handed over nothing is proposed. Whoever takes over says so in a moment, and is told
    /// then: nobody has to come again. Reads are served as long as it lasts.
    private func mustWait(_ request: Request, _ state: LoopState) -> Bool {
        guard state.driver.isHandingOver else { return false }
        switch request {
        case .command, .change: return true
        case .read, .readIndex: return false
        }
    }

    /// Why nothing can be taken now. A replica that is about to lead keeps what comes meanwhile.
    private func failure(_ state: LoopState) -> ReplicaFailure? {
        if state.isStopped { return .stopping }
        if state.isReady, !state.driver.isHandingOver { return nil }
        if let leader = state.driver.currentLeadership.leader, leader != node {
            return .notLeader(leader: leader)
        }
        let count = state.waiting.count
        return count < Self.waitingMax ? nil : .overloaded(inFlight: count, limit: Self.waitingMax)
    }

    private func perform(_ request: Request, _ state: inout LoopState) {
        switch request {
        case .command(let command, let deadline, let reply):
            if let deadline, deadline < .now() { return reply(.failure(.notLeader(leader: nil))) }
            // Refused before anything else waits behind it. Reads go on.
            if log.isFull || ports.isStoreFull { return fail(request, .diskFull) }
            state.lastStamp = max(state.lastStamp, clock.now(), machine.time)
            let payload = machine.encode(command, at: state.lastStamp)
            meters.proposed.add()
            state.driver.propose(payload, ticket: .command(reply, at: NodeMeters.now()))
        case .read(let reply): state.driver.read(ticket: .read(reply))
        case .readIndex(let reply): state.driver.readIndex(ticket: .readIndex(reply))
        case .change(let change, let reply): state.driver.propose(change, ticket: .change(reply))
        }
    }

    private func updateLeadership(_ state: inout LoopState) {
        let now = state.driver.currentLeadership
        let before = leadershipCell.withLock { cell in
            defer { cell = now }
            return cell
        }
        if now.isReady, !before.isReady {
            // Its log may hold later times than the clock shows: the clock goes on from there.
            clock.raise(to: machine.time)
        }
        state.isReady = now.isReady && !state.isStopped
        if state.isReady, !before.isReady { noteTime(state, isTick: false) }
        if let leader = now.leader, leader != node {
            failWaiting(.notLeader(leader: leader), &state)
        }
        if now.leader != before.leader, now.leader != nil { meters.leadershipChanges.add() }
        if state.isReady, !state.driver.isHandingOver, !state.waiting.isEmpty {
            for request in takeWaiting(&state) { perform(request, &state) }
            state.driver.flush()
        }
        guard now != before else { return }
        onLeadership(now)
        let listener = leadershipListener.withLock { $0 }
        listener?(now)
    }

    private func stop(_ state: inout LoopState) {
        state.isStopped = true
        state.isReady = false
        failWaiting(.stopping, &state)
        state.driver.stop()
        ports.link.cut()
    }

    private func takeWaiting(_ state: inout LoopState) -> [Request] {
        defer {
            state.waiting = []
            state.waitingTicks = 0
        }
        return state.waiting
    }

    private func fail(_ request: Request, _ failure: ReplicaFailure) {
        meters.count(failure)
        request.fail(failure)
    }

    /// Ends what waited for this replica to lead: it was surely not proposed.
    private func failWaiting(_ failure: ReplicaFailure, _ state: inout LoopState) {
        for request in takeWaiting(&state) { fail(request, failure) }
    }

    // MARK: Peers

    private func receive(_ message: Message, _ state: inout LoopState) {
        // A node that is about to stop must not be handed what it would only hand on.
        if message.kind == .timeoutNow, state.isResigning { return }
        if message.kind == .append || message.kind == .heartbeat {
            hear(message, state)
        }
        state.driver.receive(message)
    }

    private func hear(_ message: Message, _ state: LoopState) {
        let now = SystemClock.monotonicMilliseconds()
        heardAt.withLock { $0 = now }
        // One who leads no more says what was; one who has just begun to knows nothing yet.
        guard message.kind == .heartbeat, message.index > .zero,
            message.term >= state.driver.currentLeadership.term
        else { return }
        age.withLock { $0.heard(message.index, at: now) }
    }

    private func receiveSnapshot(
        _ message: Message,
        _ reply: @Sendable (Bool) -> Void,
        _ state: inout LoopState
    ) {
        guard let id = message.snapshot?.id else { return reply(false) }
        heardAt.withLock { $0 = SystemClock.monotonicMilliseconds() }
        let isWanted = state.driver.receiveSnapshot(message)
        if !isWanted { ports.snapshots.discard(id) }
        // It arrived either way; what is held instead, the core has told the leader.
        reply(true)
    }

    private func install(
        _ id: SnapshotID,
        _ receipt: StorageReceipt,
        _ state: inout LoopState
    ) {
        state.driver.persisted(receipt)
        meters.snapshotsInstalled.add()
        age.withLock { $0.applied(through: id.index) }
        // The file that was installed is durable as a whole.
        state.lastCheckpointIndex = max(state.lastCheckpointIndex, id.index)
        checkpointIndexCell.withLock { $0 = max($0, id.index) }
        state.sinceCheckpoint = 0
        state.bytesSinceCheckpoint = 0
    }

    private func take(copy info: SnapshotInfo?, _ state: inout LoopState) {
        guard let info else {
            return state.driver.snapshotMade(nil, configuration: foundingConfiguration)
        }
        do {
            let kept = try Configuration(stored: info.configuration)
            state.driver.snapshotMade(
                SnapshotID(index: info.index, term: info.term),
                configuration: kept ?? foundingConfiguration
            )
        } catch {
            onFailure(error)
        }
    }
}
