import CaseModel
import ClusterPrimitives
import ClusterSimulator
import HistoryChecker
import Testing

/// Histories of one case, good and bad, as a cluster could show them.
@Suite struct CaseHistoryTests {
    private typealias Step = Operation<CaseInput, CaseOutput>

    private static let id = CaseID(tick: 5_000_000, shard: ShardID(1), sequence: 1)
    private static let team = TeamID("support")
    private static let queue = QueueFacts(id: QueueID("mail"), team: team)
    private static let kim = Actor(id: PrincipalID("mailto:kim@example.org"), role: .requester)
    private static let anna = Actor(id: PrincipalID("anna"), role: .agent, teams: [team])

    private func verdict(_ history: [Step]) -> Verdict {
        LinearizabilityChecker(CaseHistoryModel(Self.id)).check(history)
    }

    private func isViolated(_ history: [Step]) -> Bool {
        if case .violated = verdict(history) { true } else { false }
    }

    private func command(_ actor: Actor, _ action: CaseAction) -> CaseInput {
        var target: CaseID? = Self.id
        if case .create = action { target = nil }
        return .command(
            CaseCommand(
                actor: actor,
                target: target,
                action: action,
                salt: [UInt8](repeating: 1, count: CaseLimits.saltBytes)
            )
        )
    }

    private func creation() -> Step {
        let new = NewCase(
            title: "Lamp",
            requester: Requester(principal: Self.kim.id),
            channel: .email,
            firstMessage: CaseMessage(text: "It is dark."),
            queue: Self.queue
        )
        let made = CaseOutput.accepted(version: 1, status: .new, owner: nil)
        return Step(command(Self.kim, .create(new)), made, from: 0, to: 1)
    }

    private func comment(_ version: UInt64, _ from: Int64, _ to: Int64) -> Step {
        Step(
            command(Self.kim, .comment(CaseMessage(text: "hello"))),
            .accepted(version: version, status: .new, owner: nil),
            from: from,
            to: to
        )
    }

    private func take(_ version: UInt64, _ from: Int64, _ to: Int64) -> Step {
        Step(
            command(Self.anna, .assignToMe),
            .accepted(version: version, status: .open, owner: Self.anna.id),
            from: from,
            to: to
        )
    }

    private func solve(_ version: UInt64, _ from: Int64, _ to: Int64) -> Step {
        Step(
            command(Self.anna, .proposeSolution(note: "n", message: "m")),
            .accepted(version: version, status: .resolved, owner: Self.anna.id),
            from: from,
            to: to
        )
    }

    @Test func oneAfterTheOther() {
        #expect(verdict([creation(), comment(2, 2, 3), take(3, 4, 5)]) == .linearizable)
    }

    @Test func concurrentOnesInTheOrderOfTheirVersions() {
        #expect(verdict([creation(), comment(3, 2, 9), comment(2, 2, 9)]) == .linearizable)
    }

    @Test func twoWithOneVersion() {
        #expect(isViolated([creation(), comment(2, 2, 3), comment(2, 4, 5)]))
    }

    @Test func aVersionThatSkipsOne() {
        #expect(isViolated([creation(), comment(3, 2, 3)]))
    }

    @Test func aLaterOneWithAnEarlierVersion() {
        #expect(isViolated([creation(), comment(3, 2, 3), comment(2, 4, 5)]))
    }

    @Test func anUnknownOneThatCountedInTheEnd() {
        let unknown = Step(unknown: comment(2, 0, 0).input, from: 2)
        #expect(verdict([creation(), unknown, comment(3, 4, 5)]) == .linearizable)
        #expect(verdict([creation(), unknown, comment(2, 4, 5)]) == .linearizable)
    }

    @Test func anUnknownOneThatCountedTwice() {
        let unknown = Step(unknown: comment(2, 0, 0).input, from: 2)
        #expect(isViolated([creation(), unknown, comment(4, 4, 5)]))
    }

    @Test func takenTwice() {
        #expect(isViolated([creation(), take(2, 2, 3), take(3, 4, 5)]))
    }

    @Test func theTimerClosesOnceAndOnlyWhatIsResolved() {
        let timer = Step(unknown: .closeByTimer, from: 6)
        let refused = CaseOutput.refused(.wrongStatus(action: .assignToMe, status: .closed))
        let late = Step(command(Self.anna, .assignToMe), refused, from: 8, to: 9)
        let start = [creation(), take(2, 2, 3), solve(3, 4, 5)]
        #expect(verdict(start + [timer, late]) == .linearizable)
        #expect(isViolated(start + [late]), "nobody closed it")
        #expect(isViolated([creation(), take(2, 2, 3), timer, late]), "it was not resolved")
    }

    @Test func aReadOfACaseThatIsNotThere() {
        let nothing = Step(.read, .seen(nil), from: 4, to: 5)
        #expect(isViolated([creation(), nothing]))
        let during = Step(.read, .seen(nil), from: 0, to: 5)
        #expect(verdict([creation(), during]) == .linearizable)
    }
}
