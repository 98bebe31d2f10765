import Foundation

/// One measured round.
struct Round: Codable, Sendable {
    let seconds: Double
    let operations: UInt64
    let operationsPerSecond: Double
    let workloadStepsPerSecond: Double
    let meanMs: Double
    let p50Ms: Double
    let p99Ms: Double
    let p999Ms: Double
    let maxMs: Double
    let errors: [String: UInt64]

    init(_ meter: Meter, _ elapsed: Duration) {
        let seconds = Double(Meter.nanoseconds(elapsed)) / 1e9
        self.seconds = seconds
        operations = meter.operations
        operationsPerSecond = seconds > 0 ? Double(meter.operations) / seconds : 0
        workloadStepsPerSecond = seconds > 0 ? Double(meter.rounds) / seconds : 0
        meanMs = Double(meter.latencies.mean) / 1e6
        p50Ms = Double(meter.latencies.quantile(0.50)) / 1e6
        p99Ms = Double(meter.latencies.quantile(0.99)) / 1e6
        p999Ms = Double(meter.latencies.quantile(0.999)) / 1e6
        maxMs = Double(meter.latencies.nanosecondsLargest) / 1e6
        errors = meter.errors
    }

    /// For people.
    var line: String {
        let rate = String(format: "%.0f", operationsPerSecond)
        let times = String(
            format: "p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, longest %.2f ms",
            p50Ms,
            p99Ms,
            p999Ms,
            maxMs
        )
        let failed = errors.values.reduce(0, +)
        return "\(rate) operations/s, \(times), \(failed) errors"
    }
}

/// What a run writes as JSON. The names are an interface: scripts compare runs by them.
struct Report: Codable, Sendable {
    let workload: String
    let startedAt: String
    let servers: String
    let serverVersion: String
    let nodes: Int
    let shards: Int
    let inFlight: Int
    let connections: Int
    let cases: Int
    let payloadBytes: Int
    let seed: UInt64
    let latencyPrecision: String
    /// The round with the median rate.
    let median: Round
    let rounds: [Round]
    let verification: Verification
    let machine: Machine

    /// Of the rounds, the one in the middle by rate (of an even number the slower one).
    static func median(_ rounds: [Round]) -> Round? {
        guard !rounds.isEmpty else { return nil }
        let sorted = rounds.sorted { $0.operationsPerSecond < $1.operationsPerSecond }
        return sorted[(sorted.count - 1) / 2]
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(self) + Data("\n".utf8)
    }
}

/// What reading everything back found.
struct Verification: Codable, Sendable {
    let passed: Bool
    let cases: Int
    let entries: Int
    let acknowledged: Int
    let unknownOutcomes: Int
    let unknownFound: Int
    let lost: Int
    let repeated: Int
    let misordered: Int
    let altered: Int
    let unexpected: Int
    let findings: [String]

    init(_ audit: Audit) {
        passed = audit.isClean
        cases = audit.cases
        entries = audit.entries
        acknowledged = audit.acknowledged
        unknownOutcomes = audit.unknownOutcomes
        unknownFound = audit.unknownFound
        lost = audit.lost
        repeated = audit.repeated
        misordered = audit.misordered
        altered = audit.altered
        unexpected = audit.unexpected
        findings = audit.findings
    }

    /// For people.
    var line: String {
        "\(passed ? "verified" : "MISMATCH"): \(cases) cases, \(entries) entries, "
            + "\(acknowledged) acknowledged, \(lost) lost, \(repeated) repeated, "
            + "\(misordered) out of order, \(altered) altered, \(unexpected) unexpected; "
            + "\(unknownFound) of \(unknownOutcomes) unknown ones were carried out"
    }
}

/// Where it was measured: figures without it mean nothing.
struct Machine: Codable, Sendable {
    let processor: String
    let processors: Int
    let memoryBytes: UInt64
    let system: String
    let host: String

    /// This machine; what the system does not tell is empty.
    static func current() -> Machine {
        let information = ProcessInfo.processInfo
        return Machine(
            processor: processorName(),
            processors: information.activeProcessorCount,
            memoryBytes: information.physicalMemory,
            system: information.operatingSystemVersionString,
            host: information.hostName
        )
    }

    private static func processorName() -> String {
        guard let bytes = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return "" }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("model name") }),
            let colon = line.firstIndex(of: ":")
        else { return "" }
        return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
}
