import CaseModel
import CaseProtocol
import ClusterPrimitives
import HistoryChecker

/// One case as clients see it: the rules are `CaseHistoryModel`'s, and a refusal is known by its word alone,
/// as the protocol spells it.
struct LifecycleModel: SequentialModel {
    typealias Step = Operation<CaseInput, Output>

    enum Output: Hashable, Sendable {
        case accepted(version: UInt64, status: CaseStatus, owner: PrincipalID?)
        /// `wrong-status`, `not-owner` and the like.
        case refused(String)
        case seen(CaseView)
    }

    private let rules: CaseHistoryModel

    init(_ id: CaseID) { rules = CaseHistoryModel(id) }

    var initial: CaseHistoryModel.State { rules.initial }

    func next(
        _ state: CaseHistoryModel.State,
        _ input: CaseInput,
        _ output: Output?
    ) -> CaseHistoryModel.State? {
        switch output {
        case nil: return rules.next(state, input, nil)
        case .seen(let view): return rules.next(state, input, .seen(view))
        case .accepted(let version, let status, let owner):
            return rules.next(
                state,
                input,
                .accepted(version: version, status: status, owner: owner)
            )
        case .refused(let kind):
            guard let refusal = rules.refusal(state, input), WireError(refusal).detail.kind == kind
            else {
                return nil
            }
            return state
        }
    }

    func isIdle(_ input: CaseInput, _ output: Output) -> Bool {
        if case .accepted = output { false } else { true }
    }

    /// Orders that are tried before a history counts as undecided, which is as bad as wrong.
    static let stepsMax = 1_000_000

    /// Nil if some order explains the history.
    static func violation(of id: CaseID, _ history: [Step]) -> Violation? {
        let checker = LinearizabilityChecker(LifecycleModel(id), stepsMax: stepsMax)
        return Violation(
            checker.check(history),
            check: "linearizable",
            subject: "case \(id)",
            history
        ) { describe($0) }
    }

    /// A command is long: who and what is enough.
    static func describe(_ step: Step) -> String {
        let input: String
        switch step.input {
        case .command(let command):
            let version = command.expectedVersion.map { " at version \($0)" } ?? ""
            input = "\(command.action.name) by \(command.actor.id)\(version)"
        default: input = "\(step.input)"
        }
        return input + " -> " + (step.output.map { "\($0)" } ?? "unknown")
    }
}
