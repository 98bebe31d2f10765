import ClusterPrimitives
import Synchronization

/// The nodes that leadership may be given back to. Whoever else leads goes on leading: it would get it back at once,
/// or the cluster would be worse off.
///
/// Such a node's clock is surely right; it is not about to stop, and its disk takes more; it hears every node that this
/// one hears, so that it cuts nobody off. `ClockExchange` finds that out with its looks.
final class Successors: Sendable {
    private let nodes = Mutex<Set<NodeID>>([])

    /// As of the last look.
    func set(_ nodes: Set<NodeID>) { self.nodes.withLock { $0 = nodes } }

    /// Whether this is one of them. Any thread.
    func contains(_ node: NodeID) -> Bool { nodes.withLock { $0.contains(node) } }
}
