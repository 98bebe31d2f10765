import CaseClient
import Glibc
import ProcessSupport

/// Does to a cluster what a plan says, and undoes it.
struct FaultPerformer: Sendable {
    let cluster: ChaosCluster
    let journal: Journal
    /// One disk is lost at a time.
    private let replacing = Turn()

    /// How long a replacement may take before it counts as failed: it waits for other faults too.
    static let replacementLimit = Duration.seconds(240)
    /// How often a drifting clock is moved on.
    static let driftStep = Duration.milliseconds(100)
    /// How long a flapping link stays as it is.
    static let flapStep = Duration.milliseconds(400)
    /// For how long a node that was suspended is away from the others when it goes on.
    static let reconnection = Duration.milliseconds(1_500)

    init(_ cluster: ChaosCluster, _ journal: Journal) {
        self.cluster = cluster
        self.journal = journal
    }

    /// Makes all faults of the plan, each at its time; returns when all are undone.
    func perform(_ plan: FaultPlan) async {
        await withTaskGroup(of: Void.self) { group in
            for fault in plan.faults {
                let wait = fault.startsAt - journal.faultTime
                if wait > 0 { await cluster.pause(.milliseconds(wait)) }
                if Task.isCancelled { break }
                // What was begun is undone in its own time, also where the run is broken off: half a fault would
                // leave a cluster that nobody can ask.
                group.addTask { await Task { await perform(fault) }.value }
            }
            await group.waitForAll()
        }
    }

    private func perform(_ fault: PlannedFault) async {
        do {
            switch fault.kind.means {
            case .process: try await onProcesses(fault)
            case .cuts: await noting(fault) { await cut(fault) }
            case .quality: await noting(fault) { await worsen(fault) }
            case .clock: try await noting(fault) { try await moveClock(fault) }
            case .disk: try await spoilDisk(fault)
            }
        } catch {
            journal.violated(
                Violation(
                    check: "the harness",
                    subject: fault.summary,
                    message: "the fault could not be made or undone: \(error)"
                )
            )
        }
    }

    private func noting(
        _ fault: PlannedFault,
        _ body: () async throws -> Void
    ) async rethrows {
        journal.began(fault)
        defer { journal.ended(fault) }
        try await body()
    }

    private func last(_ fault: PlannedFault) async {
        await cluster.pause(.milliseconds(fault.lasts))
    }

    // MARK: Processes

    private func onProcesses(_ fault: PlannedFault) async throws {
        switch fault.kind {
        case .killAll, .powerCutAll:
            for slot in cluster.slots { await slot.turn.take() }
            await noting(fault) { await endAll(fault) }
            for slot in cluster.slots { await slot.turn.give() }
        case .wipe:
            try await replacing.alone {
                let slot = cluster.slots[fault.slots[0]]
                try await slot.turn.alone {
                    try await noting(fault) { try await wipe(slot, fault) }
                }
            }
        default:
            let slot = cluster.slots[fault.slots[0]]
            await slot.turn.alone { await noting(fault) { await onOne(slot, fault) } }
        }
    }

    private func onOne(_ slot: Slot, _ fault: PlannedFault) async {
        switch fault.kind {
        case .pause:
            let process = slot.process
            process?.signal(SIGSTOP)
            await last(fault)
            process?.signal(SIGCONT)
        case .suspend: await suspend(slot, fault)
        case .restart:
            await cluster.stop(slot)
            await cluster.bringUp(slot)
        default:
            await end(slot, fault)
            await last(fault)
            await cluster.bringUp(slot)
        }
    }

    /// Who goes on after others have taken over, and can't hear them, may believe for a moment that it leads.
    private func suspend(_ slot: Slot, _ fault: PlannedFault) async {
        let links = linksToCut(fault)
        let process = slot.process
        process?.signal(SIGSTOP)
        for link in links { link.cut(by: fault.number) }
        await last(fault)
        process?.signal(SIGCONT)
        await cluster.pause(Self.reconnection)
        for link in links { link.mend(by: fault.number) }
    }

    private func end(_ slot: Slot, _ fault: PlannedFault) async {
        if fault.kind.losesUnsynced, slot.state.withLock({ $0.forgets }) {
            journal.count(.unsyncedLost)
        }
        await cluster.kill(slot)
    }

    private func endAll(_ fault: PlannedFault) async {
        await withTaskGroup(of: Void.self) { group in
            for slot in cluster.slots { group.addTask { await end(slot, fault) } }
        }
        await last(fault)
        await withTaskGroup(of: Void.self) { group in
            for slot in cluster.slots { group.addTask { await cluster.bringUp(slot) } }
        }
    }

    // MARK: A lost disk

