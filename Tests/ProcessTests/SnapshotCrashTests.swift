import CaseClient
import ClusterPrimitives
import Foundation
import Glibc
import ProcessSupport
import Testing

/// Goal: a follower that was held back until only a snapshot helps comes back, under load, though it is killed while
/// the snapshot comes in and while it is installed; then its rows are the others'.
/// Method: SIGSTOP until the others have cut their logs; the kills are aimed by what appears in the follower's
/// directory. At all kills after the first, what it had not synced is thrown away.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct SnapshotCrashTests {
    static let shards = 2
    /// A log so short that a follower needs a snapshot soon: some five comments are kept for each group.
    static let arguments = [
        "--shards", "\(shards)", "--checkpoint-entries", "32", "--retained-log-bytes", "65536",
        "--log-segment-bytes", "1048576",
    ]
    /// Comments so large that a snapshot comes in several pieces.
    static let size = CommentLoad.Size(workers: 64, evenlyOver: shards, textBytes: 4_000)
    /// Comments before the first hold: some megabytes in each store.
    static let commentsBefore = 600
    /// Entries that the others' checkpoints must be ahead: several times what is kept for a follower.
    static let entriesAhead: UInt64 = 64
    /// Pieces of a snapshot that come in before the kill, at most; it has more.
    static let piecesMax = 6
    /// Times that each step of a snapshot's way is cut.
    static let rounds = TestSize.number("CASECLUSTER_SNAPSHOT_KILLS", else: 1)

    @Test(arguments: [TestSize.seed])
    func aFollowerThatNeedsASnapshotComesBack(seed: UInt64) async throws {
        let scene = try await Scene(seed)
        let load = scene.load
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: Self.commentsBefore)
        for _ in 0..<Self.rounds {
            try await scene.killInTransfer()
            for step in [SnapshotAim.Step.prepared, .swap, .installed] {
                try await scene.killAtStart(step)
            }
            try await scene.comeBack()
        }
        load.stop()
        await running.value
        #expect(try await scene.nodes.areReplicasEqual(scene.token), "CASECLUSTER_SEED=\(seed)")
        let verdict = try await load.verify()
        #expect(verdict.isClean, "CASECLUSTER_SEED=\(seed) \(verdict)")
        print(
            "a follower killed \(scene.kills.count) times on a snapshot's way, comments acknowledged:",
            "\(load.total.acknowledged); what each kill left:\n  "
                + scene.kills.joined(separator: "\n  ")
        )
        #expect(try await scene.nodes.stopAll() == [0, 0, 0])
    }
}

/// A cluster under load, and its follower.
private final class Scene {
    let nodes: ThreeNodes
    let token: String
    let load: CommentLoad
    private(set) var kills: [String] = []
    private let follower: Int
    private let others: [Int]
    private let store: String
    private let aim: SnapshotAim
    private let watch: DirectoryWatch
    private let losesUnsynced: Locked<Bool>
    private let seed: UInt64
    private var random: SeededGenerator

    init(_ seed: UInt64) async throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let library = try Interposer.build("unsynced")
        let losesUnsynced = Locked(false)
        self.losesUnsynced = losesUnsynced
        nodes = try await ThreeNodes.start(arguments: SnapshotCrashTests.arguments) { directory in
            losesUnsynced.withLock { $0 }
                ? ["LD_PRELOAD": library.path, "UNSYNCED_ROOT": directory] : [:]
        }
        let nodes = nodes
        token = try nodes.adminToken
        load = try await CommentLoad.prepare(
            admin: try nodes.client(token: token),
            SnapshotCrashTests.size
        ) { try nodes.client(token: $0) }
        let follower = try await nodes.parts(askedAt: 0, token).leaderOfFewest
        self.follower = follower
        others = ThreeNodes.indices.filter { $0 != follower }
        store = nodes.options[follower].dataDirectory + "/store"
        let aim = SnapshotAim()
        self.aim = aim
        watch = try DirectoryWatch(store) { aim.saw($0) }
    }

    deinit { watch.stop() }

    /// Holds the follower back until it needs a snapshot, lets it go, and kills it while that comes in.
    func killInTransfer() async throws {
        let node = try nodes.node(follower)
        node.signal(SIGSTOP)
        // What was on its way to it may still reach it: from here on nothing more goes there.
        for other in others {
            while try await nodes.status(askedAt: other, token).nodes[follower].alive {
                await load.advance(by: 10)
            }
        }
        try await leaveItBehind()
        aim.shoot(
            node,
            at: .transfer,
            pieces: Int.random(in: 0...SnapshotCrashTests.piecesMax, using: &random)
        )
        node.signal(SIGCONT)
        try await noteKill(.transfer)
    }

    /// Starts the dead follower when it needs a snapshot, and kills it at a step of the installation.
    func killAtStart(_ step: SnapshotAim.Step) async throws {
        try await leaveItBehind()
        losesUnsynced.withLock { $0 = true }
        try nodes.begin(follower)
        aim.shoot(try nodes.node(follower), at: step)
        try await noteKill(step)
    }

    private func noteKill(_ step: SnapshotAim.Step) async throws {
        let status = try await nodes.awaitEnd(follower)
        #expect(status == -SIGKILL, "CASECLUSTER_SEED=\(seed) \(step.rawValue)")
        let left = try FileManager.default.contentsOfDirectory(atPath: store)
            .filter { $0.contains(".incoming.") || $0.contains(".snapshot-") }.sorted()
        if let mark = step.leaves {
            #expect(left.contains { $0.contains(mark) }, "\(step.rawValue): \(left)")
        }
        kills.append("\(step.rawValue): \(left.isEmpty ? "-" : left.joined(separator: ", "))")
    }

    /// Starts the dead follower, and waits, under load, until it has what the others had then.
    func comeBack() async throws {
        try await leaveItBehind()
        losesUnsynced.withLock { $0 = false }
        let before = aim.installed
        try await nodes.start(follower)
        let there = try await shards(others[0]).map(\.appliedIndex)
        while !zip(try await shards(follower).map(\.appliedIndex), there).allSatisfy({ $0 >= $1 }) {
        }
        // The watch counts on a thread of its own; without a snapshot this ends with the suite's limit.
        while aim.installed <= before { await Task.yield() }
    }

    /// Waits until the others have cut their logs far ahead of what the follower has.
    private func leaveItBehind() async throws {
        let there = try await shards(others[0]).map(\.commitIndex)
        for other in others {
            while true {
                let ahead = zip(try await shards(other), there)
                    .allSatisfy { $0.checkpointIndex > $1 + SnapshotCrashTests.entriesAhead }
                if ahead { break }
                await load.advance(by: 10)
            }
        }
    }

    private func shards(_ index: Int) async throws -> [ClusterGroup] {
        try await nodes.status(askedAt: index, token).groups.filter { $0.group > 0 }
    }
}
