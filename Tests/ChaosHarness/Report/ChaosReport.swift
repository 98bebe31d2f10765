/// What a run came to.
public struct ChaosReport: Sendable {
    /// What it was asked for.
    public let options: ChaosOptions
    /// What was planned.
    public let plan: FaultPlan
    /// What was found wrong; empty: all promises were kept.
    public let violations: [Violation]
    /// What each workload did.
    public let workloads: [(name: String, summary: String)]
    let samples: [Journal.Sample]
    /// When writes were acknowledged, in order.
    let writes: [Int64]
    let made: [Journal.Made]
    let encounters: [Journal.Encounter: Int]
    /// In microseconds since the run began.
    let faultsBegan: Int64
    let faultsEnded: Int64
    let ended: Int64

    init(
        options: ChaosOptions,
        plan: FaultPlan,
        _ journal: Journal,
        workloads: [(String, String)]
    ) {
        self.options = options
        self.plan = plan
        violations = journal.violations
        self.workloads = workloads.map { (name: $0.0, summary: $0.1) }
        samples = journal.samples.sorted { $0.at < $1.at }
        writes = samples.filter { $0.isWrite && $0.ending == .done }.map(\.at)
        made = journal.made
        encounters = journal.encounters
        faultsBegan = journal.faultsBegan ?? 0
        faultsEnded = journal.faultsEnded ?? journal.now
        ended = journal.now
    }

    /// Until when there is something to draw: the questions at the end are not part of the load.
    var drawnUntil: Int64 { max(samples.last?.at ?? 0, faultsEnded) }

    /// How often each fault was made.
    public var met: [FaultKind: Int] {
        made.reduce(into: [:]) { $0[$1.fault.kind, default: 0] += 1 }
    }

    /// Calls that were answered.
    public var answered: Int { samples.count { $0.ending == .done || $0.ending == .refused } }
}
