import CaseProtocol
import ClusterPrimitives
import Foundation
import RPC
import Testing

@testable import CaseNode

@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterTests {
    private func get(_ id: String) -> PBGetRequest { PBGetRequest.with { $0.caseID = id } }

    @Test func threeNodesAreOneCluster() async throws {
        let rig = try await ClusterRig.start()
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        for (index, node) in rig.nodes.enumerated() {
            // The token is as old as the last call, and this node may not have heard of it.
            let receipt = try await node.create("through \(index)", token: supervisor)
            for reader in rig.nodes {
                let found: PBCase = try await reader.call(
                    "Cases/Get",
                    get(receipt.caseID),
                    token: supervisor
                )
                #expect(found.version == 1)
            }
            let status = try await rig.status(index, token)
            #expect(status.nodes.map(\.nodeID) == [1, 2, 3])
            #expect(status.nodes.map(\.alive) == [true, true, true])
            #expect(status.nodes[index].address == node.node.address)
            #expect(status.groups.allSatisfy { $0.voters == [1, 2, 3] })
            #expect(status.clusterID == (try await rig.status(0, token)).clusterID)
        }
        let list: PBListResponse = try await rig.nodes[2].call(
            "Cases/List",
            PBListRequest(),
            token: supervisor
        )
        #expect(list.cases.count == 3)
        let wrong = await #expect(throws: Refused.self) {
            let _: PBListResponse = try await rig.nodes[1].call(
                "Cases/List",
                PBListRequest(),
                token: "nobody's"
            )
        }
        #expect(wrong?.code == .unauthenticated)
        try await rig.stop()
    }

    /// Who follows is told the leader instead of being served; who does not learns of it with the answer.
    @Test func leadersAreNamed() async throws {
        let rig = try await ClusterRig.start()
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        let receipt = try await rig.nodes[0].create("whose is it", token: supervisor)
        let shard = try CaseID(parsing: receipt.caseID).shard
        for (index, node) in rig.nodes.enumerated() {
            // Who leads may change under a busy machine: done again until it is the same before and after.
            var leader: Int
            var plain: RPCReply
            var refused: Refused?
            repeat {
                leader = try await self.leader(of: shard, in: rig, token)
                plain = try await node.reply("Cases/Get", get(receipt.caseID), token: supervisor)
                do {
                    refused = nil
                    _ = try await node.reply(
                        "Cases/Get",
                        get(receipt.caseID),
                        token: supervisor,
                        metadata: ["casecluster-follow": "1"]
                    )
                } catch let refusal as Refused {
                    refused = refusal
                }
            } while try await self.leader(of: shard, in: rig, token) != leader
            let address = leader == index ? nil : rig.nodes[leader].node.address
            #expect(plain.trailers["casecluster-leader"] == address)
            #expect(refused?.detail.kind == (leader == index ? nil : "not-leader"))
            #expect(refused?.detail.leader == address)
        }
        try await rig.stop()
    }

    @Test func aStaleReadSaysItsAge() async throws {
        let rig = try await ClusterRig.start()
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        let receipt = try await rig.nodes[0].create("how old", token: supervisor)
        for node in rig.nodes {
            // It is there, and all shards have leaders, once a linearizable list of the same node has it.
            _ = try await node.reply("Cases/List", PBListRequest(), token: supervisor)
            let stale = try await node.reply(
                "Cases/Get",
                get(receipt.caseID),
                token: supervisor,
                metadata: ["casecluster-stale": "1"]
            )
            let age = try #require(stale.trailers["casecluster-age-ms"].flatMap { Int($0) })
            #expect((0..<10_000).contains(age))
            #expect(try PBCase(serializedBytes: stale.message).id == receipt.caseID)
            let list = try await node.reply(
                "Cases/List",
                PBListRequest(),
                token: supervisor,
                metadata: ["casecluster-stale": "1"]
            )
            #expect(list.trailers["casecluster-age-ms"] != nil)
            #expect(try PBListResponse(serializedBytes: list.message).cases.count == 1)
        }
        try await rig.stop()
    }

    /// A node that has slept, or whose disk hangs, has old stores and good links: a caller need not know.
    @Test func aNodeThatIsBehindAnswersFromOthers() async throws {
        let faults = [FileFaults(), FileFaults(), FileFaults()]
        let rig = try await ClusterRig.start(faults: faults)
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        let receipt = try await rig.nodes[0].create("who has it", token: supervisor)
        let shard = try CaseID(parsing: receipt.caseID).shard
        let leader = try await leader(of: shard, in: rig, token)
        let behind = (leader + 1) % 3
        // It knows who asks.
        _ = try await rig.nodes[behind].reply("Cases/Get", get(receipt.caseID), token: supervisor)
        let stall = StalledSyncs()
        defer { stall.end() }
        faults[behind].set { $0.stall = stall }
        let acted = try await rig.nodes[leader].execute(
            receipt.caseID,
            .comment(.with { $0.text = "while it hangs" }),
            token: supervisor
        )
        let found: PBCase = try await rig.nodes[behind].call(
            "Cases/Get",
            get(receipt.caseID),
            token: supervisor
        )
        #expect(found.version == acted.version && found.version > receipt.version)
        faults[behind].set { $0.stall = nil }
        stall.end()
        try await rig.stop()
    }

    @Test func aNodeThatStopsHandsOver() async throws {
        let rig = try await ClusterRig.start()
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        let shard = try CaseID(
            parsing: try await rig.nodes[0].create("first", token: supervisor).caseID
        ).shard
        let leader = try await leader(of: shard, in: rig, token)
        try await rig.nodes[leader].stop()
        let other = rig.nodes[(leader + 1) % 3]
        var answered = 0
        while answered < 8 {
            do {
                _ = try await other.create("after \(answered)", token: supervisor)
                answered += 1
            } catch let refused as Refused {
                #expect(refused.code == .unavailable)
            }
        }
        let status = try await rig.status((leader + 1) % 3, token)
        #expect(!status.nodes[leader].alive)
        for node in rig.nodes where node.node.address != rig.nodes[leader].node.address {
            try await node.stop()
        }
    }

    /// A founder whose disk was lost has forgotten its votes and acknowledgements: not under this id again.
    @Test func aNodeWithoutItsDataStaysOut() async throws {
        let rig = try await ClusterRig.start()
        // Each tells by itself where clients reach it; the others know it from then on.
        let token = try rig.adminToken()
        while try await rig.status(0, token).nodes.contains(where: { $0.address.isEmpty }) {}
        try await rig.nodes[2].stop()
        try FileManager.default.removeItem(atPath: rig.directory.path + "/data-3")
        let path = rig.directory.path + "/data-3"
        await #expect(throws: DataDirectoryError.lost(path: path, node: NodeID(3))) {
            _ = try await rig.restart(3)
        }
        for node in rig.nodes.prefix(2) { try await node.stop() }
    }

    @Test func fiveNodesStandTheLossOfTwo() async throws {
        let rig = try await ClusterRig.start(5, shards: 2)
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        for node in rig.nodes { _ = try await node.create("five", token: supervisor) }
        try await rig.nodes[0].stop()
        try await rig.nodes[3].stop()
        for index in [1, 2, 4] {
            while true {
                do {
                    let list: PBListResponse = try await rig.nodes[index].call(
                        "Cases/List",
                        PBListRequest(),
                        token: supervisor
                    )
                    #expect(list.cases.count == 5)
                    break
                } catch let refused as Refused {
                    #expect(refused.code == .unavailable)
                }
            }
        }
        for index in [1, 2, 4] { try await rig.nodes[index].stop() }
    }

    private func leader(
        of shard: ShardID,
        in rig: ClusterRig,
        _ token: String
    ) async throws -> Int {
        while true {
            var leaders: Set<UInt64> = []
            for index in rig.nodes.indices {
                let status = try await rig.status(index, token)
                let group = status.groups.first { $0.group == GroupID(shard: shard).rawValue }
                leaders.insert(try #require(group).leader)
            }
            if leaders.count == 1, let leader = leaders.first, leader > 0 { return Int(leader) - 1 }
        }
    }
}
