import CaseModel
import ClusterPrimitives
import Testing

/// Goal: the rules that hold at every moment hold through any life of a case.
/// Method: random commands by everybody, some right and most wrong; after each one a naive model checks.
@Suite struct LifePropertyTests {
    @Test(arguments: UInt64(1)...96)
    func rulesHoldThroughAnyLife(seed: UInt64) {
        var life = Life(seed: seed)
        life.run(commands: 400)
        #expect(life.faults.isEmpty, "SIM_SEED=\(seed): \(life.faults)")
        #expect(
            life.accepted > 10,
            "SIM_SEED=\(seed): a life in which nothing happens proves nothing"
        )
    }

    /// Random commands must reach every status and every action, or the rules above were not tried.
    @Test func livesReachEverything() {
        var actions: Set<ActionName> = []
        var statuses: Set<CaseStatus> = []
        for seed in UInt64(1)...96 {
            var life = Life(seed: seed)
            life.run(commands: 400)
            actions.formUnion(life.actions)
            statuses.formUnion(life.statuses)
        }
        #expect(
            actions == Set(ActionName.allCases),
            "\(Set(ActionName.allCases).subtracting(actions))"
        )
        #expect(statuses == Set(CaseStatus.allCases))
    }
}

/// One case at a time, and what must be true of it.
private struct Life {
    /// Stands in every text by staff for staff. A requester must never see it.
    static let secret = "s3cr3t"

    var values: RandomValues
    var now = Fixture.now
    var record: CaseRecord?
    var nextID = Fixture.id
    var chain: [AuditEntry] = []
    var contents: [UInt64: AuditContent] = [:]
    /// The naive model: when the close is due, by the resolve that stands.
    var closeDue: Timestamp?
    var ownerGone = false
    /// Whoever would own the case next was removed.
    var candidateGone = false

    var faults: [String] = []
    var accepted = 0
    var actions: Set<ActionName> = []
    var statuses: Set<CaseStatus> = []

    init(seed: UInt64) { values = RandomValues(seed: seed) }

    mutating func run(commands: Int) {
        for _ in 0..<commands where faults.isEmpty {
            now = now + TimeSpan(milliseconds: Int64(values.below(36_000_000)))
            if record == nil || record?.status == .deleted || values.below(90) == 0 { startAnew() }
            ownerGone = values.below(8) == 0
            candidateGone = values.below(8) == 0
            let who = values.pick(Fixture.Who.allCases)
            var command = Fixture.command(randomAction(by: who), by: who)
            command.target = record?.id
            command.salt = values.bytes(CaseLimits.saltBytes)
            command.reopenWindow = values.pick([.days(7), .days(1), .seconds(10)])
            if values.below(4) == 0 { command.queuesWhereCommentPends = [Fixture.queue.id] }
            if values.below(3) == 0 {
                let version = record?.version ?? 0
                command.expectedVersion = values.flag() ? version : version + 1
            }
            carryOut(command)
        }
        checkChain()
    }

    private mutating func startAnew() {
        checkChain()
        record = nil
        chain = []
        contents = [:]
        closeDue = nil
        ownerGone = false
        candidateGone = false
        nextID = CaseID.next(after: nextID, at: now, in: ShardID(3))
        let who = values.pick([Fixture.Who.requester, .agent, .supervisor, .ai, .thirdParty])
        var new = Fixture.newCase(
            asOwner: [.agent, .supervisor, .ai].contains(who) && values.flag()
        )
        new.tags = ["\(Self.secret)-tag"]
        new.fields = [NamedValue("risk", Self.secret)]
        new.links = [CaseLink(kind: .relatedTo, other: Fixture.otherID)]
        carryOut(Fixture.command(.create(new), by: who))
    }

    private mutating func carryOut(_ command: CaseCommand) {
        let before = record
        let result = CaseMachine.step(
            before,
            command,
            at: now,
            facts: facts(before),
            newID: nextID
        )
        switch result {
        case .failure: return  // The record is a value: a refusal can't have changed it.
        case .success(let step):
            accepted += 1
            actions.insert(command.action.name)
            statuses.insert(step.record.status)
            record = step.record
            chain.append(step.audit)
            contents[step.audit.version] = AuditContent(salt: command.salt, events: step.events)
            check(step, after: before, command)
        }
    }

