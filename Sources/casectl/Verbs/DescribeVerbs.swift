import ArgumentParser
import CaseClient

/// `case update`.
struct UpdateCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change fields; what is not given stays.",
        discussion: """
            EXAMPLES
              casectl case update 0H5K2N8QT40V7 --title "Door stuck, floor 3" --priority high
              casectl case update 0H5K2N8QT40V7 --field floor=3 --field colour=
            """
    )

    @Option(help: "The title.")
    var title: String?

    @Option(help: "The requester's name.")
    var requesterName: String?

    @Option(help: "The requester's mail address.")
    var requesterAddress: String?

    @Option(help: "The requester's number, as +46701234567.")
    var requesterPhone: String?

    @Option(help: "low, normal, high or urgent; staff only.", transform: CasePriority.parse)
    var priority: CasePriority = .unspecified

    @Option(
        help: "A custom field, as name=value; an empty value removes it. Repeatable; staff only."
    )
    var field: [String] = []

    @OptionGroup var target: VerbOptions

    func validate() throws {
        let texts = [title, requesterName, requesterAddress, requesterPhone]
        guard texts.contains(where: { $0 != nil }) || priority != .unspecified || !field.isEmpty
        else { throw ValidationError("say what to change: --title, --priority, --field …") }
    }

    func action() throws -> CaseAction {
        var update = CaseUpdate()
        if let title { update.title = title }
        if let requesterName { update.requesterName = requesterName }
        if let requesterAddress { update.requesterAddress = requesterAddress }
        if let requesterPhone { update.requesterPhone = requesterPhone }
        update.priority = priority
        update.fields = try field.map { try NamedValues.read($0, option: "--field") }
        return .update(update)
    }
}

/// `case tag`.
struct TagCommand: CaseVerb {
    static let configuration = CommandConfiguration(commandName: "tag", abstract: "Add a tag.")

    @Option(help: "The tag.")
    var tag: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .addTag(tag) }
}

/// `case untag`.
struct UntagCommand: CaseVerb {
    static let configuration = CommandConfiguration(commandName: "untag", abstract: "Remove a tag.")

    @Option(help: "The tag.")
    var tag: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .removeTag(tag) }
}

/// `case link`.
struct LinkCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "link",
        abstract: "Point at another case."
    )

    @Option(help: "The other case's id.")
    var to: String

    @Option(help: "related-to or follow-up-of.", transform: CaseLinkKind.parse)
    var kind: CaseLinkKind = .relatedTo

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .link(kind, to: to) }
}
