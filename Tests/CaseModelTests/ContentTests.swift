import CaseModel
import ClusterPrimitives
import Testing

/// Events as a store keeps them: raw messages apart, words for search, and who may read what.
@Suite struct ContentTests {
    @Test(arguments: UInt64(1)...32)
    func aRawMessageComesApartAndTogether(seed: UInt64) {
        var values = RandomValues(seed: seed)
        for _ in 0..<50 {
            let event = values.event()
            let (rest, raw) = event.separatingRaw()
            #expect(rest.raw.isEmpty, "SIM_SEED=\(seed)")
            #expect((raw == nil) == event.raw.isEmpty, "SIM_SEED=\(seed)")
            #expect(rest.joiningRaw(raw) == event, "SIM_SEED=\(seed)")
        }
    }

    @Test(arguments: UInt64(1)...32)
    func redactionIsFinal(seed: UInt64) {
        var values = RandomValues(seed: seed)
        for _ in 0..<50 {
            let event = values.event()
            let shown = event.redactedForRequester()
            #expect(event.isStaffOnly == (shown == nil))
            #expect(shown?.redactedForRequester() == shown, "SIM_SEED=\(seed)")
            #expect(shown?.kind ?? event.kind == event.kind)
            let record = values.record().redactedForRequester()
            #expect(record.redactedForRequester() == record, "SIM_SEED=\(seed)")
        }
    }

    @Test func entryKindsAreStored() {
        #expect(EntryKind.allCases.map(\.rawValue) == Array(1...13))
        #expect(CaseEvent.reopened.kind == .statusChange)
        #expect(CaseEvent.noteAdded(text: "", interaction: nil).kind == .note)
    }

    @Test func searchReadsTheWords() {
        #expect(CaseEvent.created(Fixture.newCase()).searchText == "Broken lamp\nIt is dark.\nAnna")
        let handed = Escalation(by: PrincipalID("olle"), reason: "hard", target: .supervisor)
        #expect(CaseEvent.escalated(handed).searchText == "hard")
        #expect(CaseEvent.reopened.searchText.isEmpty)
    }

    @Test func whoSeesWhat() {
        let open = Fixture.record(.open)
        let seers: [Fixture.Who] = [
            .requester, .agent, .owner, .supervisor, .ownerSupervisor, .ai, .otherAI, .ownerAI,
            .reviewer, .system, .thirdParty, .awaitedParty,
        ]
        for who in Fixture.Who.allCases {
            #expect(CaseMachine.maySee(who.actor, open) == seers.contains(who), "\(who)")
        }
        var lent = open
        lent.team = Fixture.billing
        #expect(CaseMachine.maySee(Fixture.Who.owner.actor, lent), "an agent sees what it owns")
        #expect(!CaseMachine.maySee(Fixture.Who.agent.actor, lent))
        #expect(!CaseMachine.maySee(Fixture.Who.requester.actor, Fixture.record(.deleted)))
        var nobody = Fixture.Who.requester.actor
        nobody.id = PrincipalID("")
        #expect(!CaseMachine.maySee(nobody, Fixture.record(.deleted)), "a tombstone is nobody's")
    }

    @Test func namesAreEqualByTheirBytes() {
        #expect("e\u{301}" == "\u{e9}")
        #expect(PrincipalID("e\u{301}") != PrincipalID("\u{e9}"))
        #expect(TeamID("e\u{301}") != TeamID("\u{e9}"))
        #expect(QueueID("e\u{301}") != QueueID("\u{e9}"))
    }
}
