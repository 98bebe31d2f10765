import ClusterPrimitives
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (4_107_542_399_001, "2100-02-28T23:59:59.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func instantsInWords(milliseconds: Int64, words: String) {
        #expect(Timestamp(millisecondsSince1970: milliseconds).description == words)
    }

    @Test func theEndsOfTimeDoNotTrap() {
        #expect(!Timestamp.distantFuture.description.isEmpty)
        #expect(!Timestamp(rawValue: .min).description.isEmpty)
        #expect(Timestamp.distantFuture + .days(1) == .distantFuture)
        #expect(Timestamp(rawValue: .min) + .days(-1) == Timestamp(rawValue: .min))
        #expect(Timestamp(rawValue: 5_000) - Timestamp(rawValue: 2_000) == .seconds(3))
    }

    @Test(arguments: [
        ("7d", Int64(604_800_000)), ("10s", 10_000), ("250ms", 250), ("5m", 300_000),
        ("2h", 7_200_000),
        ("0s", 0), ("36525d", 3_155_760_000_000),
    ])
    func spansAreRead(text: String, milliseconds: Int64) {
        #expect(TimeSpan(text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "7", "d", "7 d", "-7d", "+7d", "7D", "7days", "1.5h", "7d ", "36526d",
        "9223372036854775807d",
        "99999999999999999999s", "٧d",
    ])
    func whatIsNoSpanIsNone(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test(arguments: UInt64(1)...16)
    func spansComeBack(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let span = TimeSpan(milliseconds: Int64(generator.next() % 3_155_760_000_000))
            #expect(TimeSpan(span.description) == span, "SIM_SEED=\(seed)")
        }
        #expect(TimeSpan.days(7).description == "7d")
        #expect(TimeSpan(milliseconds: 0).description == "0ms")
        #expect(TimeSpan.seconds(90).description == "90s")
    }
}
