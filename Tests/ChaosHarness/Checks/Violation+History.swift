import HistoryChecker

extension Violation {
    /// Operations that are shown around what can't be explained.
    static let shownMax = 8

    /// What a checker said of a history; nil if nothing is wrong.
    init?<Input, Output>(
        _ verdict: Verdict,
        check: String,
        subject: String,
        _ history: [Operation<Input, Output>],
        describe: (Operation<Input, Output>) -> String = {
            "\($0.input) -> \($0.output.map { "\($0)" } ?? "unknown")"
        }
    ) {
        switch verdict {
        case .linearizable: return nil
        case .undecided(let steps):
            self.init(
                check: check,
                subject: subject,
                message: "\(history.count) operations undecided in \(steps) steps"
            )
        case .violated(let explained):
            let taken = Set(explained)
            let open = history.indices.filter {
                !taken.contains($0) && history[$0].returnedAt != nil
            }
            .sorted { history[$0].invokedAt < history[$1].invokedAt }
            self.init(
                check: check,
                subject: subject,
                message: "no order of the operations explains all answers: "
                    + "\(explained.count) of \(history.count) explained",
                operations: Self.around(open.first, history, describe)
            )
        }
    }

    /// The first operation that nothing explains, marked, between those that overlap it or end just before it.
    private static func around<Input, Output>(
        _ place: Int?,
        _ history: [Operation<Input, Output>],
        _ describe: (Operation<Input, Output>) -> String
    ) -> [String] {
        guard let place else { return [] }
        let order = history.indices.sorted { history[$0].invokedAt < history[$1].invokedAt }
        guard let middle = order.firstIndex(of: place) else { return [] }
        let first = max(0, middle - shownMax / 2 - 1)
        let last = min(order.count - 1, first + shownMax)
        return order[first...last].map { index in
            let step = history[index]
            let to = step.returnedAt.map { seconds($0) } ?? "never"
            let mark = index == place ? "> " : "  "
            return "\(mark)\(seconds(step.invokedAt)) to \(to): \(describe(step))"
        }
    }

    /// Microseconds as seconds with six digits.
    static func seconds(_ microseconds: Int64) -> String {
        let digits = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return "\(microseconds / 1_000_000).\(digits)"
    }

    /// The harness itself could not go on.
    static func harness(_ subject: String, _ error: any Error) -> Violation {
        Violation(check: "the harness", subject: subject, message: "\(error)")
    }
}
