import CaseStore
import ClusterPrimitives
import DiskSimulator
import ReplicationLog

/// Nodes that start, fail, and come back.
extension World {
    /// Starts a node's process, or finds out why it can't.
    func start(_ node: SimulatedNode) {
        guard node.state == .down else { return }
        node.clock.glitch = 0
        do {
            node.process = try NodeProcess(self, node)
            node.state = .up
            trace.note(5, node.id.rawValue)
            if node.isDamaged { fail("node \(node.id): its damaged log was accepted") }
        } catch {
            if node.disk.isOff { return powerWent(node) }
            // The process ends, and gives back its lock.
            node.disk.endProcess()
            startFailed(node, error)
        }
        if node.disk.isOff { powerWent(node) }
    }

    private func startFailed(_ node: SimulatedNode, _ error: any Error) {
        if case .corrupted? = error as? LogError, node.isDamaged {
            coverage[.corruptionRefused] += 1
            node.state = .lost
            checks.forget(node.id)
            // Another machine, under another id.
            plan(after: draw(100_000...2_000_000)) { [unowned self] in addNode() }
            return
        }
        if case .diskFull? = error as? LogError { return comeBack(node) }
        if case .diskFull? = error as? StoreError { return comeBack(node) }
        if tookFailedSync(node) { return powerWent(node) }
        fail("node \(node.id) can't start: \(error)")
    }

    /// A process found that it can't write.
    func processFailed(_ process: NodeProcess, _ error: any Error) {
        guard process.isAlive else { return }
        if process.node.disk.isOff || tookFailedSync(process.node) {
            return powerWent(process.node)
        }
        fail("node \(process.node.id) stops: \(error)")
    }

    private func tookFailedSync(_ node: SimulatedNode) -> Bool {
        let isNew = node.disk.failedSyncs > node.failedSyncsSeen
        node.failedSyncsSeen = node.disk.failedSyncs
        return isNew
    }

    /// The machine loses power now, if it has not yet, and comes back.
    func powerWent(_ node: SimulatedNode) {
        trace.note(6, node.id.rawValue)
        node.disk.cutPower(using: &random)
        stop(node)
    }

    /// Installing a snapshot is quick and rare: without a push no power would ever go then.
    func mayCutPowerDuringInstall(_ node: SimulatedNode) {
        guard options.crashEvery > 0, !isHealing, chance(15) else { return }
        coverage[.powerCutDuringInstall] += 1
        node.disk.operationsUntilCut = Int(draw(1...12))
    }

    /// The process is killed; what it has written stays.
    func killed(_ node: SimulatedNode) {
        trace.note(7, node.id.rawValue)
        node.disk.endProcess()
        stop(node)
    }

    private func stop(_ node: SimulatedNode) {
        node.process?.end()
        node.process = nil
        node.state = .down
        comeBack(node)
    }

    private func comeBack(_ node: SimulatedNode) {
        let rest = draw(10_000...(isHealing || chance(50) ? 300_000 : 6_000_000))
        plan(after: rest) { [unowned self, unowned node] in start(node) }
    }
}