    private func facts(_ before: CaseRecord?) -> ShardFacts {
        ShardFacts(
            ownerIsGone: ownerGone && before?.owner != nil,
            candidateIsGone: candidateGone
        )
    }

    private mutating func demand(_ holds: Bool, _ rule: String, _ step: CaseStep) {
        if !holds { faults.append("\(rule) after \(step.audit.action) at \(step.record.status)") }
    }

    private mutating func check(_ step: CaseStep, after before: CaseRecord?, _ command: CaseCommand)
    {
        let record = step.record
        let action = command.action.name
        let role = command.actor.role
        // 1: one owner or none, by status.
        demand(!record.status.hasOwner || record.owner != nil, "owner missing", step)
        let mustBeFree = record.status == .new || record.status == .escalated
        demand(!mustBeFree || record.owner == nil, "an owner in a queue", step)
        // Counting.
        demand(record.version == (before?.version ?? 0) + 1, "version", step)
        let entries = (before?.entryCount ?? 0) + UInt64(step.events.count)
        demand(record.entryCount == entries && !step.events.isEmpty, "entries", step)
        let changedOwner = record.owner != before?.owner
        let bumped = record.ownershipVersion != before?.ownershipVersion ?? 0
        demand(!changedOwner || bumped, "ownership version", step)
        let isGiven = changedOwner && record.owner != nil
        demand(!isGiven || !candidateGone, "an owner who is gone", step)
        // 3: the clock of the resolve that stands.
        if record.status == .resolved, before?.status != .resolved {
            closeDue = now + command.reopenWindow
        } else if record.status != .resolved {
            closeDue = nil
        }
        demand(record.status != .resolved || record.dueAt == closeDue, "the 7 days", step)
        // 4: never early.
        if action == .closeByTimer {
            demand((before?.dueAt ?? .distantFuture) <= now, "early", step)
        }
        if action == .archive, case .archive(let boundary) = command.action {
            let closedAt = before?.closedAt ?? .distantFuture
            demand(closedAt < boundary && boundary <= now, "early", step)
        }
        // 7: decided on this version.
        if let expected = command.expectedVersion, role.isStaff {
            demand(expected == before?.version, "stale", step)
        }
        // 9: nobody acts on what they may not see.
        if let before { demand(CaseMachine.maySee(command.actor, before), "unseen", step) }
        // 11: after the end.
        let afterEnd: Set<ActionName> = [.archive, .submitSurvey, .link, .delete]
        if before?.status == .closed || before?.status == .archived {
            demand(afterEnd.contains(action), "a change after the end", step)
        }
        demand(before?.status != .deleted, "a change of a tombstone", step)
        // Human final say.
        let ends: Set<CaseStatus> = [.resolved, .closed, .deleted]
        if role == .aiAgent, before?.status != record.status {
            demand(!ends.contains(record.status), "an AI agent's last word", step)
        }
        // 8: nothing of staff's reaches the requester.
        checkSilence(step)
        checkDetermined(step, before, command)
    }

    private mutating func checkSilence(_ step: CaseStep) {
        let marker = Array(Self.secret.utf8)
        func leaks(_ bytes: [UInt8]) -> Bool {
            bytes.indices.contains { bytes[$0...].starts(with: marker) }
        }
        demand(!leaks(step.record.redactedForRequester().encodedBytes), "the record tells", step)
        for event in step.events {
            guard let shown = event.redactedForRequester() else { continue }
            demand(!leaks(shown.encodedBytes), "\(event.kind) tells", step)
            demand(!leaks(Array(shown.searchText.utf8)), "search in \(event.kind) tells", step)
        }
    }

    /// The same on every replica: what went through the log decides the same.
    private mutating func checkDetermined(
        _ step: CaseStep,
        _ before: CaseRecord?,
        _ command: CaseCommand
    ) {
        do {
            let again = CaseMachine.step(
                try before.map { try CaseRecord(decoding: $0.encodedBytes) },
                try CaseCommand(decoding: command.encodedBytes),
                at: now,
                facts: facts(before),
                newID: nextID
            )
            demand(again == .success(step), "not determined", step)
        } catch {
            demand(false, "\(error)", step)
        }
    }

