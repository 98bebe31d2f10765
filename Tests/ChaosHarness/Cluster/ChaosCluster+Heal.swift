import Glibc

extension ChaosCluster {
    /// Undoes whatever is left of any fault, and has all nodes run.
    func heal() async {
        for link in fabric.all { link.heal() }
        for slot in slots {
            do {
                try setDisk(slot.index, NodeDisk.Condition())
                try shiftClock(slot.index, milliseconds: 0)
            } catch {
                journal.violated(.harness("healing node \(slot.nodeID)", error))
            }
            await slot.turn.alone { if slot.process == nil { await bringUp(slot) } }
        }
    }

    /// Far above what a clean stop takes.
    static let stopLimit = Duration.seconds(60)

    /// A clean end has exit code 0, unless the disk is spoiled at the same time.
    func stop(_ slot: Slot) async {
        let process = slot.state.withLock { state in
            state.mayEnd = true
            return state.process
        }
        guard let process else { return }
        // It may hang: then it is killed, and its end is not a clean one.
        let watch = Task {
            do { try await Task.sleep(for: Self.stopLimit) } catch { return }
            process.signal(SIGKILL)
        }
        let status = await process.stop()
        watch.cancel()
        let hadDiskFault = slot.state.withLock { state in
            state.process = nil
            return state.hadDiskFault
        }
        guard status != 0, !hadDiskFault else { return }
        journal.violated(
            Violation(
                check: "nodes run",
                subject: "node \(slot.nodeID)",
                message: "a clean stop ended with \(status)"
            )
        )
    }

    /// Ends all nodes in peace.
    func stopAll() async {
        await withTaskGroup(of: Void.self) { group in
            for slot in slots { group.addTask { await self.stop(slot) } }
        }
    }
}
