/// What a worker was told about the texts that it sent.
struct Journal: Sendable {
    /// One text.
    struct Line: Sendable, Hashable {
        let caseID: String
        let marker: Marker
        let outcome: Outcome
    }

    /// What is known of it.
    enum Outcome: Sendable, Hashable {
        /// Acknowledged, as part of this version of the case.
        case acknowledged(version: UInt64)
        /// Nobody said.
        case unknown
        /// Refused: must not be there.
        case refused
    }

    private(set) var lines: [Line] = []

    mutating func add(_ caseID: String, _ marker: Marker, _ outcome: Outcome) {
        lines.append(Line(caseID: caseID, marker: marker, outcome: outcome))
    }
}

/// Compares what is stored with what was acknowledged.
///
/// Each acknowledged text is there exactly once, whole, in the version that its receipt named; each
/// unknown one at most once; no refused one, and nothing else of this run; each worker's in the
/// order sent.
struct Audit: Sendable, Equatable {
    private(set) var cases = 0
    private(set) var entries = 0
    private(set) var acknowledged = 0
    private(set) var unknownOutcomes = 0
    private(set) var unknownFound = 0
    private(set) var lost = 0
    private(set) var repeated = 0
    private(set) var misordered = 0
    private(set) var altered = 0
    private(set) var unexpected = 0
    /// The first findings, in words.
    private(set) var findings: [String] = []

    /// Findings kept in words; all are counted.
    static let findingsMax = 20

    var isClean: Bool { lost + repeated + misordered + altered + unexpected == 0 }

    /// A text as it is stored.
    struct Stored: Sendable {
        let number: UInt64
        let version: UInt64
        let text: String
    }

    /// Checks one case. `lines` are all of this case's, of all workers, each worker's in its order.
    mutating func check(
        _ caseID: String,
        stored: [Stored],
        lines: [Journal.Line],
        run: String,
        payloadBytes: Int
    ) {
        cases += 1
        entries += stored.count
        var expected: [Marker: Journal.Outcome] = [:]
        for line in lines {
            assert(line.caseID == caseID)
            expected[line.marker] = line.outcome
            if line.outcome == .unknown { unknownOutcomes += 1 }
        }
        var found: [Marker: Int] = [:]
        var last: [Int: Int] = [:]
        for item in stored {
            guard let marker = Marker(item.text), marker.run == run else { continue }
            found[marker, default: 0] += 1
            compare(caseID, item, marker, expected[marker], payloadBytes)
            if let before = last[marker.worker], before > marker.sequence {
                misordered += 1
                note(
                    "\(caseID): worker \(marker.worker)'s \(marker.sequence) stands after \(before)"
                )
            }
            last[marker.worker] = marker.sequence
        }
        for line in lines { count(line, times: found[line.marker] ?? 0) }
    }

    private mutating func compare(
        _ caseID: String,
        _ item: Stored,
        _ marker: Marker,
        _ outcome: Journal.Outcome?,
        _ payloadBytes: Int
    ) {
        if item.text != marker.text(bytes: payloadBytes) {
            altered += 1
            note("\(caseID): entry \(item.number) has another text than was sent")
        }
        switch outcome {
        case .acknowledged(let version) where version != item.version:
            altered += 1
            note("\(caseID): entry \(item.number) is of version \(item.version), not \(version)")
        case .acknowledged, .unknown: break
        case .refused, nil:
            unexpected += 1
            note("\(caseID): entry \(item.number) was refused, or never sent")
        }
    }

    private mutating func count(_ line: Journal.Line, times: Int) {
        let name = "\(line.caseID): worker \(line.marker.worker)'s \(line.marker.sequence)"
        if times > 1 {
            repeated += 1
            note("\(name) is there \(times) times")
        }
        switch line.outcome {
        case .acknowledged:
            acknowledged += 1
            guard times == 0 else { return }
            lost += 1
            note("\(name) is LOST")
        case .unknown: if times > 0 { unknownFound += 1 }
        case .refused: break
        }
    }

    /// Counts something else that is wrong with a case.
    mutating func fail(_ text: String) {
        altered += 1
        note(text)
    }

    private mutating func note(_ text: String) {
        if findings.count < Self.findingsMax { findings.append(text) }
    }

    /// Takes in another audit's counts.
    mutating func merge(_ other: Audit) {
        cases += other.cases
        entries += other.entries
        acknowledged += other.acknowledged
        unknownOutcomes += other.unknownOutcomes
        unknownFound += other.unknownFound
        lost += other.lost
        repeated += other.repeated
        misordered += other.misordered
        altered += other.altered
        unexpected += other.unexpected
        findings += other.findings.prefix(Self.findingsMax - findings.count)
    }
}
