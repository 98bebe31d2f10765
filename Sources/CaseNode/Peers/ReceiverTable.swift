import ClusterPrimitives
import Synchronization

/// The replicas of this node by group, as peers' messages find them. Any thread.
final class ReceiverTable: Sendable {
    private let receivers = Mutex<[GroupID: any ReplicaReceiver]>([:])

    /// Lets a replica be found.
    func add(_ receiver: any ReplicaReceiver, group: GroupID) {
        receivers.withLock { receivers in
            precondition(receivers[group] == nil, "two replicas of \(group)")
            receivers[group] = receiver
        }
    }

    /// A replica is no more.
    func remove(_ group: GroupID) { receivers.withLock { $0[group] = nil } }

    /// Nil for a group that this node has no replica of (yet): the message is dropped.
    func receiver(of group: GroupID) -> (any ReplicaReceiver)? {
        receivers.withLock { $0[group] }
    }

    /// Lets go of all.
    func clear() { receivers.withLock { $0 = [:] } }
}
