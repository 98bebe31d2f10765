import ClusterPrimitives

/// Who belongs to a group, and who of them votes. Raft's own and only truth about membership.
///
/// Invariants (`isValid`): a learner does not vote; a learner-to-be still votes in the outgoing
/// half; outside a joint change there is neither an outgoing half, nor a learner-to-be, nor an
/// automatic leave.
public struct Configuration: Hashable, Sendable {
    /// The voters; two halves while a joint change is under way.
    public internal(set) var voters: JointQuorum
    /// Receive the log, don't count for commit or elections. Ascending.
    public internal(set) var learners: [NodeID]
    /// Voters of the outgoing half that become learners when the joint change is left. Ascending.
    public internal(set) var learnersNext: [NodeID]
    /// Whether the leader leaves the joint configuration by itself as soon as it is applied.
    public internal(set) var autoLeave: Bool

    /// Puts a configuration together; lists in any order.
    public init(
        voters: some Sequence<NodeID> = [],
        votersOutgoing: some Sequence<NodeID> = [],
        learners: some Sequence<NodeID> = [],
        learnersNext: some Sequence<NodeID> = [],
        autoLeave: Bool = false
    ) {
        self.voters = JointQuorum(
            incoming: MajorityQuorum(voters),
            outgoing: MajorityQuorum(votersOutgoing)
        )
        self.learners = MajorityQuorum(learners).voters
        self.learnersNext = MajorityQuorum(learnersNext).voters
        self.autoLeave = autoLeave
    }

    /// Whether a joint change is under way.
    public var isJoint: Bool { !voters.outgoing.voters.isEmpty }

    /// Everybody who receives the log, ascending.
    public var members: [NodeID] { MajorityQuorum(voters.voters + learners).voters }

    /// Whether `id` receives the log.
    public func contains(_ id: NodeID) -> Bool { voters.contains(id) || learners.contains(id) }

    /// Whether one node alone decides.
    public var isSingleVoter: Bool { voters.incoming.voters.count == 1 && !isJoint }

    /// The invariants at the head of this type. A configuration that came over the wire is checked.
    public var isValid: Bool {
        guard !members.contains(.none) else { return false }
        guard learners.allSatisfy({ !voters.contains($0) }) else { return false }
        guard learnersNext.allSatisfy({ voters.outgoing.contains($0) }) else { return false }
        guard learnersNext.allSatisfy({ !voters.incoming.contains($0) }) else { return false }
        return isJoint || (learnersNext.isEmpty && !autoLeave)
    }
}

extension Configuration: CustomStringConvertible {
    /// `voters=(1 2)&&(1) learners=(3) autoleave`.
    public var description: String {
        func list(_ ids: [NodeID]) -> String {
            "(" + ids.map(\.description).joined(separator: " ") + ")"
        }
        var text = "voters=" + list(voters.incoming.voters)
        if isJoint { text += "&&" + list(voters.outgoing.voters) }
        if !learners.isEmpty { text += " learners=" + list(learners) }
        if !learnersNext.isEmpty { text += " learners_next=" + list(learnersNext) }
        if autoLeave { text += " autoleave" }
        return text
    }
}

extension Configuration: BinaryCodable {
    /// Four lists of ids, then the flag.
    public func encode(to writer: inout ByteWriter) {
        for ids in [voters.incoming.voters, voters.outgoing.voters, learners, learnersNext] {
            writer.write(array: ids) { $0.write($1.rawValue) }
        }
        writer.write(autoLeave)
    }

    /// Reads what `encode` wrote; refuses what breaks the invariants.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        func ids(_ reader: inout ByteReader) throws(DecodingFault) -> [NodeID] {
            try reader.array { (reader) throws(DecodingFault) in NodeID(try reader.unsigned()) }
        }
        self.init(
            voters: try ids(&reader),
            votersOutgoing: try ids(&reader),
            learners: try ids(&reader),
            learnersNext: try ids(&reader),
            autoLeave: try reader.bool()
        )
        guard isValid else { throw reader.fault("a configuration contradicts itself") }
    }
}
