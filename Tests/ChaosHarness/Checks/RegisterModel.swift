import HistoryChecker

/// A case that only has a title and a version: it is written if its version is the expected one.
struct RegisterModel: SequentialModel {
    typealias Step = Operation<Input, Output>

    struct State: Hashable, Sendable {
        var version: UInt64
        var value: String
    }

    enum Input: Hashable, Sendable {
        case write(expected: UInt64, value: String)
        case read
    }

    enum Output: Hashable, Sendable {
        /// The version after it.
        case written(UInt64)
        case stale(current: UInt64)
        case seen(version: UInt64, value: String)
        /// A refusal that nothing here explains.
        case other(String)
    }

    /// As it was made.
    let initial: State

    func next(_ state: State, _ input: Input, _ output: Output?) -> State? {
        switch (input, output) {
        case (.write(let expected, let value), .written(let version)):
            guard expected == state.version, version == state.version + 1 else { return nil }
            return State(version: version, value: value)
        case (.write(let expected, _), .stale(let current)):
            return expected != state.version && current == state.version ? state : nil
        case (.write(let expected, let value), nil):
            return expected == state.version
                ? State(version: state.version + 1, value: value) : state
        case (.read, .seen(let version, let value)):
            return State(version: version, value: value) == state ? state : nil
        case (.read, nil): return state
        default: return nil
        }
    }

    func isIdle(_ input: Input, _ output: Output) -> Bool {
        if case .written = output { false } else { true }
    }

    /// Orders that are tried before a history counts as undecided, which is as bad as wrong.
    static let stepsMax = 2_000_000

    /// Nil if some order explains the history.
    static func violation(
        of id: String,
        _ history: [Step],
        start: State,
        stepsMax: Int = stepsMax
    ) -> Violation? {
        let checker = LinearizabilityChecker(RegisterModel(initial: start), stepsMax: stepsMax)
        return Violation(
            checker.check(history),
            check: "linearizable",
            subject: "case \(id)",
            history
        )
    }
}
