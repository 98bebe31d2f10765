import Testing

@testable import ChaosHarness

/// Histories of one list, good and bad.
struct AppendTests {
    private func append(
        _ text: String,
        _ version: UInt64?,
        _ from: Int64,
        _ to: Int64?
    ) -> AppendHistory.Append {
        AppendHistory.Append(text: text, from: from, to: to, version: version)
    }

    private func checks(
        _ appends: [AppendHistory.Append],
        _ final: [(text: String, version: UInt64)],
        reads: [AppendHistory.Read] = []
    ) -> Set<String> {
        let history = AppendHistory(appends: appends, reads: reads)
        return Set(history.violations(of: "x", final: final).map(\.check))
    }

    private let both: [(text: String, version: UInt64)] = [("a", 2), ("b", 3)]

    @Test func whatStandsOnceAndInOrderIsFine() {
        let appends = [append("a", 2, 0, 1), append("b", 3, 2, 3), append("c", nil, 2, nil)]
        let reads = [
            AppendHistory.Read(texts: ["a"], from: 1, to: 4),
            AppendHistory.Read(texts: ["a", "b"], from: 2, to: 5),
        ]
        #expect(checks(appends, both, reads: reads).isEmpty)
        #expect(checks(appends, both + [("c", 4)]).isEmpty)
    }

    @Test func aLostAppendIsFound() {
        #expect(
            checks([append("a", 2, 0, 1), append("b", 3, 2, 3)], [("a", 2)]) == ["nothing lost"]
        )
    }

    @Test func adoubledAppendIsFound() {
        let final: [(text: String, version: UInt64)] = [("a", 2), ("a", 3)]
        #expect(checks([append("a", 2, 0, 1)], final) == ["exactly once"])
    }

    @Test func whatNobodyAppendedIsFound() {
        #expect(checks([append("a", 2, 0, 1)], both) == ["nothing invented"])
    }

    @Test func anOrderAgainstTimeIsFound() {
        #expect(checks([append("a", 2, 4, 5), append("b", 3, 0, 1)], both) == ["linearizable"])
    }

    @Test func anotherPlaceThanAcknowledgedIsFound() {
        #expect(checks([append("a", 9, 0, 1), append("b", 3, 2, 3)], both) == ["linearizable"])
    }

    @Test func readsThatAreStaleOrFromTheFutureAreFound() {
        let appends = [append("a", 2, 0, 1), append("b", 3, 10, 11)]
        for (texts, from, to) in [(["a"], 12, 13), (["a", "b"], 5, 6), (["b"], 12, 13)] {
            let read = AppendHistory.Read(texts: texts, from: Int64(from), to: Int64(to))
            #expect(checks(appends, both, reads: [read]) == ["linearizable"], "\(texts)")
        }
    }
}
