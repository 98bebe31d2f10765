import CaseModel
import CaseStore
import ClusterPrimitives
import DiskSimulator
import RaftCore

/// Everything is repaired, and then all must be well within a bounded time, and stay so.
extension World {
    /// Between two looks, in microseconds.
    private static var lookTime: Int64 { 100_000 }
    /// For reading every case once when all is well, in microseconds: some are asked of nodes that are gone.
    private static var readTime: Int64 { 60_000_000 }

    func heal() {
        isHealing = true
        calmSince = latestTime
        network.heal()
        for node in nodes {
            node.clock.offset = 0
            node.clock.glitch = 0
            node.tickFactor = 1
            node.workFactor = 1
            node.disk.bytesMax = .max
            node.disk.operationsUntilCut = nil
            node.disk.cutSuffix = nil
            node.disk.syncsUntilFailure = nil
            node.process?.pausedUntil = 0
            node.process?.stalledUntil = 0
        }
        for client in clients { client.finish() }
        repair()
        let deadline = now + options.healTime
        plan(after: Self.lookTime) { [unowned self] in look(deadline) }
    }

    private func look(_ deadline: Int64) {
        let disturbance = disturbance
        if disturbance != nil { calmSince = latestTime }
        if let late = checks.timers.late(at: latestTime, calm: calmSince) {
            return fail("a timer is late: \(late) (\(coordination))")
        }
        let unsettled = checks.timers.isSettled ? nil : checks.timers.unsettled
        if let trouble = disturbance
            ?? unsettled.map({ "a timer has not acted: \($0) (\(coordination))" })
        {
            if trouble.first != lastTrouble.last?.first { lastTrouble.append(trouble) }
            guard now < deadline else {
                return fail(
                    "not well after it was healed: \(trouble); before: "
                        + lastTrouble.suffix(4).joined(separator: "; ")
                )
            }
            plan(after: Self.lookTime) { [unowned self] in look(deadline) }
        } else if !book.hasFinalReads {
            // The last timer may have acted just before the end.
            let deadline = now + Self.readTime
            book.readAll(deadline)
            plan(after: Self.lookTime) { [unowned self] in look(deadline) }
        } else {
            isDone = true
        }
    }

    /// Who coordinates, and with what on record.
    private var coordination: String {
        let found = nodes.compactMap { $0.process?.coordinator?.summary }
        return found.isEmpty ? "nobody coordinates" : found.joined(separator: "; ")
    }

    /// What is not well yet, timers apart; nil if all is.
    private var disturbance: String? {
        let running = nodes.filter { $0.state != .lost }
        if let down = running.first(where: { $0.state == .down }) {
            return "node \(down.id) is down"
        }
        if let busy = clients.first(where: \.isBusy) { return "client \(busy.endpoint) waits" }
        if !book.isQuiet { return "reads wait" }
        for group in groups {
            guard let status = leader(of: group)?.status else { return "\(group) has no leader" }
            for id in status.configuration.members {
                guard let replica = node(id)?.process?.replica(of: group) else { continue }
                guard replica.appliedIndex != status.lastIndex else { continue }
                return "\(group): node \(id) has applied \(replica.appliedIndex), "
                    + "its leader \(status.id) has \(status.lastIndex)"
            }
        }
        return unfinishedMembership ?? unfinishedNotices
    }

    /// Equal rows everywhere, every history explained, everything acknowledged there once.
    func checkAtEnd() {
        for node in nodes {
            for replica in node.process?.replicas ?? [] {
                do throws(StoreError) {
                    let hash = try replica.checksum()
                    checks.rows(node.id, replica.group, replica.appliedIndex, hash)
                } catch {
                    fail("node \(node.id): rows can't be read: \(error)")
                }
            }
        }
        book.check()
        mails.check()
    }
}
