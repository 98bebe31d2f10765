import ArgumentParser
import CaseClient

/// Contacts from channels.
struct IntakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intake",
        abstract: "Hand contacts in: each becomes a case, or a message on one.",
        discussion: """
            A contact is recognised by its own key (Message-ID, chat id, call id): handing it in
            again does nothing more, so a run that was interrupted is simply repeated. One that
            can't be taken never holds up the others; it is named at the end, and the status is 2.

            EXAMPLES
              casectl intake mail letter.eml maildir/new
              casectl intake mail --mbox inbox.mbox
              casectl intake mail - < letter.eml
              casectl intake chat chats/
              casectl intake call call.json --queue support
            """,
        subcommands: [Mail.self, Chat.self, Call.self]
    )

    /// `intake mail`.
    struct Mail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mail",
            abstract: "Hand in messages as RFC 5322 files or mbox files."
        )

        @Flag(help: "The files are mbox files with many messages each.")
        var mbox = false

        @OptionGroup var options: IntakeOptions

        func run() async throws {
            try await options.run(isMbox: mbox) { .mail($0) }
        }
    }

    /// `intake chat`.
    struct Chat: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "chat",
            abstract: "Hand in web chats, one JSON file each."
        )

        @OptionGroup var options: IntakeOptions

        func run() async throws { try await options.run(isMbox: false) { .chat($0) } }
    }

    /// `intake call`.
    struct Call: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "call",
            abstract: "Hand in call records, one JSON file each."
        )

        @OptionGroup var options: IntakeOptions

        func run() async throws { try await options.run(isMbox: false) { .call($0) } }
    }
}

/// What every intake takes.
struct IntakeOptions: ParsableArguments {
    @Argument(
        help: "Files and directories, or - for standard input.",
        completion: .file()
    )
    var paths: [String]

    @Option(help: "Where they shall wait, instead of where their addresses point.")
    var queue: String = ""

    @Flag(help: "Show how far it is, also where nobody watches a terminal.")
    var progress = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard paths.filter({ $0 == "-" }).count <= 1 else {
            throw ValidationError("there is one standard input (-)")
        }
    }

    /// So many contacts in a row without an answer end a run. One alone may be the contact's own doing,
    /// and must not hold up those behind it.
    private static let silencesMax = 3

    /// Hands all in, one after the other: an answer must not overtake what it answers.
    func run(
        isMbox: Bool,
        _ contact: @escaping @Sendable ([UInt8]) -> IncomingContact
    ) async throws {
        try await Session.run(global) { session in
            var source = try ContactSource(paths, isMbox: isMbox)
            var tally = IntakeTally()
            var silences = 0
            var meter = ProgressMeter(isShown: progress || Terminal.isWatched)
            while let pending = source.next() {
                switch pending.content {
                case .failure(let failure):
                    try tally.fail(pending.name, "\(failure)", session)
                case .success(let bytes):
                    do {
                        let receipt = try await session.client.submit(contact(bytes), queue: queue)
                        silences = 0
                        try tally.take(pending.name, receipt, session)
                    } catch let error as CaseClientError {
                        silences = error.isSilence ? silences + 1 : 0
                        guard !error.isForAll, silences < Self.silencesMax else {
                            meter.end(tally.line)
                            Terminal.note("casectl: stopped at \(pending.name); \(tally.line)")
                            Terminal.note("casectl: run it again: what was taken is recognised")
                            throw error
                        }
                        try tally.fail(pending.name, "\(error)", session)
                    }
                }
                meter.show(tally.line)
            }
            meter.end(tally.line)
            if session.format == .table { try Terminal.write(tally.line + "\n") }
            guard tally.failures.isEmpty else {
                for failure in tally.failures { Terminal.note("casectl: \(failure)") }
                throw ExitCode(ExitStatus.someFailed.rawValue)
            }
        }
    }
}

extension CaseClientError {
    /// Every contact would fail in the same way: the token is not good for this.
    var isForAll: Bool { code == .unauthenticated || code == .permissionDenied }

    /// Nobody answered, or had no room.
    var isSilence: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .cancelled: true
        case .resourceExhausted: kind == "overloaded"
        default: false
        }
    }
}
