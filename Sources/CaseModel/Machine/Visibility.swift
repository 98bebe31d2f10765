extension CaseMachine {
    /// Whether `actor` may read the case at all; what of it, `redactedForRequester` says.
    ///
    /// A requester sees its own; an agent those of its teams, those it owns and those handed up to one of its
    /// teams; an AI agent those of its queues; a reviewer those of its teams; a supervisor all. Who manages
    /// the cluster sees none. The system and the channels see all: they decide, and show nobody.
    public static func maySee(_ actor: Actor, _ record: CaseRecord) -> Bool {
        switch actor.role {
        case .requester: actor.answers(to: record.requester.principal)
        case .agent:
            actor.teams.contains(record.team) || record.owner == actor.id
                || record.escalation.map { isHandedUp($0, toTeamOf: actor) } ?? false
        case .reviewer: actor.teams.contains(record.team)
        case .aiAgent: actor.queues.contains(record.queue)
        case .supervisor, .system, .intake: true
        case .admin: false
        }
    }

    private static func isHandedUp(_ escalation: Escalation, toTeamOf actor: Actor) -> Bool {
        guard case .team(let team) = escalation.target else { return false }
        return actor.teams.contains(team)
    }

    /// Why somebody who may not see a case gets nothing. A requester doesn't even learn that it exists;
    /// staff learn whose it is, so that they can ask there.
    static func blindness(
        of actor: Actor,
        to record: CaseRecord,
        _ action: ActionName
    ) -> CaseRefusal {
        switch actor.role {
        case .agent, .aiAgent, .reviewer: .wrongTeam(team: record.team)
        case .requester, .supervisor, .system, .intake: .notFound
        case .admin: .wrongRole(action: action, role: .admin)
        }
    }
}
