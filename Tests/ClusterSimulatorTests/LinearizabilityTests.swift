import ClusterPrimitives
import ClusterSimulator
import HistoryChecker
import Testing

/// A register: the smallest object that shows every kind of wrong.
private struct Register: SequentialModel {
    enum Input: Equatable {
        case write(Int)
        case read
        /// Writes `to` if it holds `from`.
        case swap(from: Int, to: Int)
        case add(Int)
    }

    var initial: Int { 0 }

    /// A write answers 0, a read what it saw, a swap 1 or 0, an addition the sum.
    func next(_ state: Int, _ input: Input, _ output: Int?) -> Int? {
        switch input {
        case .write(let value): output == nil || output == 0 ? value : nil
        case .read: output == nil || output == state ? state : nil
        case .swap(let from, let to):
            output == nil || output == (state == from ? 1 : 0)
                ? (state == from ? to : state) : nil
        case .add(let value): output == nil || output == state + value ? state + value : nil
        }
    }

    func isIdle(_ input: Input, _ output: Int) -> Bool {
        switch input {
        case .read: true
        case .swap: output == 0
        case .write, .add: false
        }
    }
}

private typealias Step = Operation<Register.Input, Int>

private func verdict(_ history: [Step]) -> Verdict {
    LinearizabilityChecker(Register()).check(history)
}

private func write(_ value: Int, _ from: Int64, _ to: Int64) -> Step {
    Step(.write(value), 0, from: from, to: to)
}

private func read(_ value: Int, _ from: Int64, _ to: Int64) -> Step {
    Step(.read, value, from: from, to: to)
}

@Suite struct KnownGoodHistories {
    @Test func nothingHappened() { #expect(verdict([]) == .linearizable) }

    @Test func oneAfterTheOther() {
        #expect(
            verdict([write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)])
                == .linearizable
        )
    }

    @Test func readsDuringAWriteSeeEither() {
        #expect(verdict([write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)]) == .linearizable)
    }

    @Test func concurrentWritesInEitherOrder() {
        #expect(verdict([write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)]) == .linearizable)
        #expect(verdict([write(1, 0, 10), write(2, 0, 10), read(2, 11, 12)]) == .linearizable)
    }

    @Test func anUnknownWriteThatTookEffectLate() {
        let history = [
            Step(unknown: .write(7), from: 0), write(1, 1, 2), read(1, 3, 4), read(7, 50, 51),
        ]
        #expect(verdict(history) == .linearizable)
    }

    @Test func anUnknownWriteThatNeverHappened() {
        let history = [Step(unknown: .write(7), from: 0), write(1, 1, 2), read(1, 90, 91)]
        #expect(verdict(history) == .linearizable)
    }

    @Test func unknownReadsSayNothing() {
        #expect(verdict([Step(unknown: .read, from: 0), write(1, 1, 2)]) == .linearizable)
    }

    @Test func answersAtTheInstantOfAQuestionAreConcurrent() {
        #expect(verdict([write(1, 0, 5), read(0, 5, 6)]) == .linearizable)
    }
}

@Suite struct KnownBadHistories {
    private func isViolated(_ history: [Step]) -> Bool {
        if case .violated = verdict(history) { true } else { false }
    }

    @Test func staleRead() {
        #expect(isViolated([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]))
    }

    @Test func readsThatGoBack() {
        #expect(isViolated([write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)]))
    }

    @Test func lostUpdate() {
        let history = [
            Step(.add(1), 1, from: 0, to: 1), Step(.add(1), 1, from: 2, to: 3), read(1, 4, 5),
        ]
        #expect(isViolated(history))
    }

    @Test func acknowledgedAndGone() {
        #expect(isViolated([Step(.add(1), 1, from: 0, to: 1), read(0, 2, 3)]))
    }

    @Test func appliedTwice() {
        #expect(isViolated([Step(.add(5), 5, from: 0, to: 1), read(10, 2, 3)]))
    }

    @Test func anUnknownOneAppliedTwice() {
        let history = [
            Step(unknown: .add(5), from: 0), read(5, 2, 3), read(10, 4, 5),
        ]
        #expect(isViolated(history))
    }

    @Test func readFromTheFuture() {
        #expect(isViolated([read(1, 0, 1), write(1, 2, 3)]))
    }

    @Test func anUnknownWriteSeenBeforeItWasAsked() {
        #expect(isViolated([read(7, 0, 1), Step(unknown: .write(7), from: 2)]))
    }

    @Test func twoWinners() {
        let history = [
            Step(.swap(from: 0, to: 1), 1, from: 0, to: 5),
            Step(.swap(from: 0, to: 2), 1, from: 0, to: 5),
        ]
        #expect(isViolated(history))
    }

    @Test func aFailedSwapThatChangedSomething() {
        let history = [
            write(3, 0, 1), Step(.swap(from: 0, to: 9), 0, from: 2, to: 3), read(9, 4, 5),
        ]
        #expect(isViolated(history))
    }

    @Test func explainsAsMuchAsItCan() {
        let history = [write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)]
        #expect(verdict(history) == .violated(explained: [0, 1]))
    }
}

/// Against the plain definition: every order of every subset of the unknown ones.
@Suite struct AgainstBruteForce {
    @Test(arguments: UInt64(1)...400)
    func sameAsTryingEveryOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...6, using: &random)
        let history = (0..<count).map { _ in draw(&random) }
        let expected = exists(history, [], 0)
        let found = verdict(history)
        #expect((found == .linearizable) == expected, "SEED=\(seed) \(history)")
    }

    private func draw(_ random: inout SeededGenerator) -> Step {
        let from = Int64.random(in: 0..<12, using: &random)
        let to = from + Int64.random(in: 0..<6, using: &random)
        let value = Int.random(in: 0...2, using: &random)
        let input: Register.Input
        switch Int.random(in: 0..<4, using: &random) {
        case 0: input = .write(value)
        case 1: input = .swap(from: value, to: Int.random(in: 0...2, using: &random))
        default: input = .read
        }
        if Int.random(in: 0..<4, using: &random) == 0 { return Step(unknown: input, from: from) }
        var output = 0
        if case .read = input { output = Int.random(in: 0...2, using: &random) }
        if case .swap = input { output = Int.random(in: 0...1, using: &random) }
        return Step(input, output, from: from, to: to)
    }

    private func exists(_ history: [Step], _ taken: [Int], _ state: Int) -> Bool {
        let rest = history.indices.filter { !taken.contains($0) }
        if rest.allSatisfy({ history[$0].returnedAt == nil }) { return true }
        for index in rest {
            let isTooEarly = rest.contains { other in
                history[other].returnedAt.map { $0 < history[index].invokedAt } ?? false
            }
            guard !isTooEarly else { continue }
            let step = history[index]
            guard let next = Register().next(state, step.input, step.output) else { continue }
            if exists(history, taken + [index], next) { return true }
        }
        return false
    }
}

@Test func givesUpAndSaysSo() {
    // Many concurrent writes, and a read that none explains: every order has to be looked at.
    let writes = (1...30).map { write($0, 0, 100) }
    let found = LinearizabilityChecker(Register(), stepsMax: 10_000).check(
        writes + [read(99, 200, 201)]
    )
    guard case .undecided = found else {
        Issue.record("\(found)")
        return
    }
}
