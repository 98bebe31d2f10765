import ArgumentParser
import CaseClient

/// `case park`.
struct ParkCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "park",
        abstract: "Put a case on hold for something internal.",
        discussion: """
            EXAMPLES
              casectl case park 0H5K2N8QT40V7 --reason "Part on order" --until 2025-01-31T08:00:00Z
              casectl case park 0H5K2N8QT40V7 --reason "Asked the lab" --until 2h
            """
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String

    @Option(help: "Resume by itself at this time (UTC, ISO 8601), or after a span as 2h.")
    var until: String?

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction {
        let instant = try until.map { try Times.instant($0, now: Times.now) } ?? 0
        return .park(reason: try Texts.read(reason), until: instant)
    }
}

/// `case wait-external`.
struct WaitExternalCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "wait-external",
        abstract: "Wait for somebody who is not the customer."
    )

    @Option(help: "Whom, as a mail address where there is one.")
    var party: String

    @Option(help: "Why, or - for standard input.")
    var reason: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction {
        .waitForExternal(party: party, reason: try Texts.read(reason))
    }
}

/// `case resume`.
struct ResumeCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a parked or pending case."
    )

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .resume }
}

/// `case propose-solution`.
struct ProposeSolutionCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "propose-solution",
        abstract: "Send a solution; the customer has the reopen window to answer."
    )

    @Option(help: "The resolution note, for staff; or - for standard input.")
    var note: String

    @Option(help: "The message to the customer; or - for standard input.")
    var message: String

    @OptionGroup var target: VerbOptions

    func validate() throws { try Texts.checkStandardInput(note, message) }

    func action() throws -> CaseAction {
        .proposeSolution(note: try Texts.read(note), message: try Texts.read(message))
    }
}

/// `case accept-solution`.
struct AcceptSolutionCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "accept-solution",
        abstract: "As the customer, be content; the case closes."
    )

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .acceptSolution }
}

/// `case reject-solution`.
struct RejectSolutionCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "reject-solution",
        abstract: "As the customer, say that it does not help; the case opens again."
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .rejectSolution(reason: try Texts.read(reason)) }
}

/// `case reopen`.
struct ReopenCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "reopen",
        abstract: "Take a resolved case back to work."
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .reopen(reason: try Texts.read(reason)) }
}

/// `case close`.
struct CloseCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "End a case. Staff give notes; customers need none."
    )

    @Option(help: "Close notes, for staff; or - for standard input.")
    var notes: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .close(notes: try Texts.read(notes)) }
}

/// `case delete`.
struct DeleteCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Erase a case's content for good; a tombstone says who, when and why.",
        discussion: "There is no way back. The audit chain stays whole."
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .delete(reason: try Texts.read(reason)) }
}
