import CaseModel
import ClusterPrimitives
import CoordinatorCore

/// What clients say: the actions that move a case through its life, by whoever may, and now and then by
/// whoever may not.
enum Conversation {
    private static let team = TeamID("default")
    private static let queue = QueueFacts(id: QueueID("default"), team: team)
    private static let agents = [PrincipalID("anna"), leaver.id].map {
        Actor(id: $0, role: .agent, teams: [team])
    }
    /// The agent who may leave the directory.
    static let leaver = DirectoryEntry(
        id: PrincipalID("bo"),
        role: .agent,
        teams: [team],
        caseMaximum: 5
    )
    private static let requester = Actor(
        id: PrincipalID("mailto:kim@example.org"),
        role: .requester
    )
    private static let supervisor = Actor(id: PrincipalID("boss"), role: .supervisor, teams: [team])

    /// A new case.
    static func creation(words: String, _ world: World) -> CaseCommand {
        let new = NewCase(
            title: words,
            requester: Requester(principal: requester.id, name: "Kim"),
            channel: .email,
            firstMessage: CaseMessage(text: words),
            queue: queue
        )
        return make(requester, nil, .create(new), world)
    }

    /// Something about a case.
    static func command(on id: CaseID, words: String, _ world: World) -> CaseCommand {
        let agent = world.pick(agents)
        let action: CaseAction
        var actor = world.chance(60) ? supervisor : agent
        switch world.draw(0...99) {
        case 0..<18:
            actor = requester
            action = .comment(CaseMessage(text: words))
        case 18..<26: action = .comment(CaseMessage(text: words))
        case 26..<34: action = .note(words)
        case 34..<50:
            actor = agent
            action = .assignToMe
        case 50..<68: action = .proposeSolution(note: "n", message: "m")
        case 68..<72:
            actor = requester
            action = .rejectSolution(reason: "no")
        case 72..<75: action = .reopen(reason: "again")
        case 75..<79: action = .close(notes: "done")
        case 79..<87: action = .update(FieldUpdate(title: words))
        case 87..<94:
            let later = TimeSpan(milliseconds: world.draw(200...6_000))
            action = .park(reason: "stock", until: world.latestTime + later)
        case 94..<96: action = .resume
        case 96..<97:
            actor = supervisor
            action = .delete(reason: "asked for")
        default: action = .addTag("tag-\(world.draw(0...5))")
        }
        var command = make(actor, id, action, world)
        if world.chance(15) { command.expectedVersion = UInt64(world.draw(1...12)) }
        return command
    }

    private static func make(
        _ actor: Actor,
        _ id: CaseID?,
        _ action: CaseAction,
        _ world: World
    ) -> CaseCommand {
        CaseCommand(
            actor: actor,
            target: id,
            action: action,
            salt: (0..<CaseLimits.saltBytes).map { _ in UInt8(world.draw(0...255)) },
            reopenWindow: world.options.reopenWindow
        )
    }
}
