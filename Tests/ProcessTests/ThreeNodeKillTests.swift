import CaseClient
import ClusterPrimitives
import Foundation
import ProcessSupport
import Testing

/// Goal: whatever was acknowledged is there once and in order, on all three nodes, however nodes die; and each
/// shard answers again within the bar.
/// Method: more than 64 workers with a comment in flight each, evenly over the shards; `kill -9`; at the end every
/// case is read, and the rows of all replicas are compared.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ThreeNodeKillTests {
    static let shards = 16
    /// More than 64, so that 64 are in flight though some have just been answered.
    static let workers = 80
    static let inFlightMin = 64
    static let arguments = [
        "--log-segment-bytes", "1048576", "--checkpoint-entries", "256", "--shards", "\(shards)",
    ]
    /// Kills of single nodes, and of all three at once.
    static let kills = TestSize.number("CASECLUSTER_KILLS", else: 5)
    static let killsOfAll = TestSize.number("CASECLUSTER_KILLS_OF_ALL", else: 2)
    /// The bar for each shard, for a machine that does nothing else and a release build; else only printed.
    static let silenceMax = TestSize.number("CASECLUSTER_SILENCE_MS").map {
        Duration.milliseconds($0)
    }

    /// Whom a kill is aimed at.
    enum Role: String, CaseIterable {
        case leaderOfMost = "leader of most shards"
        case follower = "follower"
        case coordinator = "coordinator"
        case starting = "node in mid start"
        case anyone = "anyone"
    }

    @Test(arguments: [TestSize.seed])
    func killedNodesLoseNothing(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let nodes = try await ThreeNodes.start(arguments: Self.arguments)
        let token = try nodes.adminToken
        let load = try await Self.load(nodes, token)
        load.gate.open()
        let running = Task { await load.run() }
        var report = SilenceReport(shards: Self.shards)
        for round in 0..<Self.kills {
            let role = Role.allCases[round % Role.allCases.count]
            let parts = try await nodes.parts(askedAt: round % 3, token)
            let victim =
                switch role {
                case .leaderOfMost: parts.leaderOfMost
                case .follower: parts.leaderOfFewest
                case .coordinator: parts.coordinator
                case .starting, .anyone: Int.random(in: ThreeNodes.indices, using: &random)
                }
            await load.advance(by: Int.random(in: 50...500, using: &random))
            report.inFlight(load.total.inFlight)
            load.silence.mark()
            try await nodes.kill(victim)
            await load.advanceEveryWorker()
            report.take(load.silence.longest, of: role == .starting ? .anyone : role)
            if role == .starting {
                try nodes.begin(victim)
                await load.advance(by: Int.random(in: 1...400, using: &random))
                let starting = try nodes.node(victim)
                load.silence.mark()
                try await nodes.kill(victim)
                await load.advanceEveryWorker()
                report.take(load.silence.longest, of: role)
                if await !starting.hadListened() { report.diedBeforeListening += 1 }
            }
            try await nodes.start(victim)
        }
        load.stop()
        await running.value
        try await Self.judge(load, nodes, token, seed)
        print("kill -9 of single nodes:", report.text(load.total))
        Self.judge(report, seed)
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    @Test(arguments: [TestSize.seed])
    func allKilledAtOnceWithUnsyncedDataThrownAwayLoseNothing(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let library = try Interposer.build("unsynced")
        let nodes = try await ThreeNodes.start(arguments: Self.arguments) { dataDirectory in
            ["LD_PRELOAD": library.path, "UNSYNCED_ROOT": dataDirectory]
        }
        let token = try nodes.adminToken
        let load = try await Self.load(nodes, token)
        load.gate.open()
        let running = Task { await load.run() }
        var report = SilenceReport(shards: Self.shards)
        for _ in 0..<Self.killsOfAll {
            await load.advance(by: Int.random(in: 100...1_000, using: &random))
            report.inFlight(load.total.inFlight)
            load.silence.mark()
            await nodes.killAll()
            try await nodes.startAll()
            await load.advanceEveryWorker()
            report.take(load.silence.longest, of: .anyone)
        }
        load.stop()
        await running.value
        try await Self.judge(load, nodes, token, seed)
        print("kill -9 of all three, unsynced data thrown away:", report.text(load.total))
        Self.judge(report, seed)
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    // MARK: Steps

    private static func load(_ nodes: ThreeNodes, _ token: String) async throws -> CommentLoad {
        try await CommentLoad.prepare(
            admin: try nodes.client(token: token),
            CommentLoad.Size(workers: workers, evenlyOver: shards)
        ) { token in try nodes.client(token: token) }
    }

    private static func judge(
        _ load: CommentLoad,
        _ nodes: ThreeNodes,
        _ token: String,
        _ seed: UInt64
    ) async throws {
        let verdict = try await load.verify()
        #expect(verdict.isClean, "CASECLUSTER_SEED=\(seed) \(verdict)")
        #expect(try await nodes.areReplicasEqual(token), "CASECLUSTER_SEED=\(seed)")
    }

    private static func judge(_ report: SilenceReport, _ seed: UInt64) {
        #expect(report.inFlightLeast >= inFlightMin, "CASECLUSTER_SEED=\(seed)")
        guard let silenceMax else { return }
        #expect(report.worst <= silenceMax, "CASECLUSTER_SEED=\(seed)")
    }
}

/// What the kills of one test did to each shard.
struct SilenceReport {
    private var byShard: [Duration]
    private var byRole: [(role: ThreeNodeKillTests.Role, silences: [Duration])] = []
    private(set) var inFlightLeast = Int.max
    /// Of the nodes that were killed in mid start.
    var diedBeforeListening = 0

    init(shards: Int) { byShard = Array(repeating: .zero, count: shards) }

    var worst: Duration { byShard.max() ?? .zero }

    mutating func inFlight(_ count: Int) { inFlightLeast = min(inFlightLeast, count) }

    mutating func take(_ silences: [Duration], of role: ThreeNodeKillTests.Role) {
        for (shard, silence) in silences.enumerated() {
            byShard[shard] = max(byShard[shard], silence)
        }
        byRole.append((role, silences))
    }

    func text(_ counts: CommentLoad.Counts) -> String {
        let roles = ThreeNodeKillTests.Role.allCases.compactMap { role -> String? in
            let worsts = byRole.filter { $0.role == role }.compactMap { $0.silences.max() }
            guard let worst = worsts.max() else { return nil }
            let early = role == .starting ? " (\(diedBeforeListening) before it listened)" : ""
            return "\(role.rawValue) \(worsts.count) times\(early), \(worst.inMilliseconds)"
        }
        let shards = byShard.map(\.inMilliseconds).joined(separator: ", ")
        return """
            acknowledged \(counts.acknowledged), repeated \(counts.retried), in flight at least \
            \(inFlightLeast), nothing lost, nothing twice
              longest time without an acknowledgement: \(worst.inMilliseconds)
              by shard: \(shards)
              by whom: \(roles.joined(separator: "; "))
            """
    }
}
