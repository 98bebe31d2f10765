import CaseClient
import ClusterPrimitives
import Foundation
import ProcessSupport
import Testing

/// Goal: whatever was acknowledged survives `kill -9`, exactly once, in order.
/// Method: 64 workers with a comment in flight each; the node is killed again and again, aimed by the
/// counters that it keeps of its phases; at the end every case is read and compared.
@Suite(.serialized)
struct KillTests {
    /// Small enough that rolls, retirements and checkpoints happen all the time.
    static let smallArguments = [
        "--log-segment-bytes", "262144", "--checkpoint-entries", "64", "--shards", "16",
    ]
    static let workers = 64
    /// The phases that kills are aimed at: those that change files.
    static let targets = ["sync", "roll", "retire", "checkpoint", "store checkpoint"]
        .compactMap { PhaseFile.names.firstIndex(of: $0) }
    /// Kills beyond the planned ones, while a phase was never hit.
    static let extraKillsMax = 40

    struct Outcome {
        var kills = 0
        var hits = [Int](repeating: 0, count: PhaseFile.names.count)
        var counts = CommentLoad.Counts()
        var verdict = CommentLoad.Verdict()
        var refusals: [String] = []

        var table: String {
            zip(PhaseFile.names, hits).map { "\($0): \($1)" }.joined(separator: ", ")
        }
    }

    @Test(arguments: [UInt64(1)])
    func fiftyKillsLoseNothing(seed: UInt64) async throws {
        let outcome = try await Self.run(kills: 50, seed: seed, program: "casenode")
        print(
            "kill -9, \(outcome.kills) times: acknowledged \(outcome.counts.acknowledged), repeated",
            "\(outcome.counts.retried); kills inside \(outcome.table)"
        )
        #expect(outcome.refusals.isEmpty, "KILL_SEED=\(seed) \(outcome.refusals)")
        #expect(outcome.verdict.isClean, "KILL_SEED=\(seed) \(outcome.verdict)")
        #expect(outcome.counts.acknowledged > 50 * 20)
        for phase in Self.targets {
            #expect(outcome.hits[phase] > 0, "no kill landed inside \(PhaseFile.names[phase])")
        }
    }

    @Test(arguments: [UInt64(1)])
    func killsWithUnsyncedDataThrownAwayLoseNothing(seed: UInt64) async throws {
        let library = try Interposer.build("unsynced")
        let outcome = try await Self.run(
            kills: 20,
            seed: seed,
            program: "casenode",
            interposer: library.path
        )
        print(
            "kill -9 with unsynced data thrown away, 20 times: acknowledged",
            "\(outcome.counts.acknowledged); kills inside \(outcome.table)"
        )
        #expect(outcome.refusals.isEmpty, "KILL_SEED=\(seed) \(outcome.refusals)")
        #expect(outcome.verdict.isClean, "KILL_SEED=\(seed) \(outcome.verdict)")
    }

    /// The control: if a node that does not sync lost nothing, the test above would prove nothing.
    @Test func aNodeThatDoesNotSyncLosesData() async throws {
        let library = try Interposer.build("unsynced")
        let outcome = try await Self.run(
            kills: 1,
            seed: 1,
            program: "casenode-control",
            interposer: library.path,
            expectsLoss: true
        )
        print(
            "the control lost \(outcome.verdict.lost.count), refused \(outcome.refusals.count) starts"
        )
        #expect(!outcome.verdict.lost.isEmpty || !outcome.refusals.isEmpty)
    }

    /// Runs the load and the kills.
    static func run(
        kills: Int,
        seed: UInt64,
        program: String,
        interposer: String? = nil,
        expectsLoss: Bool = false
    ) async throws -> Outcome {
        var random = SeededGenerator(seed: seed)
        let directory = try TemporaryDirectory()
        var outcome = Outcome()
        let phases = directory.path + "/phases"
        var options = NodeProcess.Options(
            program: program,
            dataDirectory: directory.path + "/data",
            port: freePort(),
            arguments: smallArguments + ["--phase-report", phases]
        )
        if let interposer {
            try FileManager.default.createDirectory(
                atPath: options.dataDirectory,
                withIntermediateDirectories: true
            )
            options.environment = [
                "LD_PRELOAD": interposer, "UNSYNCED_ROOT": options.dataDirectory,
            ]
        }
        var node = try await NodeProcess.start(options)
        let load = try await CommentLoad.prepare(node, workers: workers)
        load.gate.open()
        let running = Task { await load.run() }
        for round in 0..<kills + extraKillsMax {
            let missed = targets.filter { outcome.hits[$0] == 0 }
            if round >= kills, missed.isEmpty || kills < 50 { break }
            try Task.checkCancellation()
            outcome.kills += 1
            await load.advance(by: Int.random(in: 20...200, using: &random))
            let file = try #require(PhaseFile(path: phases))
            let target =
                round < kills ? targets[round % targets.count] : missed[round % missed.count]
            aim(at: target, file)
            await node.kill()
            load.gate.close()
            for phase in file.inside { outcome.hits[phase] += 1 }
            do {
                node = try await NodeProcess.start(options)
            } catch let error as NodeProcess.DidNotStart {
                outcome.refusals.append("\(error)")
                running.cancel()
                load.stop()
                load.gate.open()
                return outcome
            }
            load.gate.open()
        }
        // Where cases themselves are gone, no comment gets on.
        if !expectsLoss { await load.advance(by: workers) }
        load.stop()
        await running.value
        outcome.counts = load.total
        outcome.verdict = try await load.verify()
        #expect(await node.stop() == 0)
        return outcome
    }

    /// Waits until the node is inside the phase, or was: the load decides how often a phase comes.
    private static func aim(at phase: Int, _ file: PhaseFile) {
        let begun = file.begun(phase)
        let deadline = ContinuousClock.now + .seconds(2)
        while file.begun(phase) == begun, !file.isInside(phase), ContinuousClock.now < deadline {}
    }
}
