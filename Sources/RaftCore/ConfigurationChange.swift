import ClusterPrimitives

/// What an entry of kind `.configurationChange` asks for.
public struct ConfigurationChange: Hashable, Sendable {
    /// One node's new part.
    public enum Action: UInt8, Sendable {
        /// Votes from now on.
        case addVoter = 0
        /// Belongs no longer.
        case remove = 1
        /// Nothing that Raft knows about: a carrier for `context`.
        case update = 2
        /// Receives the log without a vote; a voter is demoted.
        case addLearner = 3
    }

    /// One step of a change.
    public struct Step: Hashable, Sendable {
        /// What happens.
        public var action: Action
        /// To whom; `NodeID.none` is passed over.
        public var node: NodeID

        /// One step.
        public init(_ action: Action, _ node: NodeID) {
            self.action = action
            self.node = node
        }
    }

    /// Which protocol carries the change.
    public enum Transition: UInt8, Sendable {
        /// One step in one move when it is one step, else joint and left automatically.
        case automatic = 0
        /// Joint, left by the leader as soon as it is applied.
        case jointAutoLeave = 1
        /// Joint, left by a later change without steps.
        case jointExplicitLeave = 2
        /// Never joint: exactly one step.
        case single = 3
    }

    /// Which protocol carries the change.
    public var transition: Transition
    /// In the order of their application. Empty with `.automatic`: leave the joint configuration.
    public var steps: [Step]
    /// Opaque to the core.
    public var context: [UInt8]

    /// Puts a change together.
    public init(transition: Transition = .automatic, steps: [Step] = [], context: [UInt8] = []) {
        self.transition = transition
        self.steps = steps
        self.context = context
    }

    /// The way out of a joint configuration.
    public static let leaveJoint = ConfigurationChange()

    /// The most steps a change may have: far above any group's size, far below what would burden a
    /// log.
    public static let stepsMax = 64

    /// Whether this is the way out of a joint configuration.
    public var leavesJoint: Bool { transition == .automatic && steps.isEmpty }

    /// Whether this is a way into one, and if so, whether it is left automatically.
    public var entersJoint: (Bool, autoLeave: Bool) {
        switch transition {
        case .single: (false, false)
        case .automatic: (steps.count > 1, true)
        case .jointAutoLeave: (true, true)
        case .jointExplicitLeave: (true, false)
        }
    }
}

extension ConfigurationChange: BinaryCodable {
    /// Leaving takes no bytes at all, so that no limit on the uncommitted tail can ever refuse it:
    /// a leader must always be able to finish a joint change.
    public func encode(to writer: inout ByteWriter) {
        if leavesJoint, context.isEmpty { return }
        writer.write(byte: transition.rawValue)
        writer.write(array: steps) { writer, step in
            writer.write(byte: step.action.rawValue)
            writer.write(step.node.rawValue)
        }
        writer.write(context)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard reader.remaining > 0 else {
            self = .leaveJoint
            return
        }
        guard let transition = Transition(rawValue: try reader.byte()) else {
            throw reader.fault("an unknown transition")
        }
        let steps = try reader.array { (reader) throws(DecodingFault) -> Step in
            guard let action = Action(rawValue: try reader.byte()) else {
                throw reader.fault("an unknown step of a configuration change")
            }
            return Step(action, NodeID(try reader.unsigned()))
        }
        guard steps.count <= Self.stepsMax else {
            throw reader.fault("more than \(Self.stepsMax) steps")
        }
        guard transition != .single || steps.count == 1 else {
            throw reader.fault("a single change without exactly one step")
        }
        self.init(transition: transition, steps: steps, context: try reader.data())
    }
}
