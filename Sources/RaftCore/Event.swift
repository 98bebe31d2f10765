import ClusterPrimitives

/// What can happen to a replica.
public enum Event: Sendable {
    /// One tick has passed.
    case tick
    /// Stand for election now.
    case campaign
    /// Append payloads, in order, all or none.
    case propose([[UInt8]])
    /// Append a change of the membership.
    case proposeConfigurationChange(ConfigurationChange)
    /// A message of this group came from another replica.
    case received(Message)
    /// Storage holds everything up to what the receipt names. One receipt for each `Effects` that
    /// says `needsReceipt`, in the order in which they were taken.
    case persisted(StorageReceipt)
    /// The state machine has applied everything up to this index.
    case applied(LogIndex)
    /// A linearizable read wants to know how far the state machine must be. Answered by a
    /// `ReadState`.
    case readIndex(context: [UInt8])
    /// Hand leadership to this node.
    case transferLeadership(to: NodeID)
    /// A message to this node could not be delivered.
    case reportUnreachable(NodeID)
    /// A snapshot sent to this node has arrived, or failed. Owed for each one sent: until then, or
    /// until the node answers by itself, it is sent nothing else.
    case reportSnapshot(NodeID, arrived: Bool)
    /// Whether this replica stands for election no more, neither by itself nor when its leader asks it to. It
    /// follows and votes as ever, and goes on leading if it does. A group's only voter stands all the same:
    /// nobody else could.
    case holdBack(Bool)
    /// Grant votes again without waiting for the leader's silence: it is known to be gone.
    case forgetLeader
}

/// Why an event led to nothing. The same event may succeed later; what to do stands at each case.
public enum Refusal: Equatable, Sendable {
    /// This replica doesn't lead. Retry at `hint`, if known, else later.
    case notLeader(term: Term, hint: NodeID?)
    /// The leader is handing over to `to`. Retry there.
    case transferring(to: NodeID)
    /// Too many bytes wait for a quorum. Retry later; nothing was appended.
    case uncommittedTailFull(bytes: UInt64, limit: UInt64)
    /// This leader was removed from the group. Retry at another member.
    case removed
    /// The change does not fit now: another one is under way, or the reason given. An empty entry
    /// took its place in the log. Look at the configuration before retrying.
    case unfitChange(String)
    /// Too many reads wait for a round. Retry later.
    case tooManyReads(limit: Int)
    /// An answer from somebody who is no member. Dropped; nothing to do.
    case foreignPeer(NodeID)
    /// A message whose parts contradict each other, or that is for another replica. Dropped.
    case malformed
    /// A receipt that matches no write under way: repeated, or of another group. Ignored.
    case unknownReceipt
    /// There is nothing to propose.
    case empty
}
