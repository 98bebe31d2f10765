import ArgumentParser
import CaseClient

/// Customers with verified addresses.
struct RequesterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requester",
        abstract: "Customers in the directory, with their verified addresses and numbers.",
        discussion: """
            Mail from a verified address, and a call from a verified number, is this requester's own
            word.

            EXAMPLES
              casectl requester add eva --address eva@example.com --phone +46701234567
              casectl token issue eva --lifetime 30d
            """,
        subcommands: [Add.self, List.self, Remove.self]
    )

    /// `requester add`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add a requester, or replace the entry of that name as a whole."
        )

        @Argument(help: "A unique name.")
        var name: String

        @Option(help: "A verified mail address. Repeatable.")
        var address: [String] = []

        @Option(help: "A verified number, as +46701234567. Repeatable.")
        var phone: [String] = []

        @Option(help: "A name for people to read.")
        var displayName: String = ""

        @OptionGroup var keyOption: KeyOption
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global, key: keyOption.key) { session in
                let principal = Principal.with {
                    $0.name = name
                    $0.role = .requester
                    $0.addresses = address
                    $0.phones = phone
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

    /// `requester list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List requesters."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let people = try await session.client.principals().filter { $0.role == .requester }
                var table = Table("NAME", "ADDRESSES", "PHONES", "DISPLAY NAME")
                for person in people {
                    table.add(
                        person.name,
                        person.addresses.joined(separator: ", "),
                        person.phones.joined(separator: ", "),
                        person.displayName
                    )
                }
                try session.show(rows: people.map(\.json), table)
            }
        }
    }

    /// `requester remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove a requester: its tokens end; its cases stay."
        )

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is removed") { session, name in
                try await session.client.removePrincipal(name, options: session.call)
            }
        }
    }
}
