import ClusterPrimitives
import ServiceLifecycle
import Synchronization

/// The cluster has removed this node.
public struct NodeRemoved: Error, Equatable, Sendable, CustomStringConvertible {
    /// This node.
    public let node: NodeID

    /// For people: what happened and what to do.
    public var description: String {
        "node \(node) was removed from its cluster and stops: what it held is with others. Its data "
            + "directory is of no use any more; start a new node under a new id with --join"
    }
}

/// Hears that this node is a member no more, and ends its run.
final class Removal: Sendable {
    private let node: NodeID
    private let (words, speaker) = AsyncStream.makeStream(of: Void.self)

    init(node: NodeID) { self.node = node }

    /// From any thread, as often as it is said.
    func happened() { speaker.finish() }

    /// Returns when a graceful shutdown is asked for.
    /// - Throws: `NodeRemoved` if the cluster removes this node before.
    func orGracefulShutdown() async throws {
        for await _ in words.cancelOnGracefulShutdown() {}
        guard !Task.isShuttingDownGracefully else { return }
        try Task.checkCancellation()
        throw NodeRemoved(node: node)
    }
}
