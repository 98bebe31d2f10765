import CaseClient
import ClusterPrimitives

/// Linearizable reads of single cases.
struct ReadWorkload: Workload {
    static let name = "read"

    let stage: Stage
    let cases: [OwnedCase]
    let seed: UInt64

    /// Cases made at a time.
    private static let creationsInFlight = 64

    init(stage: Stage, caseCount: Int, seed: UInt64) async throws {
        self.stage = stage
        self.seed = seed
        cases = try await OwnedCase.make(caseCount, on: stage, inFlight: Self.creationsInFlight)
    }

    func worker(_ index: Int) -> Worker {
        Worker(
            stage: stage,
            cases: cases,
            index: index,
            random: SeededGenerator(seed: seed &+ UInt64(index))
        )
    }

    /// Each answer was compared when it came; here the cases are looked at once more.
    func audit(_ workers: [Worker]) async throws -> Audit {
        var audit = Audit()
        for worker in workers {
            for finding in worker.wrong { audit.fail(finding) }
        }
        let audits = try await inParallel(cases.count, inFlight: Self.creationsInFlight) { index in
            let known = cases[index]
            let record = try await stage.client(index).get(known.id, options: known.owner.call)
            var audit = Audit()
            audit.check(known.id, stored: [], lines: [], run: stage.run, payloadBytes: 0)
            if record.title != known.title {
                audit.fail("\(known.id): another title than was given")
            }
            return audit
        }
        for other in audits { audit.merge(other) }
        return audit
    }

    /// Reads any of the cases.
    struct Worker: LoadWorker {
        let stage: Stage
        let cases: [OwnedCase]
        let index: Int
        var random: SeededGenerator
        var wrong: [String] = []

        mutating func step(_ meter: inout Meter) async {
            let known = cases[Int.random(in: cases.indices, using: &random)]
            let client = stage.client(index)
            do throws(CaseClientError) {
                let record = try await meter.time { () async throws(CaseClientError) in
                    try await client.get(known.id, options: known.owner.call)
                }
                meter.rounds += 1
                let isRight = record.id == known.id && record.title == known.title
                if !isRight, wrong.count < Audit.findingsMax {
                    wrong.append("\(known.id): a read answered something else")
                }
            } catch {
                return  // The meter has counted it; a read leaves nothing behind.
            }
        }
    }
}
