import CaseModel
import ClusterPrimitives

/// A small contact centre: two teams, two queues, and one of everybody.
enum Fixture {
    static let now = Timestamp(millisecondsSince1970: 1_790_000_000_000)
    static let support = TeamID("support")
    static let billing = TeamID("billing")
    static let queue = QueueFacts(id: QueueID("support-mail"), team: support)
    static let otherQueue = QueueFacts(id: QueueID("billing-mail"), team: billing)
    static let requester = PrincipalID("mailto:anna@example.com")
    static let carrier = "help@carrier.example"
    static let salt = [UInt8](repeating: 7, count: CaseLimits.saltBytes)
    static let id = CaseID(tick: 5_000_000, shard: ShardID(3), sequence: 1)
    static let otherID = CaseID(tick: 5_000_001, shard: ShardID(4), sequence: 0)
    static let freeAgent = AgentFacts(id: PrincipalID("frida"), role: .agent, teams: [support])

    /// Those that the golden page names, and those that it says are always refused.
    enum Who: String, CaseIterable {
        case requester = "R"
        case agent = "A"
        case owner = "O"
        case ownerSupervisor = "B"
        case supervisor = "S"
        case ai = "AI"
        case ownerAI = "AIO"
        case otherAI = "AI2"
        case system = "SYS"
        case thirdParty = "IN"
        case awaitedParty = "E"
        case otherRequester
        case otherTeam
        case otherQueueAI
        case reviewer
        case admin

        static let staff: [Who] = [
            .agent, .owner, .ownerSupervisor, .supervisor, .ai, .ownerAI, .otherAI,
        ]

        var actor: Actor {
            let teams = [Fixture.support]
            let queues = [Fixture.queue.id]
            func make(_ name: String, _ role: Role, _ teams: [TeamID] = []) -> Actor {
                Actor(id: PrincipalID(name), role: role, teams: teams, origin: "192.0.2.7")
            }
            func machine(_ name: String, _ queues: [QueueID]) -> Actor {
                Actor(id: PrincipalID(name), role: .aiAgent, queues: queues, origin: "192.0.2.8")
            }
            return switch self {
            case .requester: make(Fixture.requester.rawValue, .requester)
            case .agent: make("anders", .agent, teams)
            case .owner: make("olle", .agent, teams)
            case .ownerSupervisor: make("bea", .supervisor)
            case .supervisor: make("sara", .supervisor)
            case .ai: machine("ai-1", queues)
            case .ownerAI: machine("ai-owner", queues)
            case .otherAI: machine("ai-2", queues)
            case .system: make("system", .system)
            case .thirdParty, .awaitedParty: make("mail", .intake)
            case .otherRequester: make("mailto:eve@example.com", .requester)
            case .otherTeam: make("xerxes", .agent, [Fixture.billing])
            case .otherQueueAI: machine("ai-3", [Fixture.otherQueue.id])
            case .reviewer: make("rita", .reviewer, teams)
            case .admin: make("root", .admin)
            }
        }
    }

    /// Who owns a case, where somebody does.
    enum Owner: CaseIterable {
        case agent
        case supervisor
        case ai

        var who: Who {
            switch self {
            case .agent: .owner
            case .supervisor: .ownerSupervisor
            case .ai: .ownerAI
            }
        }
    }

    /// A case in a status, as the machine would have left it.
    static func record(_ status: CaseStatus, owner: Owner = .agent) -> CaseRecord {
        var record = CaseRecord(
            id: id,
            requester: Requester(principal: requester, name: "Anna", address: "anna@example.com"),
            queue: queue.id,
            team: queue.team,
            at: now + .days(-30)
        )
        record.version = 5
        record.status = status
        record.title = "Broken lamp"
        record.tags = ["lamp"]
        if status.hasOwner || status == .closed || status == .archived {
            record.owner = owner.who.actor.id
            record.ownerRole = owner.who.actor.role
            record.ownershipVersion = 1
        }
        switch status {
        case .escalated:
            record.escalation = Escalation(
                by: PrincipalID("olle"),
                reason: "hard",
                target: .queue(queue.id)
            )
        case .assigned: record.assignedFrom = .new
        case .parked:
            record.parkedReason = "stock"
            record.dueAt = now + .seconds(-1)
        case .pending: record.pendingReason = .external(party: carrier, reason: "parcel")
        case .resolved:
            record.resolvedAt = now + .days(-7)
            record.dueAt = now
        case .closed, .archived:
            record.resolvedAt = now + .days(-3)
            record.closedAt = now + .days(-2)
            if status == .archived { record.archivedAt = now + .days(-1) }
        case .deleted: record.requester = Requester(principal: PrincipalID(""))
        case .new, .open: break
        }
        return record
    }

