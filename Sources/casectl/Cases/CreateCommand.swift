import ArgumentParser
import CaseClient

/// `case create`.
struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a case.",
        discussion: """
            EXAMPLES
              casectl case create --message "The door is stuck" --requester-name "Eva Lind"
              casectl case create --message - --as-owner --channel call --requester-name "Eva"
              casectl case create --message "Again" --link follow-up-of:0H5K2N8QT40V7
            """
    )

    @Option(help: "What was said first, or - for standard input.")
    var message: String

    @Option(help: "What it is about; without one a default title is given.")
    var title: String = ""

    @Option(help: "The requester as a directory entry, mailto:…, tel:… or visitor:…")
    var requester: String = ""

    @Option(help: "The requester's name.")
    var requesterName: String = ""

    @Option(help: "The requester's mail address.")
    var requesterAddress: String = ""

    @Option(help: "The requester's number, as +46701234567.")
    var requesterPhone: String = ""

    @Option(help: "How it came in: email, chat, call or api.", transform: CaseChannel.parse)
    var channel: CaseChannel = .unspecified

    @Option(help: "A fact of the channel, as number=+468123456. Repeatable.")
    var channelInfo: [String] = []

    @Option(help: "Where it shall wait; the default queue without one.")
    var queue: String = ""

    @Option(help: "low, normal, high or urgent.", transform: CasePriority.parse)
    var priority: CasePriority = .unspecified

    @Option(help: "A tag. Repeatable.")
    var tag: [String] = []

    @Option(help: "A custom field, as name=value. Repeatable.")
    var field: [String] = []

    @Option(help: "A link, as follow-up-of:ID or related-to:ID. Repeatable.")
    var link: [String] = []

    @Flag(help: "Own it and start at once: an agent on a call, an AI agent.")
    var asOwner = false

    @OptionGroup var keyOption: KeyOption
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let facts = try channelInfo.map { try NamedValues.read($0, option: "--channel-info") }
        let fields = try field.map { try NamedValues.read($0, option: "--field") }
        let links = try link.map(Self.readLink)
        try await Session.run(global, key: keyOption.key) { session in
            let text = try Texts.read(message)
            var new = NewCase()
            new.message = text
            new.title = title
            new.channel = channel
            new.channelInfo = facts
            new.queue = queue
            new.priority = priority
            new.tags = tag
            new.fields = fields
            new.links = links
            new.asOwner = asOwner
            let who = CaseRequester.with {
                $0.principal = requester
                $0.name = requesterName
                $0.address = requesterAddress
                $0.phone = requesterPhone
            }
            if who != CaseRequester() { new.requester = who }
            try session.show(try await session.client.create(new, options: session.call))
        }
    }

    static func readLink(_ text: String) throws -> CaseLink {
        guard let colon = text.firstIndex(of: ":") else {
            throw ValidationError("--link: '\(text)' is not kind:ID, as follow-up-of:0H5K2N8QT40V7")
        }
        let kind = try CaseLinkKind.parse(String(text[..<colon]))
        return CaseLink.with {
            $0.kind = kind
            $0.caseID = String(text[text.index(after: colon)...])
        }
    }
}

/// `name=value` options.
enum NamedValues {
    static func read(_ text: String, option: String) throws -> CaseNamedValue {
        let pair = try Texts.pair(text, option: option)
        return CaseNamedValue.with {
            $0.name = pair.name
            $0.value = pair.value
        }
    }
}
