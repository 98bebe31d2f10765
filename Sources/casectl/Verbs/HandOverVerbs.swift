import ArgumentParser
import CaseClient

/// `case assign`.
struct AssignCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "assign",
        abstract: "Give a waiting case to an agent, who has yet to accept."
    )

    @Option(help: "The agent's name in the directory.")
    var to: String

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .assign(to: to, reason: try Texts.read(reason)) }
}

/// `case accept`.
struct AcceptCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Start on a case that was given to you."
    )

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .accept }
}

/// `case decline`.
struct DeclineCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "decline",
        abstract: "Hand a case back that was given to you."
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .decline(reason: try Texts.read(reason)) }
}

/// `case take`.
struct TakeCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "take",
        abstract: "Assign a waiting case to yourself and start.",
        aliases: ["assign-to-me"]
    )

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .assignToMe }
}

/// `case escalate`.
struct EscalateCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "escalate",
        abstract: "Hand a case up.",
        discussion: """
            EXAMPLES
              casectl case escalate 0H5K2N8QT40V7 --to-team second-line --reason "Needs a refund"
              casectl case escalate 0H5K2N8QT40V7 --to-supervisor --reason "Threat" --summary -
            """
    )

    @Option(help: "Why, or - for standard input.")
    var reason: String

    @Option(help: "To any human of this queue's team.")
    var toQueue: String?

    @Option(help: "To any human of this team.")
    var toTeam: String?

    @Flag(help: "To a supervisor.")
    var toSupervisor = false

    @Option(help: "A hand-over summary, kept as an internal note; or - for standard input.")
    var summary: String = ""

    @OptionGroup var target: VerbOptions

    func validate() throws {
        let targets = [toQueue != nil, toTeam != nil, toSupervisor].filter { $0 }.count
        guard targets == 1 else {
            throw ValidationError("say to whom: one of --to-queue, --to-team, --to-supervisor")
        }
        try Texts.checkStandardInput(reason, summary)
    }

    func action() throws -> CaseAction {
        let whom: CaseAction.EscalationTarget =
            if let toQueue { .queue(toQueue) } else if let toTeam { .team(toTeam) } else {
                .supervisor
            }
        return .escalate(
            to: whom,
            reason: try Texts.read(reason),
            summary: try Texts.read(summary)
        )
    }
}

/// `case transfer-queue`.
struct TransferQueueCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "transfer-queue",
        abstract: "Move a case to another queue, where it is new."
    )

    @Option(help: "The queue.")
    var to: String

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .transfer(toQueue: to, reason: try Texts.read(reason)) }
}

/// `case transfer-agent`.
struct TransferAgentCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "transfer-agent",
        abstract: "Move a case to another agent, who has yet to accept."
    )

    @Option(help: "The agent's name in the directory.")
    var to: String

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .transfer(toAgent: to, reason: try Texts.read(reason)) }
}

/// `case reassign`.
struct ReassignCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "reassign",
        abstract: "As a supervisor, give a case to anybody, also above the maximum."
    )

    @Option(help: "The agent's name in the directory.")
    var to: String

    @Option(help: "Why, or - for standard input.")
    var reason: String = ""

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .reassign(to: to, reason: try Texts.read(reason)) }
}
