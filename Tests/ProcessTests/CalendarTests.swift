import CaseClient
import ClusterPrimitives
import ProcessSupport
import Testing

/// Goal: with the default settings, over nine days and the start of summer time, a case is closed after exactly
/// seven days, by the cluster's clock, and archived in the night after.
/// Method: three nodes under libfaketime, whose clocks jump from one moment of interest to shortly before the next.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct CalendarTests {
    /// The longest jump. The usual one leaves out all nights but those that matter; with 12 every night
    /// is lived through.
    static let stepHours = Int64(TestSize.number("CASECLUSTER_CLOCK_STEP_HOURS", else: 24 * 7))
    static let casesOfABatch = 16
    /// Before a moment of interest: a jump is believed after two seconds, and then there must be time to see
    /// that nothing has happened yet.
    static let lead = TimeSpan(milliseconds: 6_000)
    /// After it: work begins within 1 s of being due; the rest is for a machine that builds besides.
    static let late = TimeSpan(milliseconds: 5_000)
    static let zone = "Europe/Stockholm"

    /// Saturday 2026-03-21 09:00 UTC. In Stockholm summer time begins on the 29th at 02:00, which that night lacks.
    static let begin = Timestamp(millisecondsSince1970: 1_774_083_600_000)
    /// The nights from the 22nd on: 02:00 is 01:00 UTC, on the 29th the moment when the clocks go on from 02:00
    /// to 03:00, and from then on 00:00 UTC.
    static let nights = (0..<10).map { day in
        begin + TimeSpan(milliseconds: (16 + day * 24 - (day > 7 ? 1 : 0)) * 3_600_000)
    }

    @Test func nineDaysAndTheStartOfSummerTime() async throws {
        let clock = try FakeClock(startingAt: Self.begin)
        let nodes = try await ThreeNodes.start { _ in try clock.environment() }
        let journey = try await Journey(nodes, clock)
        let first = try await ResolvedCases.make(Self.casesOfABatch, journey.agent)
        // Seven days after the first night is the night of the change, just after it has begun.
        try await journey.night(Self.nights[0])
        let late = try await ResolvedCases.make(Self.casesOfABatch, journey.agent)
        // At 16:00; seven days later it is 17:00.
        try await journey.travel(to: Self.begin + TimeSpan(milliseconds: 30 * 3_600_000))
        let second = try await ResolvedCases.make(Self.casesOfABatch, journey.agent)
        for batch in [first, late, second] {
            for record in batch.records.values {
                #expect(record.dueAt == record.resolvedAt + 7 * 24 * 3_600_000)
            }
        }
        try await journey.nights(before: first.firstDue)
        try await journey.due(first)
        for found in try await late.now(journey.reader) + second.now(journey.reader) {
            #expect(found.status == .resolved, "\(found.id) was closed with others")
        }
        try await journey.night(Self.nights[7], archives: [first])
        try await journey.due(late)
        try await journey.due(second)
        try await journey.night(Self.nights[8], archives: [late, second])
        try await journey.night(Self.nights[9])
        for batch in [first, late, second] {
            for found in try await batch.now(journey.reader) {
                let before = try #require(batch.records[found.id])
                #expect(found.version == before.version + 2, "closed once and archived once")
            }
        }
        #expect(try await nodes.areReplicasEqual(journey.token))
        let report = await journey.end()
        print("nine days in jumps of at most \(Self.stepHours) h:", report)
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }
}
