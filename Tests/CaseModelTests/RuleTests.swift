import CaseModel
import ClusterPrimitives
import Testing

/// The rules that a status and a role don't tell: what is carried, limits, times, targets, order of checks.
@Suite struct RuleTests {
    // MARK: - Order of checks

    @Test func whoMayNotSeeLearnsNoMoreThanNeeded() {
        let record = Fixture.record(.open)
        func refusal(_ who: Fixture.Who) -> CaseRefusal? {
            Fixture.result(record, .note("hi"), by: who).refusal
        }
        #expect(refusal(.otherRequester) == .notFound)
        #expect(refusal(.otherTeam) == .wrongTeam(team: Fixture.support))
        #expect(refusal(.otherQueueAI) == .wrongTeam(team: Fixture.support))
        #expect(refusal(.admin) == .wrongRole(action: .note, role: .admin))
        #expect(refusal(.reviewer) == .wrongRole(action: .note, role: .reviewer))
        #expect(refusal(.requester) == .wrongRole(action: .note, role: .requester))
        #expect(Fixture.result(nil, .accept, by: .agent).refusal == .notFound)
        let elsewhere = Fixture.command(.accept, by: .owner)
        var other = record
        other.id = Fixture.otherID
        #expect(CaseMachine.decide(other, elsewhere, at: Fixture.now).refusal == .notFound)
    }

