import ArgumentParser
import CaseClient

/// Those who work on cases, and those who run the cluster.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Agents, supervisors and other staff in the directory.",
        discussion: """
            EXAMPLES
              casectl agent add anna --team support --display-name "Anna Berg"
              casectl agent add triage-bot --role ai-agent --queue support
              casectl agent presence available
              casectl token issue anna
            """,
        subcommands: [Add.self, List.self, Remove.self, PresenceCommand.self]
    )

    /// `agent add`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add somebody, or replace the entry of that name as a whole."
        )

        @Argument(help: "A unique name.")
        var name: String

        @Option(
            help: "agent, supervisor, reviewer, ai-agent, admin or intake.",
            transform: PrincipalRole.parse
        )
        var role: PrincipalRole = .agent

        @Option(help: "A team that a human belongs to. Repeatable.")
        var team: [String] = []

        @Option(help: "A queue that an AI agent serves. Repeatable.")
        var queue: [String] = []

        @Option(help: "A name for people to read.")
        var displayName: String = ""

        @OptionGroup var keyOption: KeyOption
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            switch role {
            case .requester:
                throw ValidationError("requesters have a command: casectl requester add")
            case .system: throw ValidationError("the role system is the coordinator's own")
            default: break
            }
        }

        func run() async throws {
            try await Session.run(global, key: keyOption.key) { session in
                let principal = Principal.with {
                    $0.name = name
                    $0.role = role
                    $0.teams = team
                    $0.queues = queue
                    $0.displayName = displayName
                }
                try session.show(
                    directoryVersion: try await session.client.put(
                        principal,
                        options: session.call
                    ),
                    "\(name) is in the directory"
                )
            }
        }
    }

    /// `agent list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List everybody but requesters."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let staff = try await session.client.principals().filter { $0.role != .requester }
                var table = Table("NAME", "ROLE", "TEAMS", "QUEUES", "PRESENCE", "DISPLAY NAME")
                for person in staff {
                    table.add(
                        person.name,
                        session.label(person.role),
                        person.teams.joined(separator: ", "),
                        person.queues.joined(separator: ", "),
                        person.presence.label,
                        person.displayName
                    )
                }
                try session.show(rows: staff.map(\.json), table)
            }
        }
    }

    /// `agent remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove somebody: their tokens end, their cases go back to the queue."
        )

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is removed") { session, name in
                try await session.client.removePrincipal(name, options: session.call)
            }
        }
    }
}
