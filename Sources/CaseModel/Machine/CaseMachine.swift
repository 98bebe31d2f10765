import ClusterPrimitives

/// The case's rules as a function. Pure and total: the same record, command and time decide the same on
/// every replica, and nothing that a command carries can trap here.
///
/// The order of the checks, so that a refusal is the same everywhere and gives away no more than it should:
/// 1. the command's frame: who, and the salt;
/// 2. the case exists (`notFound`), and this actor may see it (a requester: `notFound`; staff: `wrongTeam`);
/// 3. the action is ever open to the role (`wrongRole`);
/// 4. staff decided on the current version (`staleVersion`), before any answer that a newer version explains;
/// 5. the status has a row for the action and the role (`wrongStatus`);
/// 6. the actor stands to the case as a row asks (`notOwner`);
/// 7. sizes and contents (`tooLong`, `missing`, `invalid`), then the row's guards in their order;
/// 8. who would own it afterwards is still there (`unsuitableAgent`).
public enum CaseMachine {
    /// What `command` does to the case, or why not.
    ///
    /// - Parameters:
    ///   - record: the case; nil where there is none of the command's target, and for a create.
    ///   - command: who wants what.
    ///   - at: the command's stamped time; never before the record's last change.
    ///   - facts: what the shard knows besides.
    ///   - newID: the id that a create gives its case.
    /// - Returns: at least one event, for `CaseRecord.applying`; or the refusal.
    public static func decide(
        _ record: CaseRecord?,
        _ command: CaseCommand,
        at: Timestamp,
        facts: ShardFacts = ShardFacts(),
        newID: CaseID? = nil
    ) -> Result<[CaseEvent], CaseRefusal> {
        do throws(CaseRefusal) {
            try ContentCheck.frame(command)
            if case .create(let new) = command.action {
                guard record == nil else { throw .alreadyDone(action: command.action.name) }
                guard newID != nil else { throw .missing(field: "id") }
                let events = try create(new, command)
                try check(events, facts)
                return .success(events)
            }
            guard let record, command.target == record.id else { throw .notFound }
            let situation = Situation(record: record, command: command, at: at, facts: facts)
            let row = try row(for: situation)
            try ContentCheck.contents(of: command.action, in: record, at: at)
            for rule in row.guards { try situation.check(rule) }
            let events = try situation.events(of: row)
            assert(!events.isEmpty, "an accepted command leaves something")
            try check(events, facts)
            return .success(events)
        } catch {
            return .failure(error)
        }
    }

    /// Nobody becomes an owner who was removed meanwhile: what they own was released, once, and a case that came
    /// to them afterwards would lie there unseen.
    private static func check(_ events: [CaseEvent], _ facts: ShardFacts) throws(CaseRefusal) {
        guard facts.candidateIsGone else { return }
        for case .ownerChanged(_, let owner?, _) in events {
            throw .unsuitableAgent(id: owner, reason: "removed from the directory")
        }
    }

    /// The rows of each action, by its number.
    private static let rows: [[Transition]] = {
        var rows = [[Transition]](repeating: [], count: Int(UInt8.max) + 1)
        for row in table { rows[Int(row.on.rawValue)].append(row) }
        return rows
    }()

    private static func create(
        _ new: NewCase,
        _ command: CaseCommand
    ) throws(CaseRefusal) -> [CaseEvent] {
        let action = command.action.name
        let role = command.actor.role
        guard let row = rows[Int(action.rawValue)].first,
            !row.by.isDisjoint(with: .possible(for: role))
        else { throw .wrongRole(action: action, role: role) }
        let standing = try Standing.of(command.actor, creating: new)
        assert(!row.by.isDisjoint(with: standing), "a creator stands as its role does")
        let checked = try ContentCheck.newCase(new)
        var events: [CaseEvent] = [.created(checked)]
        guard row.effects.contains(.takes), case .status(let status) = row.to else { return events }
        events.append(.ownerChanged(from: nil, to: command.actor.id, role: role))
        events.append(.statusChanged(from: .new, to: status, action: action, reason: ""))
        return events
    }

    private static func row(for situation: Situation) throws(CaseRefusal) -> Transition {
        let record = situation.record
        let actor = situation.command.actor
        let action = situation.command.action.name
        guard maySee(actor, record) else { throw blindness(of: actor, to: record, action) }
        let possible = Standing.possible(for: actor.role)
        let rows = rows[Int(action.rawValue)]
        func isForRole(_ row: Transition) -> Bool { !row.by.isDisjoint(with: possible) }
        func isForStatus(_ row: Transition) -> Bool {
            isForRole(row) && row.from.contains(record.status)
        }
        guard rows.contains(where: isForRole) else {
            throw .wrongRole(action: action, role: actor.role)
        }
        if actor.role.isStaff, let expected = situation.command.expectedVersion,
            expected != record.version
        {
            throw .staleVersion(current: record.version)
        }
        guard rows.contains(where: isForStatus) else {
            throw .wrongStatus(action: action, status: record.status)
        }
        let standing = Standing.of(actor, in: record, saying: situation.command.action)
        guard
            let row = rows.first(where: {
                isForStatus($0) && !$0.by.isDisjoint(with: standing) && situation.holds($0.when)
            })
        else { throw .notOwner(action: action) }
        return row
    }
}
