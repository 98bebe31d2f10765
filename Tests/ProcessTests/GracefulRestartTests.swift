import CaseClient
import ClusterPrimitives
import Foundation
import Testing

/// Goal: a node that is stopped in peace and started again is not noticed by anybody.
/// Method: more than 64 workers with a comment in flight each, evenly over the shards, whose client has two seconds
/// and three tries for each; each node in turn is stopped by SIGTERM and started again.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct GracefulRestartTests {
    static let shards = 16
    static let workers = 80
    static let inFlightMin = 64
    /// Rounds over all three nodes.
    static let rounds = TestSize.number("CASECLUSTER_RESTARTS", else: 1)
    /// The bar between two acknowledgements of one shard, for a machine that does nothing else and a release
    /// build; else only printed.
    static let gapMax = TestSize.number("CASECLUSTER_RESTART_GAP_MS").map {
        Duration.milliseconds($0)
    }

    @Test(arguments: [TestSize.seed])
    func eachNodeInTurnUnderLoad(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "\(Self.shards)"])
        let token = try nodes.adminToken
        let load = try await CommentLoad.prepare(
            admin: try nodes.client(token: token),
            CommentLoad.Size(workers: Self.workers, evenlyOver: Self.shards)
        ) { token in
            try nodes.client(
                token: token,
                deadline: Self.gapMax == nil ? .seconds(20) : .seconds(2),
                retry: CaseRetryPolicy(attemptsMax: 3)
            )
        }
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 1_000)
        var gaps: [String] = []
        var worst = Duration.zero
        var inFlightLeast = Int.max
        for round in 0..<(3 * Self.rounds) {
            let index = round % 3
            let parts = try await nodes.parts(askedAt: (index + 1) % 3, token)
            await load.advance(by: Int.random(in: 100...500, using: &random))
            inFlightLeast = min(inFlightLeast, load.total.inFlight)
            load.silence.mark()
            let clock = ContinuousClock()
            let began = clock.now
            #expect(try await nodes.stop(index) == 0)
            let stopped = clock.now
            await load.advanceEveryWorker()
            let ofStop = load.silence.longest
            load.silence.mark()
            try await nodes.start(index)
            await load.advance(by: 500)
            await load.advanceEveryWorker()
            let ofStart = load.silence.longest
            let gap = (ofStop + ofStart).max() ?? .zero
            worst = max(worst, gap)
            let part =
                (parts.leaderOfMost == index ? " (led most)" : "")
                + (parts.coordinator == index ? " (coordinated)" : "")
            gaps.append(
                "node \(index + 1)\(part): stop \((ofStop.max() ?? .zero).inMilliseconds), "
                    + "start \((ofStart.max() ?? .zero).inMilliseconds), "
                    + "stopped within \((stopped - began).inMilliseconds)"
            )
        }
        load.stop()
        await running.value
        let errors = load.firstErrors.map { "\($0.code) \($0.kind) after \($0.attempts): \($0)" }
        print(
            """
            graceful restarts: acknowledged \(load.total.acknowledged), errors that a client saw \
            \(load.total.retried), in flight at least \(inFlightLeast)
              longest time without an acknowledgement of a shard: \(worst.inMilliseconds)
              \(gaps.joined(separator: "\n  "))
            """
        )
        #expect(errors.isEmpty, "CASECLUSTER_SEED=\(seed)")
        #expect(inFlightLeast >= Self.inFlightMin, "CASECLUSTER_SEED=\(seed)")
        if let gapMax = Self.gapMax { #expect(worst < gapMax, "CASECLUSTER_SEED=\(seed)") }
        let verdict = try await load.verify()
        #expect(verdict.isClean, "CASECLUSTER_SEED=\(seed) \(verdict)")
        #expect(try await nodes.areReplicasEqual(token), "CASECLUSTER_SEED=\(seed)")
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }
}
