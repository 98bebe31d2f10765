import CaseClient

/// Runs a workload: warm-up, rounds, audit.
struct Runner<Load: Workload>: Sendable {
    let workload: Load
    let inFlight: Int
    let warmUp: Duration
    let duration: Duration
    let rounds: Int

    /// All rounds, and what reading back found. The warm-up is not measured, and is audited.
    func run(_ progress: (String) -> Void) async throws -> (rounds: [Round], audit: Audit) {
        var workers = (0..<inFlight).map { workload.worker($0) }
        if warmUp > .zero { _ = await load(&workers, warmUp) }
        var measured: [Round] = []
        for number in 1...rounds {
            let round = await load(&workers, duration)
            measured.append(round)
            progress("round \(number) of \(rounds): \(round.line)")
        }
        progress("reading everything back")
        return (measured, try await workload.audit(workers))
    }

    private func load(_ workers: inout [Load.Worker], _ duration: Duration) async -> Round {
        let begun = ContinuousClock.now
        let ends = begun + duration
        let results = await withTaskGroup(of: (Int, Load.Worker, Meter).self) { group in
            for (index, worker) in workers.enumerated() {
                // Whoever calls one after the other runs best where its answers arrive.
                let executor = workload.stage.client(index).taskExecutor
                group.addTask(executorPreference: executor) {
                    var worker = worker
                    var meter = Meter()
                    while ContinuousClock.now < ends { await worker.step(&meter) }
                    return (index, worker, meter)
                }
            }
            var all: [(Int, Load.Worker, Meter)] = []
            for await result in group { all.append(result) }
            return all
        }
        let elapsed = ContinuousClock.now - begun
        var meter = Meter()
        for (index, worker, measured) in results {
            workers[index] = worker
            meter.merge(measured)
        }
        return Round(meter, elapsed)
    }
}
