import CaseClient
import CaseModel
import ClusterPrimitives

/// Something that somebody does to a case, as the client says it and as the rules know it.
struct Deed: Sendable {
    let who: String
    let asClient: ClientAction
    let asModel: CaseModel.CaseAction
}

/// Draws deeds of all roles, also of those who may not.
enum LifecycleDraw {
    static let teams = [TeamID(Stage.team)]
    static let queue = QueueFacts(id: QueueID(Stage.queue), team: TeamID(Stage.team))

    /// As a node knows them from the directory.
    static func actor(_ name: String) -> Actor {
        let id = PrincipalID(name)
        if People.requesters.contains(name) {
            return Actor(
                id: id,
                role: .requester,
                aliases: [PrincipalID("mailto:\(name)@example.com")]
            )
        }
        if name == People.robot {
            return Actor(id: id, role: .aiAgent, teams: teams, queues: [queue.id])
        }
        let role: Role = name == People.supervisor ? .supervisor : .agent
        return Actor(id: id, role: role, teams: teams)
    }

    private static func agent(_ name: String) -> AgentFacts {
        AgentFacts(id: PrincipalID(name), role: .agent, teams: teams)
    }

    /// The next one.
    static func deed(words: String, _ random: inout SeededGenerator) -> Deed {
        let agents = People.agents
        let agent = agents[Int.random(in: agents.indices, using: &random)]
        let other = agents[Int.random(in: agents.indices, using: &random)]
        let boss = People.supervisor
        let staff = Int.random(in: 0..<5, using: &random) == 0 ? boss : agent
        let requester = People.requesters[0]
        let mark = Stage.staffMark
        let secret = "\(mark) \(words)"
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12:
            return Deed(who: requester, asClient: .comment(words), asModel: comment(words))
        case 12..<22: return Deed(who: staff, asClient: .comment(words), asModel: comment(words))
        case 22..<30: return Deed(who: staff, asClient: .note(secret), asModel: .note(secret))
        case 30..<33:
            return Deed(who: People.robot, asClient: .note(secret), asModel: .note(secret))
        case 33..<43: return Deed(who: agent, asClient: .assignToMe, asModel: .assignToMe)
        case 43..<48:
            return Deed(
                who: boss,
                asClient: .assign(to: other, reason: mark),
                asModel: .assign(self.agent(other), reason: mark)
            )
        case 48..<54: return Deed(who: agent, asClient: .accept, asModel: .accept)
        case 54..<57:
            return Deed(
                who: agent,
                asClient: .decline(reason: mark),
                asModel: .decline(reason: mark)
            )
        case 57..<61:
            return Deed(
                who: staff,
                asClient: .escalate(to: .supervisor, reason: mark, summary: ""),
                asModel: .escalate(reason: mark, target: .supervisor, summary: "")
            )
        case 61..<65:
            return Deed(
                who: boss,
                asClient: .reassign(to: other, reason: mark),
                asModel: .reassign(self.agent(other), reason: mark)
            )
        case 65..<69:
            return Deed(
                who: staff,
                asClient: .park(reason: mark),
                asModel: .park(reason: mark, until: nil)
            )
        case 69..<73:
            return Deed(
                who: agent,
                asClient: .requestInfo(words),
                asModel: .requestInfo(question: words)
            )
        case 73..<77: return Deed(who: staff, asClient: .resume, asModel: .resume)
        case 77..<86:
            return Deed(
                who: staff,
                asClient: .proposeSolution(note: mark, message: words),
                asModel: .proposeSolution(note: mark, message: words)
            )
        case 86..<90:
            return Deed(
                who: requester,
                asClient: .rejectSolution(reason: words),
                asModel: .rejectSolution(reason: words)
            )
        case 90..<93:
            return Deed(
                who: staff,
                asClient: .reopen(reason: mark),
                asModel: .reopen(reason: mark)
            )
        case 93..<96:
            // Of the other requester: never allowed.
            return Deed(
                who: People.requesters[1],
                asClient: .comment(words),
                asModel: comment(words)
            )
        case 96..<98:
            return Deed(who: staff, asClient: .close(notes: mark), asModel: .close(notes: mark))
        default: return Deed(who: staff, asClient: .addTag("blue"), asModel: .addTag("blue"))
        }
    }

    private static func comment(_ text: String) -> CaseModel.CaseAction {
        .comment(CaseMessage(text: text))
    }
}
