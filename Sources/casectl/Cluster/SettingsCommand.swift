import ArgumentParser
import CaseClient

/// Cluster settings.
struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Settings of the whole cluster.",
        discussion: """
            EXAMPLES
              casectl settings list
              casectl settings set reopen-window 7d
            """,
        subcommands: [List.self, Set.self]
    )

    /// `settings list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all settings with their values."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let settings = try await session.client.settings()
                var table = Table("NAME", "VALUE", "DEFAULT", "WHAT IT DOES")
                for setting in settings {
                    table.add(
                        setting.name,
                        setting.value,
                        setting.defaultValue,
                        setting.description_p
                    )
                }
                try session.show(rows: settings.map(\.json), table)
            }
        }
    }

    /// `settings set`.
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Change one setting."
        )

        @Argument(help: "Its name, as settings list shows it.")
        var name: String

        @Argument(help: "Its new value.")
        var value: String

        @OptionGroup var keyOption: KeyOption
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global, key: keyOption.key) { session in
                let setting = try await session.client.setSetting(
                    name,
                    to: value,
                    options: session.call
                )
                try session.show(setting.json, "\(setting.name) = \(setting.value)\n")
            }
        }
    }
}

extension ClusterSetting {
    var json: JSONValue {
        .object([
            .init("name", .string(name)),
            .init("value", .string(value)),
            .init("default", .string(defaultValue)),
            .init("description", .string(description_p)),
        ])
    }
}
