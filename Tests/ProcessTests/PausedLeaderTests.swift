import CaseClient
import CaseProtocol
import ClusterPrimitives
import Foundation
import Glibc
import SwiftProtobuf
import Testing

/// Goal: a leader that stands still for ten seconds and wakes is a nuisance for two seconds and a danger never.
/// Method: SIGSTOP for whoever leads most shards, under load; others serve; reads of what was acknowledged meanwhile
/// wait at its door when SIGCONT wakes it, one for each case, before it has heard of any new term; at the end
/// everything is read back.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PausedLeaderTests {
    static let shards = 16
    static let workers = 80
    static let pause = Duration.seconds(10)
    /// How long before it wakes the paused node is asked: the questions are what it finds first.
    static let askedBefore = Duration.seconds(1)
    static let rounds = TestSize.number("CASECLUSTER_PAUSES", else: 1)
    /// The bar for each shard, for a machine that does nothing else and a release build; else only printed.
    static let silenceMax = TestSize.number("CASECLUSTER_SILENCE_MS").map {
        Duration.milliseconds($0)
    }

    @Test(arguments: [TestSize.seed])
    func aPausedLeaderIsReplacedAndWakesHarmless(seed: UInt64) async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "\(Self.shards)"])
        let token = try nodes.adminToken
        let load = try await nodes.load(
            CommentLoad.Size(workers: Self.workers, evenlyOver: Self.shards)
        )
        let admin = try nodes.client(token: token)
        let secret = try await nodes.supervisor(admin)
        await admin.shutdown()
        load.gate.open()
        let running = Task { await load.run() }
        var (worst, reads) = (Duration.zero, StaleReads())
        for round in 0..<Self.rounds {
            let asked = round % 3
            let victim = try await nodes.parts(askedAt: asked, token).leaderOfMost
            await load.advance(by: 500)
            #expect(load.total.inFlight >= 64)
            load.silence.mark()
            let clock = ContinuousClock()
            let began = clock.now
            try nodes.node(victim).signal(SIGSTOP)
            await load.advanceEveryWorker()
            worst = max(worst, load.silence.longest.max() ?? .zero)
            // The length of the pause is what is tested, not something to wait for.
            try await clock.sleep(until: began + Self.pause - Self.askedBefore)
            let acknowledged = load.workers.map { load.acknowledged(of: $0.number) }
            let port = nodes.options[victim].port
            async let judged = StaleReads.look(load.workers, acknowledged, port, secret)
            try await clock.sleep(until: began + Self.pause)
            load.silence.mark()
            try nodes.node(victim).signal(SIGCONT)
            reads.add(try await judged)
            await load.advanceEveryWorker()
            worst = max(worst, load.silence.longest.max() ?? .zero)
        }
        load.stop()
        await running.value
        print(
            """
            SIGSTOP of the leader of most shards for \(Self.pause.inMilliseconds), \(Self.rounds) times: \
            acknowledged \(load.total.acknowledged), repeated \(load.total.retried)
              longest time without an acknowledgement of a shard: \(worst.inMilliseconds)
              reads at the woken node: \(reads.right) right, \(reads.refused) refused, \(reads.stale) stale
            """
        )
        for told in reads.unanswered { print("  not answered in time: \(told)") }
        #expect(reads.stale == 0, "CASECLUSTER_SEED=\(seed)")
        #expect(reads.right == Self.rounds * Self.workers, "CASECLUSTER_SEED=\(seed)")
        if let silenceMax = Self.silenceMax {
            #expect(worst <= silenceMax, "CASECLUSTER_SEED=\(seed)")
        }
        let verdict = try await load.verify()
        #expect(verdict.isClean, "CASECLUSTER_SEED=\(seed) \(verdict)")
        #expect(try await nodes.areReplicasEqual(token), "CASECLUSTER_SEED=\(seed)")
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }
}

/// Reads of every worker's case at one node, judged by what was acknowledged before they were sent.
private struct StaleReads: Sendable {
    var right = 0
    var refused = 0
    var stale = 0
    /// What those were told last that never got an answer.
    var unanswered: [String] = []

    mutating func add(_ other: StaleReads) {
        right += other.right
        refused += other.refused
        stale += other.stale
        unanswered += other.unanswered
    }

    /// How long each goes on asking until it gets an answer: far more than that takes.
    private static let answerTime = Duration.seconds(60)

    /// Asks that node and no other, and does not follow where it points: on the wire, each on a connection of its own.
    static func look(
        _ workers: [CommentLoad.Worker],
        _ acknowledged: [Int],
        _ port: Int,
        _ token: String
    ) async throws -> StaleReads {
        try await withThrowingTaskGroup(of: StaleReads.self) { group in
            for (worker, least) in zip(workers, acknowledged) {
                group.addTask {
                    let request = PBGetRequest.with { $0.caseID = worker.caseID }
                    let call = try WireCall("/casecluster.v1.Cases/Get", request, token: token)
                    var answer = try await call.run(port: port)
                    var all = try Self(answer, least)
                    // A node that has just woken vouches for nobody's rights until it hears from the directory's
                    // leader: whoever comes before that comes again.
                    let deadline = ContinuousClock.now + answerTime
                    while all.right + all.stale == 0, ContinuousClock.now < deadline {
                        answer = try await call.run(port: port)
                        all.add(try Self(answer, least))
                    }
                    if all.right + all.stale == 0 {
                        all.unanswered = ["\(worker.caseID): \(answer.message)"]
                    }
                    return all
                }
            }
            var all = StaleReads()
            for try await one in group { all.add(one) }
            return all
        }
    }

    /// A case's version counts its changes: its creation and each comment.
    private init(_ answer: WireCall.Answer, _ least: Int) throws {
        guard answer.code == 0, answer.body.count >= 5 else {
            refused = 1
            return
        }
        let found = try PBCase(serializedBytes: Array(answer.body.dropFirst(5)))
        if found.version >= UInt64(least) + 1 { right = 1 } else { stale = 1 }
    }

    init() {}
}
