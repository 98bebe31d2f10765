import ClusterPrimitives
import ReplicaDriver
import Synchronization

/// A judge that the links feed and the replicas ask. Any thread.
final class ClockWatch: Sendable {
    private let judge = Mutex(ClockJudge())

    /// An exchange of clocks has ended.
    func take(_ reading: ClockReading) { judge.withLock { $0.take(reading) } }

    /// What the voters' clocks say now.
    func verdict(own: NodeID, voters: [NodeID]) -> ClockVerdict {
        let now = SystemClock.monotonicMilliseconds()
        return judge.withLock { $0.verdict(own: own, voters: voters, monotonic: now) }
    }
}
