import CaseClient
import CaseModel
import ClusterPrimitives
import HistoryChecker

/// What the coordinator did to a case, as operations of its history: the case's entries say what and at which
/// version, nobody says when in the harness' time.
enum TimerSteps {
    static func steps(_ entries: [ClientEntry], from: Int64) -> [LifecycleModel.Step] {
        var owner: PrincipalID?
        var steps: [LifecycleModel.Step] = []
        for entry in entries {
            if entry.kind == .assignment, entry.field == "owner" {
                owner = entry.to.isEmpty ? nil : PrincipalID(entry.to)
            }
            guard entry.role == .system, let (input, status) = moves[entry.action] else { continue }
            var step = LifecycleModel.Step(unknown: input, from: from)
            step.output = .accepted(version: entry.version, status: status, owner: owner)
            steps.append(step)
        }
        return steps
    }

    private static let moves: [String: (CaseInput, CaseModel.CaseStatus)] = [
        "close-by-timer": (.closeByTimer, .closed), "archive": (.archive, .archived),
    ]
}
