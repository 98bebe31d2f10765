import ArgumentParser
import CaseClient

/// Teams.
struct TeamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "team",
        abstract: "Teams in the directory.",
        subcommands: [Add.self, List.self, Remove.self]
    )

    /// `team add`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add a team, or replace the entry of that name."
        )

        @Option(help: "A name for people to read.")
        var displayName: String = ""

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is a team") { session, name in
                let team = Team.with {
                    $0.name = name
                    $0.displayName = displayName
                }
                return try await session.client.put(team, options: session.call)
            }
        }
    }

    /// `team list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List teams."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let teams = try await session.client.teams()
                var table = Table("NAME", "DISPLAY NAME")
                for team in teams { table.add(team.name, team.displayName) }
                try session.show(rows: teams.map(\.json), table)
            }
        }
    }

    /// `team remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove a team that no queue and nobody refers to."
        )

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is removed") { session, name in
                try await session.client.removeTeam(name, options: session.call)
            }
        }
    }
}