    @Test func aStaleVersionComesBeforeWhatItExplains() {
        var command = Fixture.command(.accept, by: .owner)
        command.expectedVersion = 4
        let open = Fixture.record(.open)
        #expect(
            CaseMachine.decide(open, command, at: Fixture.now).refusal == .staleVersion(current: 5)
        )
        command.expectedVersion = 5
        #expect(
            CaseMachine.decide(open, command, at: Fixture.now).refusal
                == .wrongStatus(action: .accept, status: .open)
        )
        var word = Fixture.command(.comment(CaseMessage(text: "hi")), by: .requester)
        word.expectedVersion = 4
        #expect(CaseMachine.decide(open, word, at: Fixture.now).value != nil)
    }

    @Test func everybodyElsesCaseIsNotOnesOwn() {
        let refusal = Fixture.result(Fixture.record(.assigned), .accept, by: .supervisor).refusal
        #expect(refusal == .notOwner(action: .accept))
        let close = Fixture.result(Fixture.record(.open), .close(notes: "x"), by: .agent).refusal
        #expect(close == .notOwner(action: .close))
        let ai = Fixture.result(Fixture.record(.open), .close(notes: "x"), by: .ai).refusal
        #expect(ai == .wrongRole(action: .close, role: .aiAgent))
    }

    // MARK: - What must be said

    @Test(arguments: [
        (
            CaseAction.escalate(reason: " ", target: .supervisor, summary: "s"), CaseStatus.open,
            "reason"
        ),
        (.park(reason: "", until: nil), .open, "reason"),
        (.requestInfo(question: "\n"), .open, "question"),
        (.waitForExternal(party: "", reason: "r"), .open, "party"),
        (.waitForExternal(party: "p", reason: ""), .open, "reason"),
        (.proposeSolution(note: "", message: "m"), .open, "note"),
        (.proposeSolution(note: "n", message: ""), .open, "message"),
        (.reopen(reason: ""), .resolved, "reason"),
        (.close(notes: "\t"), .open, "notes"),
        (.delete(reason: ""), .open, "reason"),
        (.note(""), .open, "note"),
        (.comment(CaseMessage(text: "")), .open, "text"),
        (.addTag(" "), .open, "tag"),
        (.update(FieldUpdate(title: " ")), .open, "title"),
    ])
    func whatMustBeSaid(action: CaseAction, status: CaseStatus, field: String) {
        let result = Fixture.result(Fixture.record(status), action, by: .owner)
        #expect(result.refusal == .missing(field: field))
    }

    @Test func aContactWithoutTextIsAMessageToo() {
        let photo = CaseMessage(text: "", interaction: Interaction(channel: .email, raw: [1]))
        #expect(Fixture.result(Fixture.record(.open), .comment(photo), by: .requester).value != nil)
    }

    @Test func aContactWithoutSubjectGetsATitle() {
        var new = Fixture.newCase()
        new.title = " "
        let made = Fixture.result(nil, .create(new), by: .requester).value?.record
        #expect(made?.title == CaseDefaults.title)
    }

    @Test func tagsAndFieldsAreKeptInOneOrder() {
        var new = Fixture.newCase()
        new.tags = ["b", "a", "b"]
        new.fields = [NamedValue("z", "1"), NamedValue("a", "2"), NamedValue("m", "")]
        let made = Fixture.result(nil, .create(new), by: .agent).value?.record
        #expect(made?.tags == ["a", "b"])
        #expect(made?.fields == [NamedValue("a", "2"), NamedValue("z", "1")])
        new.fields = [NamedValue("z", "1"), NamedValue("z", "2")]
        let twice = Fixture.result(nil, .create(new), by: .agent).refusal
        #expect(twice == .invalid(field: "fields", reason: "one is named twice"))
    }

    // MARK: - Limits

    @Test func whatIsTooLongIsRefusedAtTheLimitPlusOne() {
        let record = Fixture.record(.open)
        func note(_ bytes: Int) -> CaseRefusal? {
            Fixture.result(record, .note(String(repeating: "x", count: bytes)), by: .owner).refusal
        }
        #expect(note(CaseLimits.textBytesMax) == nil)
        #expect(note(CaseLimits.textBytesMax + 1) == .tooLong(field: "note", limit: 262_144))
        func raw(_ bytes: Int) -> CaseRefusal? {
            let raw = [UInt8](repeating: 0, count: bytes)
            let message = CaseMessage(text: "", interaction: Interaction(channel: .email, raw: raw))
            return Fixture.result(record, .comment(message), by: .requester).refusal
        }
        #expect(raw(CaseLimits.rawBytesMax) == nil)
        #expect(
            raw(CaseLimits.rawBytesMax + 1) == .tooLong(field: "interaction.raw", limit: 4_194_304)
        )
        var full = record
        full.tags = (0..<CaseLimits.tagsMax).map { "tag\($0)" }
        #expect(
            Fixture.result(full, .addTag("one more"), by: .owner).refusal
                == .tooLong(field: "tags", limit: 64)
        )
        full.fields = (0..<CaseLimits.fieldsMax).map { NamedValue("f\(100 + $0)", "v") }
        let another = CaseAction.update(FieldUpdate(fields: [NamedValue("g", "v")]))
        #expect(
            Fixture.result(full, another, by: .owner).refusal
                == .tooLong(field: "fields", limit: 64)
        )
        let swap = CaseAction.update(
            FieldUpdate(fields: [NamedValue("f100", ""), NamedValue("g", "v")])
        )
        #expect(Fixture.result(full, swap, by: .owner).value?.record.fields.count == 64)
    }

    @Test func aFollowUpsLinkStillFits() {
        var record = Fixture.record(.closed)
        record.links = (0..<CaseLimits.linksMax).map {
            CaseLink(
                kind: .relatedTo,
                other: CaseID(tick: 1, shard: ShardID(0), sequence: UInt64($0))
            )
        }
        let link = CaseAction.link(CaseLink(kind: .followedUpBy, other: Fixture.otherID))
        #expect(Fixture.result(record, link, by: .thirdParty).value != nil)
        record.status = .open
        let more = CaseAction.link(CaseLink(kind: .relatedTo, other: Fixture.otherID))
        #expect(
            Fixture.result(record, more, by: .owner).refusal == .tooLong(field: "links", limit: 256)
        )
    }

    // MARK: - Nothing twice

    @Test func whatWasDoneIsNotDoneAgain() {
        let open = Fixture.record(.open)
        #expect(
            Fixture.result(open, .addTag("lamp"), by: .owner).refusal
                == .alreadyDone(action: .addTag)
        )
        #expect(
            Fixture.result(open, .removeTag("sofa"), by: .owner).refusal
                == .invalid(field: "tag", reason: "not on this case")
        )
        #expect(
            Fixture.result(open, .update(FieldUpdate(title: open.title)), by: .owner).refusal
                == .invalid(field: "update", reason: "changes nothing")
        )
        var closed = Fixture.record(.closed)
        let survey = CaseAction.submitSurvey(Survey(rating: 5, text: ""))
        closed = Fixture.result(closed, survey, by: .requester).value?.record ?? closed
        #expect(
            Fixture.result(closed, survey, by: .requester).refusal
                == .alreadyDone(action: .submitSurvey)
        )
        let link = CaseAction.link(CaseLink(kind: .followedUpBy, other: Fixture.otherID))
        closed = Fixture.result(closed, link, by: .system).value?.record ?? closed
        #expect(Fixture.result(closed, link, by: .system).refusal == .alreadyDone(action: .link))
    }

    @Test(arguments: [UInt8(0), 6, 255])
    func aRatingIsOneToFive(rating: UInt8) {
        let survey = CaseAction.submitSurvey(Survey(rating: rating, text: ""))
        #expect(
            Fixture.result(Fixture.record(.closed), survey, by: .requester).refusal
                == .invalid(field: "rating", reason: "not 1 to 5")
        )
    }

    // MARK: - Times

    @Test func theTimerIsNeverEarly() {
        let record = Fixture.record(.resolved)
        let millisecond = TimeSpan(milliseconds: -1)
        let early = Fixture.now + millisecond
        func close(asOf: Timestamp, at: Timestamp) -> CaseRefusal? {
            Fixture.result(record, .closeByTimer(asOf: asOf), by: .system, at: at).refusal
        }
        #expect(close(asOf: early, at: Fixture.now) == .notDue(dueAt: Fixture.now))
        #expect(close(asOf: Fixture.now, at: early) == .notDue(dueAt: Fixture.now))
        #expect(close(asOf: Fixture.now, at: Fixture.now) == nil)
    }

    @Test func anAnswerStopsTheTimerAndANewResolveRestartsIt() {
        let word = CaseAction.comment(CaseMessage(text: "still dark"))
        let back = Fixture.result(Fixture.record(.resolved), word, by: .requester).value?.record
        #expect(back?.status == .open && back?.dueAt == nil && back?.resolvedAt == nil)
        #expect(back?.reopenCount == 1)
        let later = Fixture.now + .days(1)
        let solve = CaseAction.proposeSolution(note: "n", message: "m")
        let again = Fixture.result(back, solve, by: .owner, at: later).value?.record
        #expect(again?.resolvedAt == later && again?.dueAt == later + .days(7))
        let note = Fixture.result(again, .note("x"), by: .owner, at: later + .days(1)).value?.record
        #expect(note?.dueAt == again?.dueAt)
    }

    @Test func parkedResumesWhenTheTimeHasCome() {
        var record = Fixture.record(.parked)
        record.dueAt = Fixture.now + TimeSpan(milliseconds: 1)
        #expect(
            Fixture.result(record, .resume, by: .system).refusal
                == .notDue(dueAt: Fixture.now + TimeSpan(milliseconds: 1))
        )
        record.dueAt = nil
        #expect(
            Fixture.result(record, .resume, by: .system).refusal == .notDue(dueAt: .distantFuture)
        )
        let past = CaseAction.park(reason: "r", until: Fixture.now)
        #expect(
            Fixture.result(Fixture.record(.open), past, by: .owner).refusal
                == .invalid(field: "until", reason: "not in the future")
        )
    }

    @Test func theNightTakesWhatClosedBeforeItBegan() {
        let record = Fixture.record(.closed)
        let closedAt = Fixture.now + .days(-2)
        func archive(_ boundary: Timestamp, at: Timestamp = Fixture.now) -> CaseRefusal? {
            Fixture.result(record, .archive(boundary: boundary), by: .system, at: at).refusal
        }
        #expect(archive(closedAt) == .notDue(dueAt: closedAt))
        #expect(archive(closedAt + TimeSpan(milliseconds: 1)) == nil)
        let later = Fixture.now + .seconds(1)
        #expect(archive(later) == .notDue(dueAt: later))
    }

    // MARK: - Who gets it

    @Test func anOfferNeedsSomebodyWhoCanTakeIt() {
        let record = Fixture.record(.new)
        func offer(_ agent: AgentFacts, by who: Fixture.Who = .system) -> CaseRefusal? {
            Fixture.result(record, .assign(agent), by: who).refusal
        }
        var agent = Fixture.freeAgent
        #expect(offer(agent) == nil)
        agent.isAvailable = false
        #expect(offer(agent) == .unsuitableAgent(id: agent.id, reason: "not available"))
        agent = AgentFacts(id: agent.id, role: .agent, teams: [Fixture.billing])
        #expect(offer(agent) == .unsuitableAgent(id: agent.id, reason: "not in the case's team"))
        agent = AgentFacts(id: PrincipalID("ai-1"), role: .aiAgent, teams: [Fixture.support])
        #expect(
            offer(agent, by: .supervisor)
                == .unsuitableAgent(id: agent.id, reason: "neither an agent nor a supervisor")
        )
    }

    @Test func aDeclinedOfferGoesBackToItsPlace() {
        for origin in [CaseStatus.new, .escalated] {
            var record = Fixture.record(origin)
            let place = record.queuedAt
            record =
                Fixture.result(record, .assign(Fixture.freeAgent), by: .system).value?.record
                ?? record
            #expect(record.assignedFrom == origin)
            let decline = CaseAction.decline(reason: "")
            let later = Fixture.now + .seconds(60)
            let back = Fixture.result(record, decline, by: .system, at: later).value?.record
            #expect(back?.status == origin && back?.queuedAt == place)
            #expect(back?.declinedBy == Fixture.freeAgent.id)
            #expect((back?.escalation != nil) == (origin == .escalated))
            let again = CaseAction.assign(Fixture.freeAgent)
            #expect(
                Fixture.result(back, again, by: .system, at: later).refusal
                    == .unsuitableAgent(id: Fixture.freeAgent.id, reason: "declined it last")
            )
            #expect(Fixture.result(back, again, by: .supervisor, at: later).value != nil)
        }
    }

    @Test func anEscalationToASupervisorIsForSupervisors() {
        var record = Fixture.record(.escalated)
        record.escalation?.target = .supervisor
        #expect(Fixture.result(record, .assignToMe, by: .agent).refusal == .needsSupervisor)
        #expect(
            Fixture.result(record, .assign(Fixture.freeAgent), by: .system).refusal
                == .needsSupervisor
        )
        #expect(Fixture.result(record, .assignToMe, by: .supervisor).value?.record.status == .open)
        let boss = AgentFacts(id: PrincipalID("bea"), role: .supervisor, teams: [])
        let offered = Fixture.result(record, .assign(boss), by: .system).value?.record
        #expect(offered?.status == .assigned && offered?.escalation?.target == .supervisor)
    }

    @Test func anEscalationToATeamIsForThatTeam() {
        var record = Fixture.record(.escalated)
        record.escalation?.target = .team(Fixture.billing)
        #expect(
            Fixture.result(record, .assignToMe, by: .agent).refusal
                == .wrongTeam(team: Fixture.billing)
        )
        #expect(Fixture.result(record, .assignToMe, by: .otherTeam).value?.record.status == .open)
        let agent = AgentFacts(id: PrincipalID("xerxes"), role: .agent, teams: [Fixture.billing])
        #expect(Fixture.result(record, .assign(agent), by: .system).value != nil)
    }

    @Test func anEscalationToAQueueMovesThere() {
        let action = CaseAction.escalate(
            reason: "an invoice",
            target: .queue(Fixture.otherQueue.id),
            summary: ""
        )
        var command = Fixture.command(action, by: .owner)
        let open = Fixture.record(.open)
        #expect(
            CaseMachine.decide(open, command, at: Fixture.now).refusal
                == .missing(field: "escalationQueue")
        )
        command.escalationQueue = Fixture.otherQueue
        let moved = CaseMachine.step(open, command, at: Fixture.now).value?.record
        #expect(moved?.queue == Fixture.otherQueue.id && moved?.team == Fixture.billing)
        #expect(moved?.owner == nil && moved?.queuedAt == Fixture.now)
    }

    @Test func aReassignMayGoAnywhereButToAMachine() {
        var agent = AgentFacts(
            id: PrincipalID("xerxes"),
            role: .agent,
            teams: [Fixture.billing],
            isAvailable: false
        )
        let open = Fixture.record(.open)
        let moved = Fixture.result(open, .reassign(agent, reason: ""), by: .supervisor).value?
            .record
        #expect(
            moved?.owner == agent.id && moved?.status == .assigned && moved?.assignedFrom == .new
        )
        agent.role = .aiAgent
        #expect(Fixture.result(open, .reassign(agent, reason: ""), by: .supervisor).refusal != nil)
        #expect(
            Fixture.result(open, .transferToAgent(agent, reason: ""), by: .owner).refusal != nil
        )
        agent = AgentFacts(id: PrincipalID("olle"), role: .agent, teams: [Fixture.support])
        #expect(
            Fixture.result(open, .reassign(agent, reason: ""), by: .supervisor).refusal
                == .unsuitableAgent(id: agent.id, reason: "owns it already")
        )
    }

    @Test func aTransferToWhereItWaitsIsNone() {
        let action = CaseAction.transferToQueue(Fixture.queue, reason: "")
        #expect(
            Fixture.result(Fixture.record(.new), action, by: .agent).refusal
                == .invalid(field: "queue", reason: "waits there already")
        )
        #expect(
            Fixture.result(Fixture.record(.open), action, by: .owner).value?.record.status == .new
        )
    }

    @Test func whoReopensBecomesTheOwnerUnlessItIsTheSupervisor() {
        let record = Fixture.record(.resolved)
        let reopen = CaseAction.reopen(reason: "dark again")
        func owner(_ who: Fixture.Who) -> PrincipalID? {
            Fixture.result(record, reopen, by: who).value?.record.owner
        }
        #expect(owner(.owner) == PrincipalID("olle"))
        #expect(owner(.supervisor) == PrincipalID("olle"))
        #expect(owner(.agent) == PrincipalID("anders"))
    }

    // MARK: - Requesters, third parties, AI agents

    @Test func aRequesterMakesCasesForItselfAlone() {
        let create = CaseAction.create(Fixture.newCase())
        #expect(Fixture.result(nil, create, by: .otherRequester).refusal == .notRequester)
        var known = Fixture.command(create, by: .otherRequester)
        known.actor.aliases = [Fixture.requester]
        #expect(CaseMachine.decide(nil, known, at: Fixture.now, newID: Fixture.id).value != nil)
        #expect(
            Fixture.result(nil, create, by: .otherTeam).refusal == .wrongTeam(team: Fixture.support)
        )
        #expect(
            Fixture.result(nil, create, by: .otherQueueAI).refusal
                == .wrongTeam(team: Fixture.support)
        )
    }

    @Test func aRequesterChangesItsOwnDetailsAlone() {
        let open = Fixture.record(.open)
        let urgent = CaseAction.update(FieldUpdate(title: "New", priority: .urgent))
        #expect(
            Fixture.result(open, urgent, by: .requester).refusal
                == .invalid(field: "priority", reason: "only staff set it")
        )
        let moved = CaseAction.update(FieldUpdate(requesterPhone: "+4681234"))
        #expect(
            Fixture.result(open, moved, by: .requester).value?.record.requester.phone == "+4681234"
        )
    }

    @Test func aThirdPartysWordIsFlaggedAndHidden() {
        let word = CaseAction.comment(CaseMessage(text: "buy my lamps", from: "who@example.net"))
        let step = Fixture.result(Fixture.record(.resolved), word, by: .thirdParty).value
        #expect(step?.record.status == .resolved && step?.record.dueAt == Fixture.now)
        guard case .commentAdded(_, byThirdParty: true)? = step?.events.first else {
            Issue.record("not flagged: \(String(describing: step?.events))")
            return
        }
        #expect(step?.events.first?.isStaffOnly == true)
        #expect(step?.record.firstResponseAt == nil)
    }

    @Test func onlyTheAwaitedPartyMovesAPendingCase() {
        func status(party: String, from: String) -> CaseStatus? {
            var record = Fixture.record(.pending)
            record.pendingReason = .external(party: party, reason: "r")
            let word = CaseAction.comment(CaseMessage(text: "sent", from: from))
            return Fixture.result(record, word, by: .awaitedParty).value?.record.status
        }
        #expect(status(party: "Help <help@c.example>", from: "HELP@C.EXAMPLE") == .open)
        #expect(status(party: "mailto:help@c.example", from: "<help@c.example>") == .open)
        #expect(status(party: "help@c.example", from: "help@c.example.net") == .pending)
        #expect(status(party: "the carrier", from: "") == .pending)
        #expect(status(party: "<>", from: "") == .pending)
    }

    @Test func anAISuggestsAndAHumanDecides() {
        let solve = CaseAction.proposeSolution(note: "fuse", message: "Change the fuse.")
        let own = Fixture.result(Fixture.record(.open, owner: .ai), solve, by: .ownerAI).value
        #expect(own?.record.status == .escalated && own?.record.owner == nil)
        #expect(own?.record.escalation?.by == PrincipalID("ai-owner"))
        #expect(
            own?.events.contains(.noteAdded(text: "Change the fuse.", interaction: nil)) == true
        )
        let beside = Fixture.result(Fixture.record(.open), solve, by: .ai).value
        #expect(beside?.record.status == .open)
        #expect(beside?.events.allSatisfy(\.isStaffOnly) == true)
        let word = CaseAction.comment(CaseMessage(text: "try the fuse"))
        let comment = Fixture.result(Fixture.record(.open), word, by: .ai).value
        #expect(comment?.events == [.noteAdded(text: "try the fuse", interaction: nil)])
        #expect(comment?.record.firstResponseAt == nil)
        let handUp = CaseAction.escalate(reason: "r", target: .supervisor, summary: "tried all")
        let handed = Fixture.result(Fixture.record(.new), handUp, by: .ai).value
        #expect(handed?.events.contains(.noteAdded(text: "tried all", interaction: nil)) == true)
    }

    @Test func anErasureTakesTheContentAndLeavesWhoWhenWhy() {
        let step = Fixture.result(Fixture.record(.open), .delete(reason: "asked for"), by: .owner)
            .value
        let record = step?.record
        #expect(record?.status == .deleted && record?.title == "" && record?.tags == [])
        #expect(record?.requester == Requester(principal: PrincipalID("")))
        #expect(record?.owner == nil)
        #expect(step?.events.last == .erased(reason: "asked for"))
        #expect(step?.audit.actor == PrincipalID("olle") && step?.audit.at == Fixture.now)
    }

    @Test func staffsFirstWordIsTheFirstResponse() {
        let word = CaseAction.comment(CaseMessage(text: "hello"))
        let first = Fixture.result(Fixture.record(.assigned), word, by: .owner).value?.record
        #expect(first?.status == .open && first?.firstResponseAt == Fixture.now)
        let later = Fixture.now + .seconds(9)
        let second = Fixture.result(first, word, by: .owner, at: later).value?.record
        #expect(second?.firstResponseAt == Fixture.now)
    }

    // MARK: - Frame

    @Test func aCommandNeedsItsSaltAndItsActor() {
        var command = Fixture.command(.accept, by: .owner)
        command.salt = [1]
        let record = Fixture.record(.assigned)
        #expect(
            CaseMachine.decide(record, command, at: Fixture.now).refusal
                == .invalid(field: "salt", reason: "not 16 bytes")
        )
        command = Fixture.command(.accept, by: .owner)
        command.actor.id = PrincipalID("")
        #expect(
            CaseMachine.decide(record, command, at: Fixture.now).refusal == .missing(field: "actor")
        )
    }
}