    /// 10: one entry a command, a chain that verifies, and still does without its contents.
    private mutating func checkChain() {
        guard let record else { return }
        let whole = AuditVerdict.intact(head: record.auditHead, checkedContents: chain.count)
        let found = AuditChain.verify(chain, head: record.auditHead) { contents[$0.version] }
        if found != whole || UInt64(chain.count) != record.version { faults.append("\(found)") }
        let erased = AuditVerdict.intact(head: record.auditHead, checkedContents: 0)
        let after = AuditChain.verify(chain, head: record.auditHead)
        if after != erased { faults.append("erased: \(after)") }
    }

    /// Mostly what the fixture sends, with the secret in whatever staff write for staff.
    private mutating func randomAction(by who: Fixture.Who) -> CaseAction {
        let secret = Self.secret
        let names = ActionName.allCases.filter { $0 != .create && $0 != .createAsOwner }
        // Ends are drawn less often, so that lives get long.
        var name = values.pick(names)
        if [.close, .delete].contains(name), values.below(4) > 0 { name = .comment }
        let byStaff = Fixture.Who.staff.contains(who)
        switch name {
        case .automaticReply: return .automaticReply(CaseMessage(text: secret))
        case .note: return .note(secret)
        case .decline: return .decline(reason: secret)
        case .escalate:
            let target = values.pick([
                EscalationTarget.supervisor, .queue(Fixture.queue.id), .team(Fixture.billing),
            ])
            return .escalate(reason: secret, target: target, summary: secret)
        case .escalateByRule: return .escalateByRule(rule: secret, target: .supervisor)
        case .park:
            let soon = now + TimeSpan(milliseconds: Int64(1 + values.below(36_000_000)))
            return .park(reason: secret, until: values.flag() ? soon : nil)
        case .waitForExternal: return .waitForExternal(party: Fixture.carrier, reason: secret)
        case .proposeSolution:
            // What an AI agent would send is for a human to judge: then the message is inside as well.
            let message = who.actor.role == .aiAgent ? secret : "Change the fuse."
            return .proposeSolution(note: secret, message: message)
        case .reopen: return .reopen(reason: secret)
        case .close: return .close(notes: byStaff ? secret : "")
        case .transferToQueue:
            let queue = values.below(4) == 0 ? Fixture.otherQueue : Fixture.queue
            return .transferToQueue(queue, reason: secret)
        case .transferToAgent, .reassign, .assign:
            let target = values.pick([Fixture.Who.agent, .owner, .ownerSupervisor]).actor
            let agent = AgentFacts(id: target.id, role: target.role, teams: target.teams)
            if name == .assign { return .assign(agent) }
            return name == .reassign
                ? .reassign(agent, reason: secret) : .transferToAgent(agent, reason: secret)
        case .release: return .release(note: secret)
        case .delete: return .delete(reason: byStaff ? secret : "")
        case .update:
            guard byStaff else {
                return .update(FieldUpdate(title: values.pick(["Lamp", "Fuse"])))
            }
            let risk = "\(secret)\(values.below(3))"
            return .update(FieldUpdate(fields: [NamedValue("risk", risk)]))
        case .addTag: return .addTag("\(secret)\(values.below(3))")
        case .removeTag: return .removeTag("\(secret)\(values.below(3))")
        case .link:
            let other = CaseID.next(after: nextID, at: now, in: ShardID(UInt16(values.below(8))))
            return .link(CaseLink(kind: byStaff ? .relatedTo : .followedUpBy, other: other))
        case .attachInteraction:
            let info = [NamedValue("recording", secret)]
            return .attachInteraction(Interaction(channel: .call, info: info), text: secret)
        case .comment where who == .thirdParty || who == .awaitedParty:
            let from = who == .awaitedParty ? Fixture.carrier : "who@example.net"
            return .comment(CaseMessage(text: secret, from: from))
        case .comment where who == .ai || who == .otherAI:
            return .comment(CaseMessage(text: "Have you tried the fuse?"))
        case .closeByTimer: return .closeByTimer(asOf: now)
        case .archive: return .archive(boundary: now)
        default: return Fixture.action(name, by: who)
        }
    }
}
