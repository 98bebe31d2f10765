import ClusterPrimitives
import RaftCore

/// What a replica applies its entries to. Every call but `encode` and the views runs on the replica's store lane.
protocol StateMachine: Sendable {
    associatedtype Command: Sendable
    associatedtype Answer: Sendable

    /// The last applied entry, and its term: what the store holds when the node starts.
    var applied: SnapshotID { get }
    /// The highest time that was applied. Stamps start there.
    var time: Timestamp { get }

    /// The command with its stamp, as the log carries it. On the replica's event loop.
    func encode(_ command: Command, at: Timestamp) -> [UInt8]

    /// Applies in one transaction, and answers for each entry; nil for a leader's empty one.
    /// An error stops the node: nothing after it may be applied.
    func apply(_ entries: [Entry]) throws -> [Answer?]

    /// Makes what was applied durable in the store itself. On the checkpoint thread, beside `apply`.
    /// - Returns: the index that is durable now, or nil if the checkpoint could not finish.
    func checkpoint() throws -> LogIndex?
}