    private func wipe(_ slot: Slot, _ fault: PlannedFault) async throws {
        let lost = slot.nodeID
        await cluster.kill(slot)
        try cluster.forgetDisk(of: lost)
        await last(fault)
        let admin = try cluster.client(
            token: cluster.adminToken,
            first: (slot.index + 1) % cluster.slots.count
        )
        let id = cluster.takeNodeID()
        let peer = cluster.site.peerAddress(id)
        let added = try await insisting(fault) {
            try await admin.addNode(
                id,
                peerAddress: "\(peer.host):\(peer.port)",
                replacing: lost
            )
        }
        try await cluster.replace(slot, by: id, added)
        try cluster.begin(slot, after: journal.faultTime)
        _ = try await insisting(fault) {
            guard slot.process != nil else {
                try cluster.begin(slot, after: journal.faultTime)
                return false
            }
            return try await admin.nodeProgress(id).done
        } until: {
            $0
        }
        journal.count(.replaced)
        await admin.shutdown()
    }

    /// Calls again and again: other faults may be in the way.
    private func insisting<Value: Sendable>(
        _ fault: PlannedFault,
        _ call: @Sendable () async throws -> Value,
        until isDone: (Value) -> Bool = { _ in true }
    ) async throws -> Value {
        let clock = ContinuousClock()
        let end = clock.now + Self.replacementLimit
        while true {
            do {
                let value = try await call()
                if isDone(value) { return value }
                guard clock.now < end else {
                    throw ChaosError.noService("\(fault.summary) takes too long")
                }
            } catch let error as CaseClientError {
                guard clock.now < end else { throw error }
            }
            await cluster.pause(ChaosCluster.pollInterval * 3)
        }
    }

    // MARK: Links

    private func cut(_ fault: PlannedFault) async {
        let links = linksToCut(fault)
        guard fault.kind == .flap else {
            for link in links { link.cut(by: fault.number) }
            await last(fault)
            for link in links { link.mend(by: fault.number) }
            return
        }
        let end = journal.faultTime + fault.lasts
        while journal.faultTime < end {
            for link in links { link.cut(by: fault.number) }
            await cluster.pause(Self.flapStep)
            for link in links { link.mend(by: fault.number) }
            await cluster.pause(Self.flapStep)
        }
    }

    private func linksToCut(_ fault: PlannedFault) -> [Link] {
        let fabric = cluster.fabric
        let nodes = cluster.slots.indices.map { Party.node($0) }
        let chosen = fault.slots.map { Party.node($0) }
        switch fault.kind {
        case .cutOneWay: return [fabric.link(chosen[0], chosen[1])].compactMap { $0 }
        case .bridge: return fabric.both(chosen[0], chosen[1])
        default:
            let others = nodes.filter { !chosen.contains($0) }
            return chosen.flatMap { one in others.flatMap { fabric.both(one, $0) } }
        }
    }

    private func worsen(_ fault: PlannedFault) async {
        var quality = Link.Quality()
        switch fault.kind {
        case .delay: quality.delay = fault.strength
        case .jitter: quality.jitter = fault.strength
        default: quality.lossPercent = fault.strength
        }
        let fabric = cluster.fabric
        let chosen = fault.slots.map { Party.node($0) }
        let others = cluster.slots.indices.map { Party.node($0) } + [.clients]
        let links = chosen.flatMap { one in others.flatMap { fabric.both(one, $0) } }
        for link in links { link.worsen(quality, by: fault.number) }
        await last(fault)
        for link in links { link.mend(by: fault.number) }
    }

    // MARK: Clocks and disks

    private func moveClock(_ fault: PlannedFault) async throws {
        let slot = fault.slots[0]
        if fault.kind == .clockJump {
            try cluster.shiftClock(slot, milliseconds: fault.strength)
            await last(fault)
        } else {
            let start = journal.faultTime
            while journal.faultTime < start + fault.lasts {
                let elapsed = journal.faultTime - start
                try cluster.shiftClock(slot, milliseconds: elapsed * fault.strength / 1_000)
                await cluster.pause(Self.driftStep)
            }
        }
        try cluster.shiftClock(slot, milliseconds: 0)
    }

    private func spoilDisk(_ fault: PlannedFault) async throws {
        let slot = cluster.slots[fault.slots[0]]
        var condition = NodeDisk.Condition()
        switch fault.kind {
        case .diskFull: condition.isFull = true
        case .syncFails: condition.failsSyncs = true
        default: condition.syncDelayMilliseconds = fault.strength
        }
        try await noting(fault) {
            let process = slot.process
            try cluster.setDisk(slot.index, condition)
            await last(fault)
            let hasFailedSync = try cluster.disks[slot.index].hasFailedSync
            try cluster.setDisk(slot.index, NodeDisk.Condition())
            if hasFailedSync, let process { await cluster.judgeFailedSync(slot, process) }
            // What was stopped by it is started again, as whatever runs containers would.
            await slot.turn.alone { if slot.process == nil { await cluster.bringUp(slot) } }
        }
    }
}
