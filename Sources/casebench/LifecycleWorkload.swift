import CaseClient

/// Whole lives: the requester makes a case, an agent takes it, answers and proposes a solution, and
/// the requester accepts it. Five durable commands.
struct LifecycleWorkload: Workload {
    static let name = "lifecycle"

    let stage: Stage
    let payloadBytes: Int

    func worker(_ index: Int) -> Worker {
        Worker(stage: stage, payloadBytes: payloadBytes, index: index)
    }

    func audit(_ workers: [Worker]) async throws -> Audit {
        // Every worker's requester sees its own cases, and only those.
        var readers: [String: Stage.Actor] = [:]
        var finished: Set<String> = []
        for worker in workers {
            for line in worker.journal.lines { readers[line.caseID] = worker.requester }
            finished.formUnion(worker.finished)
        }
        let known = readers
        let closed = finished
        let fallback = stage.requesters[0]
        return try await Auditor(stage: stage, payloadBytes: payloadBytes).run(
            workers.map(\.journal),
            reader: { known[$0] ?? fallback },
            also: { record, audit in
                let isEnded = record.status == .closed || record.status == .archived
                if closed.contains(record.id), !isEnded {
                    audit.fail("\(record.id): was accepted, and is \(record.status.label)")
                }
            }
        )
    }

    /// An agent and a requester, one case at a time.
    struct Worker: LoadWorker {
        let stage: Stage
        let payloadBytes: Int
        let index: Int
        var sequence = 0
        var journal = Journal()
        var finished: [String] = []

        var agent: Stage.Actor { stage.agents[index % stage.agents.count] }
        var requester: Stage.Actor { stage.requesters[index % stage.requesters.count] }

        mutating func step(_ meter: inout Meter) async {
            let client = stage.client(index)
            let requester = requester
            let agent = agent
            do throws(CaseClientError) {
                let opening = nextMarker()
                let new = NewCase.with {
                    $0.title = "bench \(stage.run) life \(index)/\(sequence)"
                    $0.message = opening.text(bytes: payloadBytes)
                    $0.queue = stage.queue
                }
                let created = try await meter.time { () async throws(CaseClientError) in
                    try await client.create(new, options: requester.call)
                }
                let id = created.caseID
                journal.add(id, opening, .acknowledged(version: created.version))
                _ = try await meter.time { () async throws(CaseClientError) in
                    try await client.execute(.assignToMe, on: id, options: agent.call)
                }
                try await comment(id, &meter)
                _ = try await meter.time { () async throws(CaseClientError) in
                    try await client.execute(
                        .proposeSolution(note: "Done.", message: "This should do."),
                        on: id,
                        options: agent.call
                    )
                }
                _ = try await meter.time { () async throws(CaseClientError) in
                    try await client.execute(.acceptSolution, on: id, options: requester.call)
                }
                finished.append(id)
                meter.rounds += 1
            } catch {
                // Counted by the meter, and written down where a text was sent.
                return
            }
        }

        private mutating func comment(
            _ id: String,
            _ meter: inout Meter
        ) async throws(CaseClientError) {
            let client = stage.client(index)
            let agent = agent
            let marker = nextMarker()
            let text = marker.text(bytes: payloadBytes)
            do {
                let receipt = try await meter.time { () async throws(CaseClientError) in
                    try await client.execute(.comment(text), on: id, options: agent.call)
                }
                journal.add(id, marker, .acknowledged(version: receipt.version))
            } catch {
                journal.add(id, marker, Journal.Outcome(error))
                throw error
            }
        }

        private mutating func nextMarker() -> Marker {
            sequence += 1
            return Marker(run: stage.run, worker: index, sequence: sequence)
        }
    }
}
