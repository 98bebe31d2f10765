import Foundation
import Glibc
import ProcessSupport

/// Processes that start, end and come back.
extension ChaosCluster {
    /// Starts a node's process, and watches over its end.
    /// `time`, in milliseconds since faults began, tells the plan whether its disk has to forget.
    func begin(_ slot: Slot, after time: Int) throws {
        let id = slot.nodeID
        let forgets = plan.losesUnsynced(slot: slot.index, from: time)
        let data = dataDirectory(id)
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let client = site.clientAddress(slot: slot.index)
        let joining = slot.state.withLock { $0.joining }
        var start = NodeProcess.Options(
            dataDirectory: data,
            port: SitePorts.clients,
            arguments: [
                "--listen-host", site.host(id), "--peer-listen-host", site.host(id),
                "--peer-listen-port", "\(SitePorts.peers)", "--node-id", "\(id)",
                "--advertise", "\(client.host):\(client.port)", "--shards", "\(options.shards)",
            ] + (joining.isEmpty ? ["--initial-members", members] : joining)
                + Self.nodeArguments,
            environment: try environment(slot, data, forgets: forgets)
        )
        if let certificates {
            start.arguments += try certificates.arguments(node: id, hosts: [client.host])
            start.hasTLS = true
        }
        start.wrapper = site.wrapper(id)
        start.errorPath = "\(directory.path)/node-\(id).errors"
        let process = try NodeProcess.begin(start)
        slot.state.withLock { state in
            state.process = process
            state.forgets = forgets
            state.hadDiskFault = state.hasDiskFault
            state.mayEnd = false
        }
        Task { self.ended(slot, process, await process.exit()) }
    }

    private func environment(
        _ slot: Slot,
        _ data: String,
        forgets: Bool
    ) throws -> [String: String] {
        let clock = clocks[slot.index]
        var environment = try clock.environment()
        environment["LD_PRELOAD"] =
            [
                libraries.source.path, libraries.disk.path,
                forgets ? libraries.unsynced.path : nil, clock.libraries,
            ].compactMap { $0 }.joined(separator: " ")
        environment["SOURCE_ADDRESS"] = site.host(slot.nodeID)
        environment["DISK_ROOT"] = data
        environment["DISK_FAULTS"] = disks[slot.index].path
        if forgets { environment["UNSYNCED_ROOT"] = data }
        if let name = options.deliberate { environment["CASECLUSTER_FAULT"] = name }
        return environment
    }

    /// A process is gone: as asked, because its disk failed, or because something is wrong with it.
    private func ended(_ slot: Slot, _ process: NodeProcess, _ status: Int32) {
        let (wasAsked, hadDiskFault) = slot.state.withLock { state in
            // Where another is in its place, or nothing, it was ended on purpose, and this comes late.
            guard state.process === process else { return (true, state.hadDiskFault) }
            state.process = nil
            return (state.mayEnd, state.hadDiskFault)
        }
        if wasAsked { return }
        // Found damaged, or crashed, it must not be by any disk.
        if hadDiskFault, status > 0, status != Self.damagedExit {
            if status == Self.diskFailedExit { journal.count(.stoppedByDisk) }
            // Whoever spoiled the disk starts it again.
            return
        }
        let said = (try? process.complaint) ?? "nothing that could be read"
        journal.violated(
            Violation(
                check: "nodes run",
                subject: "node \(slot.nodeID)",
                message: "ended by itself with \(status): \(said)"
            )
        )
        // The run goes on as a run of all nodes: whatever else is wrong may show too.
        let restarts = slot.state.withLock { state in
            state.restarts += 1
            return state.restarts
        }
        guard restarts <= Self.restartsMax else { return }
        Task {
            await slot.turn.alone { if slot.process == nil, !slot.isOver { await bringUp(slot) } }
        }
    }

    /// A node that saw a sync fail stops with the code that says so: what it goes on to acknowledge may be lost.
    func judgeFailedSync(_ slot: Slot, _ process: NodeProcess) async {
        let watch = Task {
            do { try await Task.sleep(for: Self.failedSyncLimit) } catch { return }
            journal.violated(
                Violation(
                    check: "nodes run",
                    subject: "node \(slot.nodeID)",
                    message: "goes on after a sync that failed"
                )
            )
            process.signal(SIGKILL)
        }
        let status = await process.exit()
        watch.cancel()
        // Whoever kills it at that moment is faster.
        guard status != Self.diskFailedExit, status > 0 else { return }
        journal.violated(
            Violation(
                check: "nodes run",
                subject: "node \(slot.nodeID)",
                message: "ended with \(status), not \(Self.diskFailedExit), when a sync failed"
            )
        )
    }

    /// `kill -9`, on purpose.
    func kill(_ slot: Slot) async {
        let process = slot.state.withLock { state in
            state.mayEnd = true
            return state.process
        }
        await process?.kill()
        slot.state.withLock { $0.process = nil }
    }

    /// Starts a node that does not run, and waits until it listens.
    func bringUp(_ slot: Slot) async {
        let clock = ContinuousClock()
        let end = clock.now + Self.startLimit
        while clock.now < end {
            do {
                if slot.process == nil { try begin(slot, after: journal.faultTime) }
                guard let process = slot.process else { continue }
                try await process.untilItListens()
                return
            } catch {
                // A disk that is still spoiled: whoever ended it has been told by `ended`.
                guard slot.state.withLock({ $0.hadDiskFault }) else { break }
                await pause(Self.pollInterval * 3)
            }
        }
        journal.violated(
            Violation(
                check: "nodes run",
                subject: "node \(slot.nodeID)",
                message: "did not come back"
            )
        )
    }
}
