import CaseClient
import ClusterPrimitives
import Testing

/// Goal: all nodes lead as many shards as the others, also after one was away.
/// Method: under load a node is killed and started again; the nodes are asked who leads until it is even once more.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct LeaderSpreadTests {
    static let shards = 6
    static let workers = 12

    @Test func leadershipGoesBackToWhoWasAway() async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "\(Self.shards)"])
        let token = try nodes.adminToken
        let load = try await nodes.load(
            CommentLoad.Size(workers: Self.workers, evenlyOver: Self.shards)
        )
        load.gate.open()
        let running = Task { await load.run() }
        // Whoever was elected first.
        try await awaitEvenSpread(nodes, askedAt: 0, token)
        try await nodes.kill(0)
        while try await led(nodes, askedAt: 1, token)[0] > 0 {}
        await load.advanceEveryWorker()
        try await nodes.start(0)
        try await awaitEvenSpread(nodes, askedAt: 1, token)
        await load.advanceEveryWorker()
        load.stop()
        await running.value
        #expect(load.firstErrors.isEmpty)
        #expect(try await nodes.areReplicasEqual(token))
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    /// How many shards each node leads.
    private func led(
        _ nodes: ThreeNodes,
        askedAt index: Int,
        _ token: String
    ) async throws -> [Int] {
        let shards = try await nodes.status(askedAt: index, token).groups.filter { $0.group > 0 }
        return (1...3).map { node in shards.count { $0.leader == node } }
    }

    private func awaitEvenSpread(
        _ nodes: ThreeNodes,
        askedAt index: Int,
        _ token: String
    ) async throws {
        while try await led(nodes, askedAt: index, token) != [2, 2, 2] {}
    }
}
