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
}
