import CaseClient
import ClusterPrimitives
import Foundation
import Testing

/// Three real nodes: what one of them was told, all of them know, whoever dies.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ThreeNodeTests {
    @Test func everyNodeTakesEveryCall() async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "4"])
        let token = try nodes.adminToken
        let clients = try (0..<3).map { try nodes.client(token: token, first: $0, alone: true) }
        let secret = try await nodes.supervisor(clients[0])
        let readers = try (0..<3).map { try nodes.client(token: secret, first: $0, alone: true) }
        for (index, client) in clients.enumerated() {
            // A name that another node has just been told of, at once.
            let name = "agent-\(index)"
            var agent = Principal()
            agent.name = name
            agent.role = .agent
            agent.teams = ["default"]
            _ = try await client.put(agent)
            let next = (index + 1) % 3
            let secret = try await clients[next].issueToken(for: name).secret
            let other = try nodes.client(token: secret, first: (index + 2) % 3, alone: true)
            var new = NewCase()
            new.message = "told to one node"
            new.requester.name = "Anna"
            let receipt = try await other.create(new)
            for reader in readers {
                #expect(try await reader.get(receipt.caseID).version == 1)
            }
            _ = try await other.execute(.assignToMe, on: receipt.caseID)
            #expect(try await readers[index].get(receipt.caseID).owner == name)
            // One key, three nodes: one case.
            let key = CaseCallOptions(idempotencyKey: "same-\(index)")
            var again: Set<String> = []
            for reader in readers {
                again.insert(try await reader.create(new, options: key).caseID)
            }
            #expect(again.count == 1)
            await other.shutdown()
        }
        for (client, reader) in zip(clients, readers) {
            let status = try await client.clusterStatus()
            #expect(status.nodes.map(\.alive) == [true, true, true])
            let ports = nodes.options.map { "127.0.0.1:\($0.port)" }
            #expect(status.nodes.map(\.address) == ports)
            #expect(try await reader.list().cases.count == 6)
        }
        for client in clients + readers { await client.shutdown() }
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    @Test func aMinorityAnswersNothingAndTheQuorumGoesOn() async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "2"])
        let admin = try nodes.client(token: try nodes.adminToken)
        let token = try await nodes.supervisor(admin)
        await admin.shutdown()
        try await nodes.kill(2)
        let client = try nodes.client(token: token)
        var new = NewCase()
        new.message = "two are enough"
        new.requester.name = "Anna"
        let receipt = try await client.create(new)
        await client.shutdown()
        try await nodes.kill(1)
        let alone = try nodes.client(token: token, alone: true, deadline: .seconds(3))
        let refused = await refusal { () async throws(CaseClientError) in
            try await alone.get(receipt.caseID)
        }
        #expect(refused?.code == .unavailable || refused?.code == .deadlineExceeded)
        await alone.shutdown()
        try await nodes.start(1)
        let again = try nodes.client(token: token)
        #expect(try await again.get(receipt.caseID).version == 1)
        await again.shutdown()
        try await nodes.start(2)
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    /// Goal: whatever was acknowledged is there once and in order, on all three, however leaders die.
    /// Method: 64 workers with a comment in flight each; `kill -9` of the node that leads most shards, again
    /// and again, with the time that each shard was silent; at the end every case is read, and the rows of all
    /// replicas are compared.
    @Test(arguments: [UInt64(1)])
    func killedLeadersLoseNothing(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let nodes = try await ThreeNodes.start(arguments: KillTests.smallArguments)
        let token = try nodes.adminToken
        let load = try await CommentLoad.prepare(
            admin: try nodes.client(token: token),
            workers: KillTests.workers
        ) { token in try nodes.client(token: token) }
        load.gate.open()
        let running = Task { await load.run() }
        var silences: [Duration] = []
        for round in 0..<Self.kills {
            await load.advance(by: Int.random(in: 200...600, using: &random))
            let victim =
                round % 4 == 3
                ? Int.random(in: 0..<3, using: &random)
                : try await nodes.leaderOfMost(askedAt: round % 3, token)
            try await nodes.kill(victim)
            load.markSilence()
            await load.advanceEveryWorker()
            silences.append(load.longestSilence)
            try await nodes.start(victim)
        }
        load.stop()
        await running.value
        let verdict = try await load.verify()
        #expect(verdict.isClean, "KILL_SEED=\(seed) \(verdict)")
        let checksums = try await nodes.checksums(token)
        #expect(checksums[0].map(\.checksum) == checksums[1].map(\.checksum), "KILL_SEED=\(seed)")
        #expect(checksums[0].map(\.checksum) == checksums[2].map(\.checksum), "KILL_SEED=\(seed)")
        let worst = silences.max() ?? .zero
        print(
            "three nodes, kill -9 of leaders, \(Self.kills) times: acknowledged",
            "\(load.total.acknowledged), repeated \(load.total.retried); without service at most",
            silences.map { "\($0.formatted(.units(allowed: [.milliseconds])))" }
                .joined(separator: ", ")
        )
        #expect(worst < Self.silenceMax, "KILL_SEED=\(seed)")
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    /// Kills of one run. The many, and those with unsynced data thrown away, are `KillTests`' business.
    private static let kills = 6
    /// From the last acknowledgement before a kill to the first after it, on each worker's case, on a machine
    /// that builds and tests besides; the figure for a quiet one is printed.
    private static let silenceMax: Duration = .seconds(6)
}
