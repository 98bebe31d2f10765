import CaseModel
import ClusterPrimitives
import Testing

/// Goal: the machine does what the page says and nothing else.
/// Method: every status, action and actor, with each kind of owner, against the page; unlisted is refused.
@Suite struct GoldenPageTests {
    @Test func everyCell() {
        compare(page(GoldenPage.moves)) { _ in }
    }

    @Test func everyCellWithTheOwnerGone() {
        var expected = page(GoldenPage.moves)
        for (key, moves) in page(GoldenPage.movesWithOwnerGone) { expected[key] = moves }
        compare(expected, facts: ShardFacts(ownerIsGone: true)) { _ in }
    }

    @Test func everyCellWhereCommentsPend() {
        var expected = page(GoldenPage.moves)
        for (key, moves) in page(GoldenPage.movesWhereCommentPends) { expected[key] = moves }
        compare(expected) { $0.queuesWhereCommentPends = [Fixture.queue.id] }
    }

    @Test func everyCreation() {
        var expected: [ActionName: [Role: CaseStatus]] = [:]
        for line in lines(GoldenPage.creations) {
            let words = line.split(separator: " ").map(String.init)
            guard let action = ActionName(label: words[0]) else {
                Issue.record("no action \(words[0])")
                return
            }
            for word in words.dropFirst() {
                let parts = word.split(separator: ">").map(String.init)
                guard let role = Role(label: parts[0]) else {
                    Issue.record("no role \(word)")
                    return
                }
                expected[action, default: [:]][role] = CaseStatus(label: parts[1])
            }
        }
        let makers: [Fixture.Who] = [
            .requester, .agent, .supervisor, .reviewer, .ai, .admin, .system, .thirdParty,
        ]
        #expect(Set(makers.map(\.actor.role)) == Set(Role.allCases))
        for name in [ActionName.create, .createAsOwner] {
            for who in makers {
                let result = Fixture.result(nil, Fixture.action(name, by: who), by: who)
                let status = result.value?.record.status
                #expect(status == expected[name]?[who.actor.role], "\(name) by \(who): \(result)")
            }
        }
    }

    // MARK: - Reading the page

    private struct Key: Hashable {
        let status: CaseStatus
        let action: ActionName
    }

    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map(String.init).filter { !$0.allSatisfy { $0 == " " } }
    }

    private func page(_ text: String) -> [Key: [Fixture.Who: CaseStatus]] {
        var page: [Key: [Fixture.Who: CaseStatus]] = [:]
        var status: CaseStatus?
        for line in lines(text) {
            let words = line.split(separator: " ").map(String.init)
            if !line.hasPrefix(" ") {
                status = CaseStatus(label: words[0])
                #expect(status != nil && words.count == 1, "the page has a strange line: \(line)")
                continue
            }
            guard let status, let action = ActionName(label: words[0]) else {
                Issue.record("the page has a strange line: \(line)")
                return [:]
            }
            let key = Key(status: status, action: action)
            #expect(page[key] == nil, "the page says twice: \(line)")
            page[key] = words.dropFirst().reduce(into: [:]) { moves, word in
                let parts = word.split(separator: ">").map(String.init)
                let name = parts.count == 2 ? parts[0] : String(word.dropLast())
                let target = parts.count == 2 ? CaseStatus(label: parts[1]) : status
                let whos =
                    name == "staff"
                    ? Fixture.Who.staff : [Fixture.Who(rawValue: name)].compactMap(\.self)
                #expect(!whos.isEmpty && target != nil, "the page has a strange word: \(word)")
                for who in whos { moves[who] = target }
            }
        }
        #expect(!page.isEmpty)
        return page
    }

    // MARK: - Comparing

    /// Who exists beside which owner: O where an agent owns, and so on; the rest always.
    private func exists(_ who: Fixture.Who, in record: CaseRecord, owner: Fixture.Owner) -> Bool {
        switch who {
        case .owner: record.owner != nil && owner == .agent
        case .ownerSupervisor: record.owner != nil && owner == .supervisor
        case .ownerAI: record.owner != nil && owner == .ai
        case .otherAI: record.owner != nil && owner == .ai
        case .ai: record.owner == nil || owner != .ai
        case .awaitedParty: record.status == .pending
        default: true
        }
    }

    private func compare(
        _ expected: [Key: [Fixture.Who: CaseStatus]],
        facts: ShardFacts = ShardFacts(),
        _ adjust: (inout CaseCommand) -> Void
    ) {
        var compared = 0
        var allowed = 0
        for status in CaseStatus.allCases {
            for owner in Fixture.Owner.allCases {
                let record = Fixture.record(status, owner: owner)
                for who in Fixture.Who.allCases where exists(who, in: record, owner: owner) {
                    for name in ActionName.allCases where name != .create && name != .createAsOwner
                    {
                        var command = Fixture.command(Fixture.action(name, by: who), by: who)
                        adjust(&command)
                        let result = CaseMachine.step(
                            record,
                            command,
                            at: Fixture.now,
                            facts: facts
                        )
                        let reached = result.value?.record.status
                        let wanted = expected[Key(status: status, action: name)]?[who]
                        #expect(
                            reached == wanted,
                            "\(status) \(name.label) by \(who), owned by \(owner): \(result)"
                        )
                        compared += 1
                        allowed += reached == nil ? 0 : 1
                    }
                }
            }
        }
        #expect(compared > 10_000 && allowed > 700, "\(compared) compared, \(allowed) allowed")
    }
}
