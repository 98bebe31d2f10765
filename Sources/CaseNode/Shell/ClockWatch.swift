import ClusterPrimitives
import ReplicaDriver
import Synchronization

/// A judge that the links feed and the replicas ask. Any thread.
final class ClockWatch: Sendable {
    private let judge = Mutex(ClockJudge())

    /// An exchange of clocks has ended.
    func take(_ reading: ClockReading) { judge.withLock { $0.take(reading) } }

    /// What the voters' clocks say when this machine's shows `wall`, at `monotonic` milliseconds.
    func verdict(
        own: NodeID,
        voters: [NodeID],
        wall: Timestamp,
        monotonic: Int64
    ) -> ClockVerdict {
        judge.withLock { $0.verdict(own: own, voters: voters, wall: wall, monotonic: monotonic) }
    }

    /// Whose clocks are right, as `ClockJudge.agreeing` has it.
    func agreeing(with median: TimeSpan, wall: Timestamp, monotonic: Int64) -> Set<NodeID> {
        judge.withLock { $0.agreeing(with: median, wall: wall, monotonic: monotonic) }
    }
}
