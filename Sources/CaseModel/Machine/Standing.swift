import ClusterPrimitives

/// How an actor stands to a case: what the table's rows ask for. One actor may stand in several ways.
public struct Standing: OptionSet, Hashable, Sendable {
    /// One bit each.
    public let rawValue: UInt16
    /// Wraps bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// R: who asked.
    public static let requester = Standing(rawValue: 1 << 0)
    /// A: a human agent of the case's team (or its owner from another team).
    public static let teamAgent = Standing(rawValue: 1 << 1)
    /// O: the owner, an agent or a supervisor.
    public static let owner = Standing(rawValue: 1 << 2)
    /// AIO: the owner, an AI agent.
    public static let aiOwner = Standing(rawValue: 1 << 3)
    /// S: any supervisor.
    public static let supervisor = Standing(rawValue: 1 << 4)
    /// AI: any AI agent of the queue.
    public static let aiAgent = Standing(rawValue: 1 << 5)
    /// An AI agent of the queue where a human owns: what it says goes to the human.
    public static let aiAdviser = Standing(rawValue: 1 << 6)
    /// SYS: timers, rules, dispatcher.
    public static let system = Standing(rawValue: 1 << 7)
    /// A channel that speaks for nobody known here: a third party.
    public static let intake = Standing(rawValue: 1 << 8)
    /// A channel that brings the answer of the party that the case waits for.
    public static let awaitedParty = Standing(rawValue: 1 << 9)

    /// What somebody in this role can ever be to a case.
    static func possible(for role: Role) -> Standing {
        switch role {
        case .requester: .requester
        case .agent: [.teamAgent, .owner]
        case .supervisor: [.supervisor, .owner]
        case .aiAgent: [.aiAgent, .aiOwner, .aiAdviser]
        case .system: .system
        case .intake: [.intake, .awaitedParty]
        case .reviewer, .admin: []
        }
    }

    /// What `actor`, who may see the case, is to it.
    static func of(_ actor: Actor, in record: CaseRecord, saying action: CaseAction) -> Standing {
        let owns = record.owner == actor.id
        switch actor.role {
        case .requester: return .requester
        case .agent: return owns ? [.teamAgent, .owner] : .teamAgent
        case .supervisor: return owns ? [.supervisor, .owner] : .supervisor
        case .aiAgent:
            if owns { return [.aiAgent, .aiOwner] }
            let humanOwns = record.owner != nil && record.ownerRole != .aiAgent
            return humanOwns ? [.aiAgent, .aiAdviser] : .aiAgent
        case .system: return .system
        case .intake:
            return isAwaited(action, in: record) ? [.intake, .awaitedParty] : .intake
        case .reviewer, .admin: return []
        }
    }

    /// What `actor` is to a case that doesn't exist yet.
    static func of(_ actor: Actor, creating new: NewCase) throws(CaseRefusal) -> Standing {
        switch actor.role {
        case .requester:
            guard actor.answers(to: new.requester.principal) else { throw .notRequester }
            return .requester
        case .agent:
            guard actor.teams.contains(new.queue.team) else {
                throw .wrongTeam(team: new.queue.team)
            }
            return .teamAgent
        case .aiAgent:
            guard actor.queues.contains(new.queue.id) else {
                throw .wrongTeam(team: new.queue.team)
            }
            return .aiAgent
        case .supervisor: return .supervisor
        case .intake: return .intake
        case .system, .reviewer, .admin: return []
        }
    }

    /// Brings the answer of whom the case waits for: the same address, however it is written around.
    private static func isAwaited(_ action: CaseAction, in record: CaseRecord) -> Bool {
        guard case .comment(let message) = action,
            case .external(let party, _) = record.pendingReason
        else { return false }
        let awaited = bareAddress(party)
        return !awaited.isEmpty && awaited == bareAddress(message.from)
    }

    /// `Support <Help@Example.com>` and `mailto:help@example.com` to `help@example.com`, as bytes.
    private static func bareAddress(_ text: String) -> [UInt8] {
        var bytes = text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if let end = bytes.lastIndex(of: UInt8(ascii: ">")),
            let start = bytes[..<end].lastIndex(of: UInt8(ascii: "<"))
        {
            bytes = Array(bytes[(start + 1)..<end])
        }
        bytes.removeAll { $0 == 0x20 || (0x09...0x0D).contains($0) }
        for scheme in ["mailto:", "tel:"] where bytes.starts(with: scheme.utf8) {
            bytes.removeFirst(scheme.utf8.count)
        }
        return bytes
    }
}

extension Actor {
    /// Is known by this name: its own, or a verified address or number.
    func answers(to principal: PrincipalID) -> Bool {
        !principal.rawValue.isEmpty && (id == principal || aliases.contains(principal))
    }
}
