import ArgumentParser
import CaseClient

/// Access tokens.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Access tokens of people and programs.",
        discussion: """
            EXAMPLES
              casectl token issue anna --to anna.token
              casectl token issue eva --lifetime 30d --output json
            """,
        subcommands: [Issue.self, List.self, Revoke.self]
    )

    /// `token issue`.
    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "issue",
            abstract: "Make a token. Its secret is shown this once; the cluster keeps only a hash."
        )

        @Argument(help: "Whose: a name in the directory.")
        var principal: String

        @Option(help: "Good for this long, as 30d or 12h; for ever without.")
        var lifetime: String?

        @Option(
            help: "Write the secret to a new file that only you can read, instead of showing it."
        )
        var to: String?

        @OptionGroup var keyOption: KeyOption
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global, key: keyOption.key) { session in
                // Before a token is made that nobody would ever see.
                if let to { try Files.requireAbsent(to) }
                let token = try await session.client.issueToken(
                    for: principal,
                    lifetime: lifetime,
                    options: session.call
                )
                guard !token.secret.isEmpty else {
                    throw Failure(
                        .refused,
                        "this key's token \(token.tokenID) was issued before; its secret is not shown "
                            + "again: revoke it and issue another"
                    )
                }
                if let to { try Files.writeSecret(token.secret + "\n", to: to) }
                let json = JSONValue.object([
                    .init("id", .string(token.tokenID)),
                    .init("principal", .string(principal)),
                    .init("secret", to == nil ? .string(token.secret) : .null),
                    .init("file", to.map { .string($0) } ?? .null),
                    .init("expires_at", Times.json(token.expiresAt)),
                ])
                let ends = token.expiresAt == 0 ? "never" : Times.text(token.expiresAt)
                try session.show(
                    json,
                    """
                    id      \(token.tokenID)
                    secret  \(to.map { "in \($0)" } ?? token.secret)
                    ends    \(ends)

                    """
                )
            }
        }
    }

    /// `token list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List tokens, without their secrets."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let tokens = try await session.client.tokens()
                var table = Table("ID", "PRINCIPAL", "CREATED", "ENDS", "REVOKED")
                for token in tokens {
                    table.add(
                        token.tokenID,
                        token.principal,
                        Times.text(token.createdAt),
                        Times.text(token.expiresAt),
                        token.revoked ? "yes" : "no"
                    )
                }
                try session.show(rows: tokens.map(\.json), table)
            }
        }
    }

    /// `token revoke`.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "End a token, by its id."
        )

        @OptionGroup var target: NameOptions

        func run() async throws {
            try await target.change("is revoked") { session, name in
                try await session.client.revokeToken(name, options: session.call)
            }
        }
    }
}
