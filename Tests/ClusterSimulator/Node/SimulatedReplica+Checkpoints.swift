import CaseStore
import ClusterPrimitives
import RaftCore

/// Checkpoints of the store, and the cuts of the log that follow them.
extension SimulatedReplica {
    func startCheckpointIfDue() {
        let options = process.world.options
        let isDue =
            sinceCheckpoint >= options.checkpointEntries
            || sinceCheckpoint > 0 && ticksSinceCheckpoint >= options.checkpointTicks
        guard isDue, !checkpointRuns else { return }
        checkpointRuns = true
        sinceCheckpoint = 0
        ticksSinceCheckpoint = 0
        process.plan(after: process.applyTime()) { [self] in
            do throws(StoreError) {
                endCheckpoint(try machine.checkpoint() ?? .zero)
            } catch {
                guard error == .diskFull else { return process.failed(error) }
                process.world.coverage[.diskFull] += 1
                endCheckpoint(.zero)
            }
        }
    }

    /// It has a thread of its own: while it runs, more is applied than it has made durable.
    private func endCheckpoint(_ durable: LogIndex) {
        process.plan(after: process.checkpointTime()) { [self] in submit(.checkpointed(durable)) }
    }

    func finishCheckpoint(_ index: LogIndex) {
        guard index > lastCheckpoint else { return }
        lastCheckpoint = index
        let end = driver.compact(through: index)
        guard end > .zero else { return }
        process.world.coverage[.checkpointCompacted] += 1
        process.logWriter.submit(SimulatedLogWriter.Job(compact: (group, end)))
    }
}
