#if CASECLUSTER_FAULTS
import ClusterPrimitives

/// Faults that only a whole process has: put in on purpose, one at a time, to see whether the chaos harness finds
/// them. Beside `DeliberateFault`, whose faults sit below, where the simulator finds them too.
public enum DeliberateNodeFault: String, CaseIterable, Sendable {
    /// A requester's history has what is for staff alone.
    case showsNotes

    /// Names a fault of either table to a node that starts.
    public static let variable = "CASECLUSTER_FAULT"

    /// The one that is on. Set before anything runs.
    nonisolated(unsafe) static var active: DeliberateNodeFault?

    /// Whether it is on.
    var isOn: Bool { Self.active == self }

    /// Puts in the fault of that name, of either table; false if neither has it.
    public static func putIn(_ name: String) -> Bool {
        active = DeliberateNodeFault(rawValue: name)
        DeliberateFault.active = DeliberateFault(rawValue: name)
        return active != nil || DeliberateFault.active != nil
    }
}
#endif
