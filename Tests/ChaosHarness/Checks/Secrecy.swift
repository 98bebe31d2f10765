/// What requesters are shown, searched for what only staff may read.
enum Secrecy {
    /// Which of `texts`, all that a requester got as JSON, has the mark in it.
    static func violations(of id: String, _ texts: [String], mark: String) -> [Violation] {
        texts.filter { $0.contains(mark) }.map {
            Violation(
                check: "requesters see no notes",
                subject: "case \(id)",
                message: "a requester was shown what is for staff alone",
                operations: [String($0.prefix(300))]
            )
        }
    }
}
