import CaseClient

/// A kind of load: workers that each do one thing after the other.
protocol Workload: Sendable {
    associatedtype Worker: LoadWorker

    /// As the command names it.
    static var name: String { get }

    /// What they share.
    var stage: Stage { get }

    /// Makes a worker; it lives through all rounds.
    func worker(_ index: Int) -> Worker

    /// Reads everything back and compares it with what the workers were told.
    func audit(_ workers: [Worker]) async throws -> Audit
}

/// One of the callers of a closed loop: its next call begins when the one before has ended.
protocol LoadWorker: Sendable {
    /// One step of one or several operations. Errors are counted by the meter, and the loop goes
    /// on.
    mutating func step(_ meter: inout Meter) async
}

extension Journal.Outcome {
    /// What a failed command leaves behind.
    init(_ error: CaseClientError) { self = error.outcomeUnknown ? .unknown : .refused }
}

/// Reading back, the same for all workloads.
struct Auditor: Sendable {
    let stage: Stage
    let payloadBytes: Int

    /// Cases read back at a time.
    private static let inFlight = 32

    /// Checks each case that a journal names, and with `also` what else the workload knows about
    /// it.
    func run(
        _ journals: [Journal],
        reader: @escaping @Sendable (String) -> Stage.Actor,
        also: @escaping @Sendable (CaseRecord, inout Audit) -> Void = { _, _ in }
    ) async throws -> Audit {
        var byCase: [String: [Journal.Line]] = [:]
        for journal in journals {
            for line in journal.lines { byCase[line.caseID, default: []].append(line) }
        }
        let cases = byCase.sorted { $0.key < $1.key }
        let audits = try await inParallel(cases.count, inFlight: Self.inFlight) { index in
            let (caseID, lines) = cases[index]
            let client = stage.client(index)
            let call = reader(caseID).call
            var stored: [Audit.Stored] = []
            for try await entry in client.entries(of: caseID, options: call) {
                guard entry.kind == .created || entry.kind == .comment else { continue }
                stored.append(
                    Audit.Stored(number: entry.number, version: entry.version, text: entry.text)
                )
            }
            var audit = Audit()
            audit.check(
                caseID,
                stored: stored,
                lines: lines,
                run: stage.run,
                payloadBytes: payloadBytes
            )
            also(try await client.get(caseID, options: call), &audit)
            return audit
        }
        return audits.reduce(into: Audit()) { $0.merge($1) }
    }
}
