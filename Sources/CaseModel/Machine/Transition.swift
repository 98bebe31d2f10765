/// One legal move: the table is the specification, and `CaseMachine.decide` does nothing that isn't in it.
public struct Transition: Hashable, Sendable {
    /// In which statuses; none for a case that doesn't exist yet.
    public let from: [CaseStatus]
    /// Which action.
    public let on: ActionName
    /// Whose: any of these.
    public let by: Standing
    /// Where it leads.
    public let to: Destination
    /// Picks this row only where it holds; otherwise a later row is tried.
    public let when: Condition?
    /// What must hold besides; each has its own refusal.
    public let guards: [Guard]
    /// What it does besides.
    public let effects: Effects

    init(
        _ from: [CaseStatus],
        _ on: ActionName,
        by: Standing,
        to: Destination,
        when: Condition? = nil,
        guards: [Guard] = [],
        effects: Effects = []
    ) {
        self.from = from
        self.on = on
        self.by = by
        self.to = to
        self.when = when
        self.guards = guards
        self.effects = effects
    }

    /// Where a move leads.
    public enum Destination: Hashable, Sendable {
        /// It stays.
        case same
        /// There.
        case status(CaseStatus)
        /// To work: open, but new in its queue where the owner that it would go on with is gone.
        case work
        /// Where it was assigned from.
        case origin
    }

    /// What picks a row.
    public enum Condition: Hashable, Sendable {
        /// The queue says that an owner's public comment waits for the customer.
        case queueSaysCommentPends
    }

    /// What must hold.
    public enum Guard: Hashable, Sendable {
        /// This text is not blank.
        case carries(TextField)
        /// A text, or a contact that says it all.
        case carriesMessage
        /// The agent is available, and of the case's team or a supervisor; an escalation's target holds.
        case agentForOffer
        /// The agent is of the case's team or a supervisor.
        case agentForTransfer
        /// Any agent or supervisor.
        case anyAgent
        /// The actor is one to whom the case was handed up.
        case handedUpToActor
        /// Its due time has come, by the time of the shard.
        case due
        /// The reopen window has passed at the sweep's instant, and that has come.
        case dueAtSweep
        /// It closed before the night's boundary.
        case closedBeforeBoundary
        /// Title and contact details only.
        case ownDetailsOnly
        /// The link that a follow-up leaves.
        case linkFromFollowUp
        /// A link that staff make.
        case linkByStaff
        /// Not done before.
        case once
        /// Nothing: a requester gives no notes.
        case noNotes
    }

    /// What a move does besides.
    public struct Effects: OptionSet, Hashable, Sendable {
        /// One bit each.
        public let rawValue: UInt8
        /// Wraps bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The actor becomes the owner.
        public static let takes = Effects(rawValue: 1 << 0)
        /// Counts as reopened.
        public static let reopens = Effects(rawValue: 1 << 1)
        /// What is said becomes an internal note.
        public static let staysInside = Effects(rawValue: 1 << 2)
        /// What is said is a third party's.
        public static let thirdParty = Effects(rawValue: 1 << 3)
    }
}

/// The texts that actions carry, as refusals name them.
public enum TextField: String, Hashable, Sendable {
    /// A comment's.
    case text
    /// A message's, first or with a solution.
    case message
    /// An internal note's.
    case note
    /// Why.
    case reason
    /// What staff leave at the end.
    case notes
    /// What is asked of the requester.
    case question
    /// Whom the case waits for.
    case party
    /// Which rule handed up.
    case rule
    /// What was done before handing up.
    case summary
}
