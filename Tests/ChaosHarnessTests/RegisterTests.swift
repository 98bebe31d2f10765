import HistoryChecker
import Testing

@testable import ChaosHarness

/// Histories of one register, good and bad, as clients could have them.
struct RegisterTests {
    private typealias Step = RegisterModel.Step
    private let start = RegisterModel.State(version: 1, value: "a")

    private func violation(_ history: [Step], stepsMax: Int = 10_000) -> Violation? {
        RegisterModel.violation(of: "x", history, start: start, stepsMax: stepsMax)
    }

    private func write(
        _ expected: UInt64,
        _ value: String,
        _ output: RegisterModel.Output?,
        _ from: Int64,
        _ to: Int64
    ) -> Step {
        let input = RegisterModel.Input.write(expected: expected, value: value)
        guard let output else { return Step(unknown: input, from: from) }
        return Step(input, output, from: from, to: to)
    }

    private func read(_ version: UInt64, _ value: String, _ from: Int64, _ to: Int64) -> Step {
        Step(.read, .seen(version: version, value: value), from: from, to: to)
    }

    @Test func whatHappensOneAfterTheOtherIsFine() {
        let history = [
            write(1, "b", .written(2), 0, 1), write(1, "c", .stale(current: 2), 2, 3),
            read(2, "b", 4, 5),
        ]
        #expect(violation(history) == nil)
    }

    @Test func whatNobodyKnowsMayHaveHappenedOrNot() {
        #expect(violation([write(1, "b", nil, 0, 0), read(2, "b", 5, 6)]) == nil)
        #expect(violation([write(1, "b", nil, 0, 0), read(1, "a", 5, 6)]) == nil)
        #expect(
            violation([write(1, "b", nil, 0, 0), read(2, "b", 5, 6), read(1, "a", 7, 8)]) != nil
        )
    }

    /// What a leader that reads without asking anybody shows, when it has been replaced.
    @Test func aStaleReadIsFound() throws {
        let found = try #require(violation([write(1, "b", .written(2), 0, 1), read(1, "a", 2, 3)]))
        #expect(found.check == "linearizable")
        #expect(found.operations.contains { $0.hasPrefix("> ") && $0.contains("seen") })
    }

    @Test func aLostWriteIsFound() {
        let history = [
            write(1, "b", .written(2), 0, 1), write(1, "c", .written(2), 2, 3),
        ]
        #expect(violation(history) != nil)
    }

    @Test func twoWinnersOfOneVersionAreFound() {
        let history = [write(1, "b", .written(2), 0, 9), write(1, "c", .written(2), 0, 9)]
        #expect(violation(history) != nil)
    }

    @Test func aRefusalOfTheRightVersionIsFound() {
        #expect(violation([write(1, "b", .stale(current: 1), 0, 1)]) != nil)
        #expect(violation([write(1, "b", .other("wrong-status"), 0, 1)]) != nil)
    }

    @Test func whatCantBeDecidedCountsAsBroken() throws {
        let history = (0..<20).map { write(1, "v\($0)", nil, 0, 0) } + [read(3, "v1", 1, 2)]
        let found = try #require(violation(history, stepsMax: 5))
        #expect(found.message.contains("undecided"))
    }
}
