import CaseClient
import ClusterPrimitives

/// Comments onto cases that exist: the smallest durable command.
struct CommentWorkload: Workload {
    static let name = "comment"

    let stage: Stage
    let cases: [OwnedCase]
    let payloadBytes: Int
    let seed: UInt64

    /// Cases made at a time.
    private static let creationsInFlight = 64

    init(stage: Stage, caseCount: Int, payloadBytes: Int, seed: UInt64) async throws {
        self.stage = stage
        self.payloadBytes = payloadBytes
        self.seed = seed
        cases = try await OwnedCase.make(caseCount, on: stage, inFlight: Self.creationsInFlight)
    }

    func worker(_ index: Int) -> Worker {
        Worker(
            stage: stage,
            cases: cases,
            payloadBytes: payloadBytes,
            index: index,
            random: SeededGenerator(seed: seed &+ UInt64(index))
        )
    }

    func audit(_ workers: [Worker]) async throws -> Audit {
        let owners = Dictionary(uniqueKeysWithValues: cases.map { ($0.id, $0.owner) })
        let fallback = stage.agents[0]
        return try await Auditor(stage: stage, payloadBytes: payloadBytes).run(
            workers.map(\.journal),
            reader: { owners[$0] ?? fallback }
        )
    }

    /// Comments on any of the cases, as its owner.
    struct Worker: LoadWorker {
        let stage: Stage
        let cases: [OwnedCase]
        let payloadBytes: Int
        let index: Int
        var random: SeededGenerator
        var sequence = 0
        var journal = Journal()

        mutating func step(_ meter: inout Meter) async {
            let target = cases[Int.random(in: cases.indices, using: &random)]
            sequence += 1
            let marker = Marker(run: stage.run, worker: index, sequence: sequence)
            let text = marker.text(bytes: payloadBytes)
            let client = stage.client(index)
            do throws(CaseClientError) {
                let receipt = try await meter.time { () async throws(CaseClientError) in
                    try await client.execute(
                        .comment(text),
                        on: target.id,
                        options: target.owner.call
                    )
                }
                journal.add(target.id, marker, .acknowledged(version: receipt.version))
                meter.rounds += 1
            } catch {
                journal.add(target.id, marker, Journal.Outcome(error))
            }
        }
    }
}

/// A case, and the agent who owns it.
struct OwnedCase: Sendable {
    let id: String
    let title: String
    let owner: Stage.Actor

    /// Makes cases as agents on a call do: open and owned from the start.
    static func make(_ count: Int, on stage: Stage, inFlight: Int) async throws -> [OwnedCase] {
        try await inParallel(count, inFlight: inFlight) { index in
            let owner = stage.agents[index % stage.agents.count]
            let title = "bench \(stage.run) case \(index)"
            let receipt = try await stage.client(index).create(
                NewCase.with {
                    $0.title = title
                    $0.message = "A case to load."
                    $0.requester.name = "Bench \(index)"
                    $0.queue = stage.queue
                    $0.asOwner = true
                },
                options: owner.call
            )
            return OwnedCase(id: receipt.caseID, title: title, owner: owner)
        }
    }
}
