/// What was created, and what is there in the end.
struct SetHistory: Sendable {
    struct Creation: Sendable {
        /// Unlike all others.
        var name: String
        var from: Int64
        /// What was answered, first of all and whenever it was told again; empty if nothing ever was.
        var answers: [String] = []
    }

    var creations: [Creation] = []

    /// What is wrong with it, held against `final`: names with the ids of the cases that bear them.
    func violations(final: [String: [String]]) -> [Violation] {
        var rest = final
        var found: [Violation] = []
        func report(_ check: String, _ creation: Creation, _ message: String) {
            let time = Violation.seconds(creation.from)
            let answers = creation.answers.joined(separator: ", ")
            found.append(
                Violation(
                    check: check,
                    subject: "creation \(creation.name)",
                    message: message,
                    operations: ["\(time): create \(creation.name) -> \(answers)"]
                )
            )
        }
        for creation in creations {
            let there = rest.removeValue(forKey: creation.name) ?? []
            if there.count > 1 {
                report("exactly once", creation, "it made \(there.joined(separator: " and "))")
            }
            if Set(creation.answers).count > 1 {
                report(
                    "exactly once",
                    creation,
                    "told again under its key it is answered otherwise"
                )
            }
            for answer in Set(creation.answers) where !there.contains(answer) {
                report("nothing lost", creation, "acknowledged as \(answer), which is not there")
            }
        }
        for name in rest.keys.sorted() {
            found.append(
                Violation(
                    check: "nothing invented",
                    subject: "creation \(name)",
                    message: "nobody asked for it"
                )
            )
        }
        return found
    }
}
