import CaseModel
import CaseProtocol
import ClusterPrimitives
import Testing

@Suite struct CommandTests {
    private typealias Wire = PBExecuteRequest.OneOf_Action

    private func action(_ action: Wire?) throws(RequestFault) -> CaseAction {
        try PBExecuteRequest.with { $0.action = action }.caseAction(directory: TestDirectory())
    }

    private func field(_ wire: Wire?) -> String? {
        do {
            _ = try action(wire)
            return nil
        } catch { return error.field }
    }

    @Test func everyActionBecomesTheModels() throws {
        let link = PBCaseLink.with {
            $0.kind = .relatedTo
            $0.caseID = Fixture.caseID.description
        }
        let target = PBEscalationTarget.with { $0.target = .supervisor(true) }
        let pairs: [(Wire, CaseAction)] = [
            (.comment(.with { $0.text = "t" }), .comment(CaseMessage(text: "t"))),
            (.note(.with { $0.text = "t" }), .note("t")),
            (.assign(.with { $0.agent = "anna" }), .assign(TestDirectory.anna)),
            (
                .assign(
                    .with {
                        $0.agent = "anna"
                        $0.reason = "r"
                    }
                ), .assign(TestDirectory.anna, reason: "r")
            ),
            (.accept(.init()), .accept),
            (.decline(.with { $0.reason = "r" }), .decline(reason: "r")),
            (.assignToMe(.init()), .assignToMe),
            (
                .escalate(
                    .with {
                        $0.reason = "r"
                        $0.summary = "s"
                        $0.target = target
                    }
                ), .escalate(reason: "r", target: .supervisor, summary: "s")
            ),
            (
                .park(
                    .with {
                        $0.reason = "r"
                        $0.until = 5
                    }
                ), .park(reason: "r", until: Timestamp(rawValue: 5))
            ),
            (.park(.with { $0.reason = "r" }), .park(reason: "r", until: nil)),
            (.requestInfo(.with { $0.text = "q" }), .requestInfo(question: "q")),
            (
                .waitForExternal(
                    .with {
                        $0.party = "p"
                        $0.reason = "r"
                    }
                ), .waitForExternal(party: "p", reason: "r")
            ),
            (.resume(.init()), .resume),
            (
                .proposeSolution(
                    .with {
                        $0.note = "n"
                        $0.message = "m"
                    }
                ), .proposeSolution(note: "n", message: "m")
            ),
            (.acceptSolution(.init()), .acceptSolution),
            (.rejectSolution(.with { $0.reason = "r" }), .rejectSolution(reason: "r")),
            (.reopen(.with { $0.reason = "r" }), .reopen(reason: "r")),
            (.close(.with { $0.text = "n" }), .close(notes: "n")),
            (
                .transferToQueue(
                    .with {
                        $0.queue = "billing"
                        $0.reason = "r"
                    }
                ), .transferToQueue(TestDirectory.billing, reason: "r")
            ),
            (
                .transferToAgent(.with { $0.agent = "anna" }),
                .transferToAgent(TestDirectory.anna, reason: "")
            ),
            (.reassign(.with { $0.agent = "anna" }), .reassign(TestDirectory.anna, reason: "")),
            (.delete(.with { $0.reason = "r" }), .delete(reason: "r")),
            (.update(.with { $0.title = "t" }), .update(FieldUpdate(title: "t"))),
            (.addTag(.with { $0.text = "t" }), .addTag("t")),
            (.removeTag(.with { $0.text = "t" }), .removeTag("t")),
            (.link(link), .link(CaseLink(kind: .relatedTo, other: Fixture.caseID))),
            (
                .submitSurvey(
                    .with {
                        $0.rating = 5
                        $0.text = "t"
                    }
                ), .submitSurvey(Survey(rating: 5, text: "t"))
            ),
        ]
        for (wire, expected) in pairs { #expect(try action(wire) == expected) }
        // 25 kinds of actions; parking and assigning stand twice.
        #expect(pairs.count == 27)
    }

    @Test func anUpdateCarriesWhatIsSetAndNothingElse() throws {
        let wire = PBUpdateAction.with {
            $0.requesterName = ""
            $0.requesterAddress = "a"
            $0.requesterPhone = "+46"
            $0.priority = .urgent
            $0.fields = [.with { $0.name = "n" }]
        }
        let expected = FieldUpdate(
            requesterName: "",
            requesterAddress: "a",
            requesterPhone: "+46",
            priority: .urgent,
            fields: [NamedValue("n", "")]
        )
        #expect(try action(.update(wire)) == .update(expected))
    }

    private func escalation(_ target: PBEscalationTarget.OneOf_Target) -> PBEscalateAction {
        .with {
            $0.reason = "r"
            $0.target.target = target
        }
    }

    @Test func everyFaultNamesItsField() {
        let long = Fixture.tooLong
        let name = Fixture.longName
        let faults: [(Wire?, String)] = [
            (nil, "action"), (.comment(.init()), "comment.text"),
            (.comment(.with { $0.text = long }), "comment.text"), (.note(.init()), "note.text"),
            (.assign(.init()), "assign.agent"),
            (.assign(.with { $0.agent = "nobody" }), "assign.agent"),
            (.assign(.with { $0.agent = name }), "assign.agent"),
            (
                .assign(
                    .with {
                        $0.agent = "anna"
                        $0.reason = long
                    }
                ), "assign.reason"
            ),
            (.escalate(escalation(.team("none"))), "escalate.target.team"),
            (.escalate(escalation(.queue("none"))), "escalate.target.queue"),
            (.decline(.with { $0.reason = long }), "decline.reason"),
            (.escalate(.init()), "escalate.reason"),
            (.escalate(.with { $0.reason = "r" }), "escalate.target"),
            (.park(.init()), "park.reason"),
            (.park(.with { $0.until = -1 }), "park.until"),
            (.requestInfo(.init()), "request_info.text"),
            (.waitForExternal(.init()), "wait_for_external.party"),
            (.waitForExternal(.with { $0.party = "p" }), "wait_for_external.reason"),
            (.proposeSolution(.init()), "propose_solution.note"),
            (.proposeSolution(.with { $0.note = "n" }), "propose_solution.message"),
            (.rejectSolution(.with { $0.reason = long }), "reject_solution.reason"),
            (.reopen(.with { $0.reason = long }), "reopen.reason"),
            (.close(.with { $0.text = long }), "close.text"),
            (.transferToQueue(.init()), "transfer_to_queue.queue"),
            (.transferToQueue(.with { $0.queue = "none" }), "transfer_to_queue.queue"),
            (
                .transferToQueue(
                    .with {
                        $0.queue = "billing"
                        $0.reason = long
                    }
                ), "transfer_to_queue.reason"
            ),
            (.transferToAgent(.init()), "transfer_to_agent.agent"),
            (
                .transferToAgent(
                    .with {
                        $0.agent = "anna"
                        $0.reason = long
                    }
                ), "transfer_to_agent.reason"
            ),
            (.reassign(.init()), "reassign.agent"),
            (.delete(.with { $0.reason = long }), "delete.reason"),
            (.update(.with { $0.title = long }), "update.title"),
            (.update(.with { $0.requesterName = name }), "update.requester_name"),
            (.update(.with { $0.requesterAddress = name }), "update.requester_address"),
            (.update(.with { $0.requesterPhone = name }), "update.requester_phone"),
            (.update(.with { $0.priority = .UNRECOGNIZED(9) }), "update.priority"),
            (.update(.with { $0.fields = [.init()] }), "update.fields[0].name"),
            (
                .update(.with { $0.fields = Array(repeating: .init(), count: 65) }),
                "update.fields"
            ),
            (.addTag(.init()), "add_tag.text"),
            (.removeTag(.with { $0.text = name }), "remove_tag.text"),
            (.link(.init()), "link.kind"), (.link(.with { $0.kind = .relatedTo }), "link.case_id"),
            (
                .link(
                    .with {
                        $0.kind = .relatedTo
                        $0.caseID = "0000000000001"
                    }
                ), "link.case_id"
            ),
            (.submitSurvey(.init()), "submit_survey.rating"),
            (.submitSurvey(.with { $0.rating = 261 }), "submit_survey.rating"),
            (
                .submitSurvey(
                    .with {
                        $0.rating = 1
                        $0.text = long
                    }
                ), "submit_survey.text"
            ),
        ]
        for (wire, expected) in faults { #expect(field(wire) == expected) }
    }

    @Test func aTextAtTheLimitIsTaken() throws {
        let text = String(Fixture.tooLong.dropLast())
        #expect(try action(.note(.with { $0.text = text })) == .note(text))
    }
}

@Suite struct CreateTests {
    private func new(
        by actor: Actor = Fixture.staff,
        _ change: (inout PBCreateRequest) -> Void = { _ in }
    ) throws(RequestFault) -> NewCase {
        var request = PBCreateRequest.with {
            $0.message = "hello"
            $0.requester.name = "Kim"
        }
        change(&request)
        return try request.newCase(by: actor, directory: TestDirectory())
    }

    private func field(_ change: (inout PBCreateRequest) -> Void) -> String? {
        do {
            _ = try new(change)
            return nil
        } catch { return error.field }
    }

    @Test func theLeastGetsTheDefaults() throws {
        let found = try new()
        #expect(found.title.isEmpty && found.channel == .api && found.priority == .normal)
        #expect(found.queue == TestDirectory.fallback && !found.asOwner)
        #expect(found.firstMessage == CaseMessage(text: "hello"))
    }

    @Test func everythingIsCarriedOver() throws {
        let found = try new { request in
            request.title = "t"
            request.channel = .call
            request.channelInfo = [.with { $0.name = "to" }]
            request.queue = "billing"
            request.priority = .high
            request.tags = ["a"]
            request.fields = [
                .with {
                    $0.name = "n"
                    $0.value = "v"
                }
            ]
            request.links = [
                .with {
                    $0.kind = .followUpOf
                    $0.caseID = Fixture.caseID.description
                }
            ]
            request.asOwner = true
        }
        #expect(found.title == "t" && found.channel == .call && found.asOwner)
        #expect(found.channelInfo == [NamedValue("to", "")])
        #expect(found.queue == TestDirectory.billing && found.priority == .high)
        #expect(found.tags == ["a"] && found.fields == [NamedValue("n", "v")])
        #expect(found.links == [CaseLink(kind: .followUpOf, other: Fixture.caseID)])
    }

    @Test func aRequesterSpeaksForNobodyElse() throws {
        let found = try new(by: Fixture.requester) {
            $0.requester.principal = "somebody"
            $0.requester.address = "known@example.com"
        }
        #expect(found.requester.principal == Fixture.requester.id)
    }

    @Test func staffNameTheRequester() throws {
        func principal(_ change: (inout PBRequester) -> Void) throws -> String {
            var requester = PBRequester()
            change(&requester)
            let found = requester
            return try new { $0.requester = found }.requester.principal.rawValue
        }
        #expect(try principal { $0.principal = "p" } == "p")
        #expect(try principal { $0.address = "known@example.com" } == "rolf")
        #expect(try principal { $0.address = "x@example.com" } == "mailto:x@example.com")
        #expect(try principal { $0.phone = "+46" } == "tel:+46")
        #expect(try principal { $0.name = "Kim" } == "unverified:Kim")
        #expect(field { $0.requester = PBRequester() } == "requester")
    }

    @Test func aRequesterLinksNothing() throws {
        let link = PBCaseLink.with {
            $0.kind = .relatedTo
            $0.caseID = Fixture.caseID.description
        }
        let request = PBCreateRequest.with {
            $0.message = "hello"
            $0.links = [link]
        }
        let fault = #expect(throws: RequestFault.self) {
            try request.newCase(by: Fixture.requester, directory: TestDirectory())
        }
        #expect(fault?.field == "links")
    }

    @Test func aLongNameStillMakesAPrincipal() {
        for name in [Fixture.longName, String(repeating: "x", count: 320), "👩‍👩‍👧‍👦"] {
            let found = PrincipalID.unverified(name).rawValue
            #expect(found.utf8.count <= CaseLimits.nameBytesMax)
            #expect(found.hasPrefix("unverified:") && found.count > "unverified:".count)
        }
    }

    @Test func everyFaultNamesItsField() {
        let name = Fixture.longName
        #expect(field { $0.message = "" } == "message")
        #expect(field { $0.message = Fixture.tooLong } == "message")
        #expect(field { $0.title = String(repeating: "x", count: 1_025) } == "title")
        #expect(field { $0.queue = "none" } == "queue")
        #expect(field { $0.channel = .UNRECOGNIZED(9) } == "channel")
        #expect(field { $0.priority = .UNRECOGNIZED(9) } == "priority")
        #expect(field { $0.requester.name = name } == "requester.name")
        #expect(field { $0.requester.address = name } == "requester.address")
        #expect(field { $0.requester.phone = name } == "requester.phone")
        #expect(field { $0.requester.principal = name } == "requester.principal")
        #expect(field { $0.tags = Array(repeating: "t", count: 65) } == "tags")
        #expect(field { $0.tags = ["a", ""] } == "tags[1]")
        #expect(field { $0.fields = Array(repeating: .init(), count: 65) } == "fields")
        #expect(field { $0.fields = [.with { $0.value = "v" }] } == "fields[0].name")
        let long = PBNamedValue.with {
            $0.name = "n"
            $0.value = String(repeating: "x", count: 4_097)
        }
        #expect(field { $0.channelInfo = [long] } == "channel_info[0].value")
        #expect(field { $0.links = Array(repeating: .init(), count: 257) } == "links")
        #expect(field { $0.links = [.init()] } == "links[0].kind")
        #expect(
            field { $0.links = [.with { $0.kind = .relatedTo }] } == "links[0].case_id"
        )
    }
}
