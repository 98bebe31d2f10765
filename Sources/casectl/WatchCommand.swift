import ArgumentParser
import CaseClient

/// `watch`.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow changes of cases as they happen.",
        discussion: """
            Begins with what happens from now on, unless told otherwise. Lost connections are taken
            up again without gaps; each JSON line carries the token to go on from in another run.
            Ends with --count, or with an interrupt.

            EXAMPLES
              casectl watch
              casectl watch --from-start --count 100 --output json
              casectl watch --resume-token "$token" --output json | jq -r .id
            """
    )

    @Flag(help: "Begin with the oldest change that is kept.")
    var fromStart = false

    @Option(help: "Go on after the event that carried this token.")
    var resumeToken: String = ""

    @Option(name: .customLong("case"), help: "Only this case.")
    var caseID: String = ""

    @Option(help: "End after this many events.")
    var count: Int?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard !fromStart || resumeToken.isEmpty else {
            throw ValidationError("--from-start and --resume-token exclude each other")
        }
        if let count, count < 1 { throw ValidationError("--count: at least 1") }
    }

    func run() async throws {
        try await Session.run(global) { session in
            let request = WatchRequest.with {
                $0.fromStart = fromStart
                $0.resumeToken = resumeToken
                $0.caseID = caseID
            }
            let following = Task { try await follow(request, session) }
            Terminal.whenOutputCloses { following.cancel() }
            try await following.value
        }
    }

    private func follow(_ request: WatchRequest, _ session: Session) async throws {
        // Nobody answering for the time of one call is what any command here ends with.
        let events = try session.client.watch(request, patience: session.deadline)
        var seen = 0
        for try await event in events {
            try show(event, session)
            seen += 1
            if let count, seen >= count { break }
        }
    }

    private func show(_ event: WatchEvent, _ session: Session) throws {
        let what =
            event.gone
            ? "gone from your sight"
            : "\(event.action)  \(session.label(event.status))  version \(event.version)  "
                + "owner \(event.owner.isEmpty ? "nobody" : event.owner)  by \(event.actor)"
        try session.show(
            event.json,
            printable("\(Times.text(event.at))  \(event.caseID)  \(what)\n", keepLines: true)
        )
    }
}

extension WatchEvent {
    var json: JSONValue {
        .object([
            .init("token", .string(resumeToken)),
            .init("id", .string(caseID)),
            .init("version", .unsigned(version)),
            .init("at", Times.json(at)),
            .init("action", .optional(action)),
            .init("status", .optional(status.label)),
            .init("owner", .optional(owner)),
            .init("actor", .optional(actor)),
            .init("gone", .bool(gone)),
        ])
    }
}