    /// The action of a name, with all that it must carry, as this actor would send it.
    static func action(_ name: ActionName, by who: Who) -> CaseAction {
        let byStaff = Who.staff.contains(who)
        switch name {
        case .create, .createAsOwner:
            return .create(newCase(asOwner: name == .createAsOwner))
        case .comment:
            let from =
                who == .awaitedParty ? "Carrier <mailto:Help@Carrier.example>" : "who@example.net"
            return .comment(CaseMessage(text: "hello", from: from))
        case .automaticReply: return .automaticReply(CaseMessage(text: "on holiday"))
        case .note: return .note("look here")
        case .assign: return .assign(freeAgent)
        case .accept: return .accept
        case .decline: return .decline(reason: "busy")
        case .assignToMe: return .assignToMe
        case .escalate: return .escalate(reason: "hard", target: .supervisor, summary: "tried all")
        case .escalateByRule: return .escalateByRule(rule: "urgent", target: .supervisor)
        case .park: return .park(reason: "stock", until: now + .days(1))
        case .requestInfo: return .requestInfo(question: "Which lamp?")
        case .waitForExternal: return .waitForExternal(party: carrier, reason: "parcel")
        case .resume: return .resume
        case .proposeSolution: return .proposeSolution(note: "fuse", message: "Change the fuse.")
        case .acceptSolution: return .acceptSolution
        case .rejectSolution: return .rejectSolution(reason: "")
        case .reopen: return .reopen(reason: "wrong fuse")
        case .close: return .close(notes: byStaff ? "done by phone" : "")
        case .transferToQueue: return .transferToQueue(otherQueue, reason: "an invoice")
        case .transferToAgent: return .transferToAgent(freeAgent, reason: "knows lamps")
        case .reassign: return .reassign(freeAgent, reason: "knows lamps")
        case .release: return .release(note: "has left")
        case .delete: return .delete(reason: byStaff ? "asked for" : "")
        case .update: return .update(FieldUpdate(title: "Broken lamp, hall"))
        case .addTag: return .addTag("hall")
        case .removeTag: return .removeTag("lamp")
        case .link:
            return .link(CaseLink(kind: byStaff ? .relatedTo : .followedUpBy, other: otherID))
        case .attachInteraction: return .attachInteraction(Interaction(channel: .call), text: "")
        case .submitSurvey: return .submitSurvey(Survey(rating: 4, text: "quick"))
        case .closeByTimer: return .closeByTimer(asOf: now)
        case .archive: return .archive(boundary: now)
        }
    }

    static func newCase(asOwner: Bool = false) -> NewCase {
        NewCase(
            title: "Broken lamp",
            requester: Requester(principal: requester, name: "Anna"),
            channel: .email,
            firstMessage: CaseMessage(text: "It is dark."),
            queue: queue,
            asOwner: asOwner
        )
    }

    static func command(_ action: CaseAction, by actor: Actor) -> CaseCommand {
        var target: CaseID? = id
        if case .create = action { target = nil }
        return CaseCommand(actor: actor, target: target, action: action, salt: salt)
    }

    static func command(_ action: CaseAction, by who: Who) -> CaseCommand {
        command(action, by: who.actor)
    }

    /// The case after the action, or the refusal.
    static func result(
        _ record: CaseRecord?,
        _ action: CaseAction,
        by who: Who,
        at: Timestamp = now
    ) -> Result<CaseStep, CaseRefusal> {
        CaseMachine.step(record, command(action, by: who), at: at, newID: otherID)
    }
}

extension Result {
    /// The value, if it is one.
    var value: Success? {
        guard case .success(let value) = self else { return nil }
        return value
    }

    /// The failure, if it is one.
    var refusal: Failure? {
        guard case .failure(let failure) = self else { return nil }
        return failure
    }
}
