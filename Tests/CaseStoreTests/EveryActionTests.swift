import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// Every kind of action once through the real file, each with its row, history, audit entry and feed item.
@Suite struct EveryActionTests {
    @Test func everyActionLeavesItsRows() throws {
        let fixture = try ShardFixture()
        var seen: Set<ActionName> = []
        var ids: [CaseID] = []

        func run(_ actor: Actor, _ action: CaseAction, on id: CaseID? = nil) throws -> CaseID {
            fixture.log.now = fixture.log.now + .seconds(1)
            let receipt = try fixture.succeed(actor, action, on: id)
            if id == nil { ids.append(receipt.id) }
            let audit = try fixture.store.read { reader throws(StoreError) in
                try reader.audit(of: receipt.id)
            }
            #expect(audit.last?.action == action.name)
            #expect(audit.last?.version == receipt.version)
            #expect(audit.count == Int(receipt.version))
            #expect(try fixture.record(receipt.id).status == receipt.status)
            seen.insert(action.name)
            return receipt.id
        }

        try walkLiveActions(run)
        try walkEnds(fixture, run)
        let byCoordinator: Set<ActionName> = [.closeByTimer, .archive, .release]
        #expect(seen.union(byCoordinator) == Set(ActionName.allCases))
        for id in ids {
            let verdict = try fixture.store.read { reader throws(StoreError) in
                try reader.verify(id)
            }
            guard case .intact = verdict else {
                Issue.record("\(id): \(String(describing: verdict))")
                continue
            }
        }
        let total = fixture.store.state.counts.reduce(0, +)
        #expect(total == UInt64(ids.count))
        let feed = try fixture.store.read { reader throws(StoreError) in
            try reader.feed(after: 0, limit: 1_000)
        }
        guard case .items(let items) = feed else {
            Issue.record("\(feed)")
            return
        }
        #expect(items.count == fixture.log.entries.count)
    }

    private typealias Run = (Actor, CaseAction, CaseID?) throws -> CaseID

    private func walkLiveActions(_ run: Run) throws {
        let anna = People.anna
        let call = CaseMessage(text: "Out of office.", interaction: Interaction(channel: .email))
        let one = try run(People.kim, newCase(), nil)
        _ = try run(People.mail, .automaticReply(call), one)
        _ = try run(People.system, .assign(People.facts(anna)), one)
        _ = try run(anna, .decline(reason: "lunch"), one)
        _ = try run(People.boss, .assign(People.facts(anna)), one)
        _ = try run(anna, .accept, one)
        _ = try run(anna, .note("old lamp"), one)
        _ = try run(anna, .addTag("lamp"), one)
        _ = try run(anna, .removeTag("lamp"), one)
        _ = try run(anna, .update(FieldUpdate(title: "Lamp", priority: .high)), one)
        _ = try run(
            anna,
            .attachInteraction(
                Interaction(channel: .call, externalKey: "c1", raw: [7]),
                text: "rec"
            ),
            one
        )
        _ = try run(anna, .park(reason: "stock", until: nil), one)
        _ = try run(anna, .waitForExternal(party: "depot", reason: "part"), one)
        _ = try run(anna, .resume, one)
        _ = try run(anna, .requestInfo(question: "Which socket?"), one)
        _ = try run(People.kim, .comment(CaseMessage(text: "E27")), one)
        _ = try run(anna, .proposeSolution(note: "new bulb", message: "Try a new bulb."), one)
        _ = try run(People.kim, .rejectSolution(reason: "still dark"), one)
        _ = try run(anna, .proposeSolution(note: "new lamp", message: "A new lamp comes."), one)
        _ = try run(People.boss, .reopen(reason: "wrong lamp"), one)
        _ = try run(anna, .transferToAgent(People.facts(People.bo), reason: "shift"), one)
        _ = try run(People.boss, .reassign(People.facts(anna), reason: "asked"), one)
        _ = try run(anna, .accept, one)
        _ = try run(
            anna,
            .escalate(reason: "angry", target: .supervisor, summary: "lamp"),
            one
        )
        _ = try run(People.boss, .transferToQueue(People.queue, reason: "calm"), one)
        _ = try run(
            People.system,
            .escalateByRule(rule: "urgent", target: .queue(People.queue.id)),
            one
        )
        _ = try run(anna, .assignToMe, one)
        let two = try run(anna, newCase("On a call", asOwner: true), nil)
        _ = try run(anna, .link(CaseLink(kind: .relatedTo, other: two)), one)
    }

    private func walkEnds(_ fixture: ShardFixture, _ run: Run) throws {
        let anna = People.anna
        let one = try run(anna, newCase("Ends well", asOwner: true), nil)
        _ = try run(anna, .proposeSolution(note: "n", message: "m"), one)
        _ = try run(People.kim, .acceptSolution, one)
        _ = try run(People.kim, .submitSurvey(Survey(rating: 5, text: "good")), one)
        let two = try run(People.kim, newCase("Closed by hand"), nil)
        _ = try run(anna, .close(notes: "twice"), two)
        let three = try run(People.kim, newCase("A mistake"), nil)
        _ = try run(anna, .delete(reason: "spam"), three)
        #expect(try fixture.record(three).status == .deleted)
    }
}
