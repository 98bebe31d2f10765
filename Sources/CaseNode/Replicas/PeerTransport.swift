import ClusterPrimitives
import RaftCore

/// Carries replicas' messages to other nodes.
///
/// May lose, delay and repeat; never blocks, and takes from any thread. What no longer fits is dropped: Raft
/// sends it again.
protocol PeerTransport: Sendable {
    /// Hands over messages of one group, each for the node that it names. None of them is a snapshot.
    func send(_ messages: [Message], group: GroupID)

    /// Sends a snapshot on a connection of its own: the message, then the file.
    /// - Parameters:
    ///   - message: of kind `snapshot`; names receiver and snapshot.
    ///   - group: whose.
    ///   - path: a closed, complete file that stays as it is until `reply`.
    ///   - reply: called once, on any thread: whether the receiver has taken it.
    func sendSnapshot(
        _ message: Message,
        group: GroupID,
        path: String,
        reply: @escaping @Sendable (Bool) -> Void
    )
}

/// Takes what came from other nodes for one replica. Any thread.
protocol ReplicaReceiver: Sendable {
    /// Takes a message of this group from a node that proved who it is.
    func receive(_ message: Message)

    /// Where the bytes of a snapshot that is coming in are to be written, or nil if one is coming in already.
    /// Ended by exactly one of `receivedSnapshot` and `abandonSnapshot`.
    func beginSnapshot() -> String?

    /// The file is complete.
    func receivedSnapshot(_ message: Message, reply: @escaping @Sendable (Bool) -> Void)

    /// Nothing comes any more.
    func abandonSnapshot()
}

/// A node without peers.
struct NoPeers: PeerTransport {
    func send(_ messages: [Message], group: GroupID) {}

    func sendSnapshot(
        _ message: Message,
        group: GroupID,
        path: String,
        reply: @escaping @Sendable (Bool) -> Void
    ) {
        reply(false)
    }
}
