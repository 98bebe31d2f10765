import ArgumentParser
import CaseClient

/// Queues.
struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Queues in the directory.",
        discussion: """
            EXAMPLE
              casectl queue add billing --team finance --address billing@example.com
            """,
        subcommands: [Add.self, List.self, Remove.self]
    )

    /// `queue add`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add a queue, or replace the entry of that name as a whole."
        )

        @Option(help: "The team that it belongs to.")
        var team: String

        @Option(help: "A mail address, number or widget whose contacts wait here. Repeatable.")
        var address: [String] = []

        @Flag(help: "A public comment by the owner makes the case pending.")
        var commentPends = false

        @Option(help: "A name for people to read.")
        var displayName: String = ""

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is a queue") { session, name in
                let queue = WorkQueue.with {
                    $0.name = name
                    $0.team = team
                    $0.displayName = displayName
                    $0.addresses = address
                    $0.commentPends = commentPends
                }
                return try await session.client.put(queue, options: session.call)
            }
        }
    }

    /// `queue list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List queues."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let queues = try await session.client.queues()
                var table = Table("NAME", "TEAM", "ADDRESSES", "COMMENT PENDS", "DISPLAY NAME")
                for queue in queues {
                    table.add(
                        queue.name,
                        queue.team,
                        queue.addresses.joined(separator: ", "),
                        queue.commentPends ? "yes" : "no",
                        queue.displayName
                    )
                }
                try session.show(rows: queues.map(\.json), table)
            }
        }
    }

    /// `queue remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove a queue that is not the default one."
        )

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is removed") { session, name in
                try await session.client.removeQueue(name, options: session.call)
            }
        }
    }
}
