import ClusterPrimitives
import Foundation
import Testing

@testable import casebench

/// The histogram against sorted values.
@Suite struct HistogramTests {
    @Test(arguments: UInt64(1)...16)
    func quantilesAreWithinTheNamedPrecision(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram()
        var values: [UInt64] = []
        for _ in 0..<5_000 {
            let bits = Int.random(in: 0...40, using: &random)
            let value = UInt64.random(in: 0...(1 << bits), using: &random)
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        for share in [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let rank = max(1, Int((share * 5_000).rounded(.up)))
            let exact = values[rank - 1]
            let found = histogram.quantile(share)
            #expect(found >= exact, "SEED=\(seed) share=\(share)")
            #expect(found <= exact + exact / 128 + 1, "SEED=\(seed) share=\(share)")
        }
        #expect(histogram.count == 5_000)
        #expect(histogram.nanosecondsLargest == values.last)
    }

    @Test func bucketsJoinWithoutGap() {
        for value in (0...4_096).map({ UInt64($0) }) {
            let bucket = LatencyHistogram.bucket(of: value)
            #expect(LatencyHistogram.upperEnd(of: bucket) >= value)
            let next = LatencyHistogram.bucket(of: value + 1)
            #expect(next == bucket || next == bucket + 1)
            if next == bucket + 1 { #expect(LatencyHistogram.upperEnd(of: bucket) == value) }
        }
    }

    @Test func mergeIsTheSameAsOne() {
        var left = LatencyHistogram()
        var right = LatencyHistogram()
        var both = LatencyHistogram()
        for value in (1...1_000).map({ UInt64($0 * 997) }) {
            if value % 2 == 0 { left.record(value) } else { right.record(value) }
            both.record(value)
        }
        left.merge(right)
        for share in [0.1, 0.5, 0.99] { #expect(left.quantile(share) == both.quantile(share)) }
        #expect(left.count == both.count)
        #expect(left.mean == both.mean)
    }

    @Test func emptyAndHuge() {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == 0)
        histogram.record(.max)
        #expect(histogram.quantile(1) == LatencyHistogram.nanosecondsMax)
    }
}

/// The audit has to find each kind of fault.
@Suite struct AuditTests {
    static let run = "r1"

    static func line(_ sequence: Int, _ outcome: Journal.Outcome, worker: Int = 1) -> Journal.Line {
        Journal.Line(
            caseID: "C",
            marker: Marker(run: run, worker: worker, sequence: sequence),
            outcome: outcome
        )
    }

    static func stored(_ sequence: Int, version: UInt64, worker: Int = 1) -> Audit.Stored {
        Audit.Stored(
            number: version,
            version: version,
            text: Marker(run: run, worker: worker, sequence: sequence).text(bytes: 100)
        )
    }

    static func audit(_ stored: [Audit.Stored], _ lines: [Journal.Line]) -> Audit {
        var audit = Audit()
        audit.check("C", stored: stored, lines: lines, run: run, payloadBytes: 100)
        return audit
    }

    @Test func clean() {
        let audit = Self.audit(
            [
                Audit.Stored(number: 1, version: 1, text: "A case to load."),
                Self.stored(1, version: 2), Self.stored(5, version: 3, worker: 2),
                Self.stored(3, version: 4), Self.stored(4, version: 5),
            ],
            [
                Self.line(1, .acknowledged(version: 2)), Self.line(2, .refused),
                Self.line(3, .acknowledged(version: 4)), Self.line(4, .unknown),
                Self.line(6, .unknown), Self.line(5, .acknowledged(version: 3), worker: 2),
            ]
        )
        #expect(audit.isClean)
        #expect(audit.acknowledged == 3)
        #expect(audit.unknownOutcomes == 2)
        #expect(audit.unknownFound == 1)
    }

    @Test func lost() {
        let audit = Self.audit([], [Self.line(1, .acknowledged(version: 2))])
        #expect(audit.lost == 1)
        #expect(!audit.isClean)
        #expect(audit.findings.count == 1)
    }

    @Test(arguments: [Journal.Outcome.acknowledged(version: 2), .unknown])
    func repeated(outcome: Journal.Outcome) {
        let audit = Self.audit(
            [Self.stored(1, version: 2), Self.stored(1, version: 2)],
            [Self.line(1, outcome)]
        )
        #expect(audit.repeated == 1)
        #expect(!audit.isClean)
    }

    @Test func misordered() {
        let audit = Self.audit(
            [Self.stored(2, version: 2), Self.stored(1, version: 3)],
            [Self.line(1, .acknowledged(version: 3)), Self.line(2, .acknowledged(version: 2))]
        )
        #expect(audit.misordered == 1)
    }

    @Test func refusedButThere() {
        #expect(Self.audit([Self.stored(1, version: 2)], [Self.line(1, .refused)]).unexpected == 1)
        #expect(Self.audit([Self.stored(1, version: 2)], []).unexpected == 1)
    }

    @Test func alteredTextOrVersion() {
        let cut = Audit.Stored(
            number: 2,
            version: 2,
            text: String(Marker(run: Self.run, worker: 1, sequence: 1).text(bytes: 100).dropLast())
        )
        #expect(Self.audit([cut], [Self.line(1, .acknowledged(version: 2))]).altered == 1)
        let elsewhere = Self.stored(1, version: 3)
        #expect(Self.audit([elsewhere], [Self.line(1, .acknowledged(version: 2))]).altered == 1)
    }

    @Test(arguments: [64, 256, 10_000])
    func markersHaveTheirLength(bytes: Int) {
        let marker = Marker(run: "zz", worker: 12, sequence: 345)
        let text = marker.text(bytes: bytes)
        #expect(text.utf8.count == bytes)
        #expect(Marker(text) == marker)
        let letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)
        let filler = Array(text.utf8.dropFirst("casebench zz 12 345 ".utf8.count))
        #expect(filler == filler.indices.map { letters[(345 + $0) % 26] })
        #expect(Marker("Hello there, how are you") == nil)
    }
}

/// Figures in the report.
@Suite struct ReportTests {
    @Test func theMedianRoundIsOneOfThem() {
        let rounds = [3, 1, 2].map { count in
            var meter = Meter()
            meter.rounds = UInt64(count)
            return Round(meter, .seconds(1))
        }
        #expect(Report.median(rounds) != nil)
        #expect(Report.median([]) == nil)
    }

    @Test func jobsKeepTheirOrderAndTheirBound() async throws {
        let results = try await inParallel(100, inFlight: 7) { $0 * 2 }
        #expect(results == (0..<100).map { $0 * 2 })
        #expect(try await inParallel(0, inFlight: 3) { $0 } == [])
    }

    @Test func optionsAreChecked() {
        for arguments in [
            ["comment", "--in-flight", "0"], ["comment", "--payload", "10"],
            ["comment", "--duration", "soon"], ["comment", "--duration", "0s"],
            ["read", "--rounds", "0"], ["lifecycle", "--cases", "0"],
        ] {
            #expect(throws: (any Error).self, "\(arguments)") {
                _ = try Casebench.parseAsRoot(arguments)
            }
        }
    }
}
