import ArgumentParser
import CaseClient

/// `agent presence`: who takes cases now.
struct PresenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presence",
        abstract: "Say whether you take cases now; a supervisor may say it of others.",
        discussion: """
            EXAMPLES
              casectl agent presence available
              casectl agent presence away --name anna
            """
    )

    @Argument(help: "available, away or offline.", transform: Presence.parse)
    var presence: Presence

    @Option(help: "Whose, by the name in the directory; your own without it.")
    var name: String?

    @OptionGroup var keyOption: KeyOption
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Session.run(global, key: keyOption.key) { session in
            let version = try await session.client.setPresence(
                presence,
                of: name,
                options: session.call
            )
            try session.show(
                directoryVersion: version,
                "\(name ?? "you") \(name == nil ? "are" : "is") \(presence.label)"
            )
        }
    }
}

extension Presence: Labelled {
    init?(label: String) {
        let found = Self.allCases.first { $0.label == label }
        guard let found, !label.isEmpty else { return nil }
        self = found
    }

    /// Empty for what can't be set.
    var label: String {
        switch self {
        case .available: "available"
        case .away: "away"
        case .offline: "offline"
        case .unspecified, .UNRECOGNIZED: ""
        }
    }
}
