import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Synchronization

/// Checkpoints of the store, and the cuts of the log that follow them.
extension ReplicaHost {
    func startCheckpointIfDue(_ state: inout LoopState) {
        let isDue =
            state.sinceCheckpoint >= checkpointEntries
            || state.bytesSinceCheckpoint >= Self.checkpointBytes
            || state.sinceCheckpoint > 0 && state.ticksSinceCheckpoint >= checkpointTicks
        guard isDue, !state.checkpointRuns, !state.isStopped else { return }
        state.checkpointRuns = true
        state.sinceCheckpoint = 0
        state.bytesSinceCheckpoint = 0
        state.ticksSinceCheckpoint = 0
        checkpointLane.submit { [self] in
            do {
                phases?.observeCheckpoint(.begin)
                let durable = try machine.checkpoint()
                phases?.observeCheckpoint(.end)
                submit(.checkpointed(durable ?? .zero))
            } catch StoreError.diskFull {
                // Nothing was lost: what is not copied stays in the store's own log until there is room.
                phases?.observeCheckpoint(.end)
                submit(.checkpointed(.zero))
            } catch {
                onFailure(error)
            }
        }
    }

    /// Something was applied: from now on it waits for a checkpoint, if nothing did before.
    func noteUncovered() {
        uncoveredSince.withLock { since in
            if since == nil { since = SystemClock.monotonicMilliseconds() }
        }
    }

    /// The store is durable that far: the log may be cut there, but for what followers may need.
    func finishCheckpoint(_ index: LogIndex, _ state: inout LoopState) {
        guard index > state.lastCheckpointIndex else { return }
        state.lastCheckpointIndex = index
        checkpointIndexCell.withLock { $0 = index }
        let isCovered = index == state.driver.appliedIndex
        uncoveredSince.withLock { $0 = isCovered ? nil : SystemClock.monotonicMilliseconds() }
        let end = state.driver.compact(through: index)
        if end > .zero { log.submit(LogWriter.Job(compact: (group, end))) }
    }
}
