import CaseClient

/// What became of the contacts of one run.
struct IntakeTally {
    private(set) var created = 0
    private(set) var commented = 0
    private(set) var attached = 0
    private(set) var followUps = 0
    private(set) var duplicates = 0
    private(set) var failed = 0
    /// The first failures, in words: more of them than anybody reads are only counted.
    private(set) var failures: [String] = []

    /// Failures kept in words.
    static let failuresMax = 1_000

    /// A contact was taken, now or earlier.
    mutating func take(_ name: String, _ receipt: IntakeReceipt, _ session: Session) throws {
        if receipt.duplicate {
            duplicates += 1
        } else {
            switch receipt.outcome {
            case .created: created += 1
            case .commented: commented += 1
            case .attached: attached += 1
            case .followUp: followUps += 1
            case .unspecified, .UNRECOGNIZED: attached += 1
            }
        }
        if session.format == .json { try Terminal.write(receipt.json(name).text + "\n") }
    }

    /// A contact could not be taken.
    mutating func fail(_ name: String, _ reason: String, _ session: Session) throws {
        failed += 1
        if failures.count < Self.failuresMax {
            failures.append(reason.hasPrefix(name) ? reason : "\(name): \(reason)")
        }
        guard session.format == .json else { return }
        let json = JSONValue.object([.init("name", .string(name)), .init("error", .string(reason))])
        try Terminal.write(json.text + "\n")
    }

    /// All of it in a line.
    var line: String {
        let total = created + commented + attached + followUps + duplicates
        return "\(total) taken (\(created) created, \(commented) commented, \(attached) attached, "
            + "\(followUps) follow-ups, \(duplicates) known before), \(failed) failed"
    }
}

extension IntakeReceipt {
    func json(_ name: String) -> JSONValue {
        .object([
            .init("name", .string(name)),
            .init("id", .string(caseID)),
            .init("outcome", .string(outcome.label)),
            .init("duplicate", .bool(duplicate)),
            .init("key", .string(externalKey)),
            .init("status", .string(status.label)),
        ])
    }
}

/// A line that moves on standard error while long work runs; at most ten times a second.
struct ProgressMeter {
    private let isShown: Bool
    private let isTerminal = Terminal.isWatched
    private var lastShown: ContinuousClock.Instant?

    /// The shortest time between two lines: faster than this nobody reads.
    private static let pause: Duration = .milliseconds(100)
    /// The same where each line stays, in a file.
    private static let pauseInFile: Duration = .seconds(1)

    init(isShown: Bool) { self.isShown = isShown }

    mutating func show(_ line: String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        let pause = isTerminal ? Self.pause : Self.pauseInFile
        if let lastShown, now - lastShown < pause { return }
        lastShown = now
        if isTerminal { Terminal.overwrite(line) } else { Terminal.note(line) }
    }

    /// Clears the moving line: the summary follows on standard output.
    mutating func end(_ line: String) {
        guard isShown, lastShown != nil else { return }
        if isTerminal { Terminal.overwrite("") } else { Terminal.note(line) }
    }
}
