import ArgumentParser
import CaseClient

/// What a command on one name takes.
struct NameOptions: ParsableArguments {
    @Argument(help: "The name.")
    var name: String

    @OptionGroup var keyOption: KeyOption
    @OptionGroup var global: GlobalOptions

    /// Runs a change of the directory and says what it did.
    func change(
        _ done: String,
        _ body: (Session, String) async throws -> UInt64
    ) async throws {
        try await Session.run(global, key: keyOption.key) { session in
            let version = try await body(session, name)
            try session.show(directoryVersion: version, "\(name) \(done)")
        }
    }
}

extension Session {
    /// What a change of the directory answers.
    func show(directoryVersion version: UInt64, _ text: String) throws {
        try show(
            .object([.init("directory_version", .unsigned(version))]),
            printable("\(text) (directory version \(version))\n", keepLines: true)
        )
    }

    /// A list: a table, or one JSON object a line.
    func show(rows: [JSONValue], _ table: Table) throws {
        switch format {
        case .table: try Terminal.write(table.text)
        case .json: for row in rows { try Terminal.write(row.text + "\n") }
        }
    }
}

extension Principal {
    var json: JSONValue {
        .object([
            .init("name", .string(name)),
            .init("role", .string(role.label)),
            .init("presence", .optional(presence.label)),
            .init("display_name", .optional(displayName)),
            .init("teams", .array(teams.map { .string($0) })),
            .init("queues", .array(queues.map { .string($0) })),
            .init("addresses", .array(addresses.map { .string($0) })),
            .init("phones", .array(phones.map { .string($0) })),
        ])
    }
}

extension Team {
    var json: JSONValue {
        .object([.init("name", .string(name)), .init("display_name", .optional(displayName))])
    }
}

extension WorkQueue {
    var json: JSONValue {
        .object([
            .init("name", .string(name)),
            .init("team", .string(team)),
            .init("display_name", .optional(displayName)),
            .init("addresses", .array(addresses.map { .string($0) })),
            .init("comment_pends", .bool(commentPends)),
        ])
    }
}

extension AccessToken {
    var json: JSONValue {
        .object([
            .init("id", .string(tokenID)),
            .init("principal", .string(principal)),
            .init("created_at", Times.json(createdAt)),
            .init("expires_at", Times.json(expiresAt)),
            .init("revoked", .bool(revoked)),
        ])
    }
}
