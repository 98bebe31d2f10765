import ArgumentParser
import CaseClient
import Foundation

/// `case show`.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one case."
    )

    @Argument(help: "The case's id; lower case, hyphens and spaces are fine.")
    var caseID: String

    @OptionGroup var staleness: StaleOptions

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Session.run(global) { session in
            let (record, age) = try await staleness.read { limit in
                try await session.client.getStale(caseID, ageMax: limit)
            } _: {
                try await session.client.get(caseID)
            }
            try session.show(record.json.aged(age), session.text(record))
            session.noteAge(age)
        }
    }
}

/// `case list`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List cases that you may see.",
        discussion: """
            Without --status all but archived and deleted ones. JSON: one case a line.

            EXAMPLES
              casectl case list --owner me --status open --status pending
              casectl case list --queue support --order queue --limit 20
              casectl case list --all --output json | jq -r .id
            """
    )

    @Option(help: "Only in this status. Repeatable.", transform: CaseStatus.parse)
    var status: [CaseStatus] = []

    @Option(help: "Only in this queue.")
    var queue: String = ""

    @Option(help: "Only of this team.")
    var team: String = ""

    @Option(help: "Only of this owner; me for yourself.")
    var owner: String = ""

    @Option(help: "Only of this requester.")
    var requester: String = ""

    @Option(help: "Only with this tag.")
    var tag: String = ""

    @Option(help: "newest, oldest, or queue: whoever is served next.")
    var order: Order = .newest

    @Option(help: "At most this many.")
    var limit: Int = 50

    @Flag(help: "All of them, however many.")
    var all = false

    @OptionGroup var staleness: StaleOptions

    @OptionGroup var global: GlobalOptions

    enum Order: String, ExpressibleByArgument, CaseIterable {
        case newest
        case oldest
        case queue
    }

    func validate() throws {
        guard limit >= 1 else { throw ValidationError("--limit: at least 1") }
    }

    var query: CaseQuery {
        CaseQuery.with {
            $0.statuses = status
            $0.queue = queue
            $0.team = team
            $0.owner = owner
            $0.requester = requester
            $0.tag = tag
            $0.pageSize = all ? 500 : UInt32(min(limit, 500))
            switch order {
            case .newest: $0.order = .createdDescending
            case .oldest: $0.order = .created
            case .queue: $0.order = .queue
            }
        }
    }

    func run() async throws {
        try await Session.run(global) { session in
            var table = Table("ID", "STATUS", "PRIORITY", "QUEUE", "OWNER", "UPDATED", "TITLE")
            var oldest: Duration?
            var left = all ? Int.max : limit
            var query = query
            repeat {
                let (page, age) = try await staleness.read { limit in
                    try await session.client.listStale(query, ageMax: limit)
                } _: {
                    try await session.client.list(query)
                }
                if let age { oldest = max(oldest ?? .zero, age) }
                for record in page.cases.prefix(left) {
                    try show(record, age, session, &table)
                }
                left -= page.cases.count
                // A token that stands still would walk in a circle.
                if page.nextPageToken == query.pageToken { break }
                query.pageToken = page.nextPageToken
            } while left > 0 && !query.pageToken.isEmpty
            if session.format == .table { try Terminal.write(table.text) }
            session.noteAge(oldest)
        }
    }

    private func show(
        _ record: CaseRecord,
        _ age: Duration?,
        _ session: Session,
        _ table: inout Table
    ) throws {
        guard session.format == .table else {
            return try Terminal.write(record.json.aged(age).text + "\n")
        }
        table.add(
            record.id,
            session.label(record.status),
            session.label(record.priority),
            record.queue,
            record.owner,
            Times.text(record.updatedAt),
            record.title
        )
    }
}

/// `case history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show what happened to a case, oldest first.",
        discussion: "JSON: one entry a line."
    )

    @Argument(help: "The case's id.")
    var caseID: String

    @Option(help: "Only entries above this number.")
    var after: UInt64 = 0

    @OptionGroup var staleness: StaleOptions

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Session.run(global) { session in
            var table = Table("NR", "VERSION", "AT", "ACTION", "ACTOR", "WHAT")
            var oldest: Duration?
            var after = after
            var isLast = false
            while !isLast {
                let (page, age) = try await staleness.read { limit in
                    try await session.client.historyStale(
                        caseID,
                        after: after,
                        pageSize: Self.pageRows,
                        ageMax: limit
                    )
                } _: {
                    try await session.client.history(caseID, after: after, pageSize: Self.pageRows)
                }
                if let age { oldest = max(oldest ?? .zero, age) }
                for entry in page.entries { try show(entry, age, session, &table) }
                after = page.entries.last?.number ?? after
                isLast = !page.more || page.entries.isEmpty
            }
            if session.format == .table { try Terminal.write(table.text) }
            session.noteAge(oldest)
        }
    }

    /// Rows asked for at a time: the most that a server gives.
    private static let pageRows: UInt32 = 500

    private func show(
        _ entry: CaseEntry,
        _ age: Duration?,
        _ session: Session,
        _ table: inout Table
    ) throws {
        guard session.format == .table else {
            return try Terminal.write(entry.json.aged(age).text + "\n")
        }
        table.add(
            "\(entry.number)",
            "\(entry.version)",
            Times.text(entry.at),
            entry.title,
            entry.actor,
            entry.summary
        )
    }
}

/// `case verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Have the cluster recompute a case's audit chain.",
        discussion: "Ends with status 2 if a link does not hold."
    )

    @Argument(help: "The case's id.")
    var caseID: String

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Session.run(global) { session in
            let found = try await session.client.verify(caseID)
            let head = Hexadecimal.text(found.head)
            let json = JSONValue.object([
                .init("valid", .bool(found.valid)),
                .init("links", .unsigned(found.links)),
                .init("broken_version", found.valid ? .null : .unsigned(found.brokenVersion)),
                .init("erased", .unsigned(found.erased)),
                .init("head", .optional(head)),
            ])
            let verdict =
                found.valid ? "holds" : "is BROKEN at version \(found.brokenVersion)"
            try session.show(
                json,
                "the chain \(verdict): \(found.links) links, \(found.erased) with erased content, "
                    + "head \(head)\n"
            )
            guard found.valid else { throw ExitCode(ExitStatus.someFailed.rawValue) }
        }
    }
}

/// `case raw`.
struct RawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raw",
        abstract: "Write the raw message that came with an entry to standard output.",
        discussion: """
            EXAMPLE
              casectl case raw 0H5K2N8QT40V7 1 > first.eml
            """
    )

    @Argument(help: "The case's id.")
    var caseID: String

    @Argument(help: "The entry's number, as case history shows it.")
    var number: UInt64

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Session.run(global) { session in
            let bytes = try await session.client.raw(caseID, entry: number)
            try Terminal.write(Data(bytes))
        }
    }
}
