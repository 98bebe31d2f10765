/// One fault of a plan: what, when, for how long, and to whom.
public struct PlannedFault: Hashable, Codable, Sendable {
    /// Its place in the plan, from 0.
    public var number: Int
    /// What is done.
    public var kind: FaultKind
    /// When it begins, in milliseconds since faults began.
    public var startsAt: Int
    /// For how long, in milliseconds.
    public var lasts: Int
    /// Whose: positions of nodes, from 0. A node that replaces another takes its position.
    public var slots: [Int]
    /// How strong: milliseconds for delays, slow syncs and clocks, percent for losses; otherwise 0.
    public var strength: Int

    /// When it ends, in milliseconds since faults began.
    public var endsAt: Int { startsAt + lasts }

    /// A node that is suspended shows something only while the others go on without it: one of the two is, and the
    /// other may have a node away then, or shortly before or after.
    func disturbs(_ other: PlannedFault) -> Bool {
        let isApart =
            kind == .suspend && other.kind.mayEndNode
            || other.kind == .suspend && kind.mayEndNode
        return isApart && startsAt <= other.endsAt + FaultPlan.recovery
            && endsAt + FaultPlan.recovery >= other.startsAt
    }

    /// One line for people.
    public var summary: String {
        let nodes = slots.map { "node \($0 + 1)" }.joined(separator: ", ")
        let force =
            switch kind {
            case .loss: " \(strength) %"
            case .delay, .jitter, .diskSlow, .clockJump: " \(strength) ms"
            case .clockDrift: " \(strength) ms/s"
            default: ""
            }
        return "\(kind.rawValue)\(force): \(nodes)"
    }
}
