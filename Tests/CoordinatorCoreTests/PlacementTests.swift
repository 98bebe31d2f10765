import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

/// Where replicas belong while members come, go and are replaced.
@Suite struct PlacementTests {
    private func ids(_ numbers: [UInt64]) -> [NodeID] { numbers.map { NodeID($0) } }

    /// Does what the coordinator proposes, and reports each shard as its leader would when it is there.
    private func settle(_ cluster: inout TestCluster, index: inout UInt64) {
        for _ in 0..<32 {
            let changes = Placement.changes(cluster.state)
            guard !changes.isEmpty else { return }
            cluster.must(.placeShards(changes, epoch: cluster.epoch))
            for placement in cluster.state.shardMap where !placement.isSettled {
                index += 1
                cluster.must(
                    .reportShard(
                        shard: placement.shard,
                        voters: placement.target.sorted(),
                        learners: cluster.state.learnersWanted(of: placement),
                        configurationIndex: LogIndex(index)
                    )
                )
            }
        }
        Issue.record("placement does not come to rest")
    }

    private func loads(_ cluster: TestCluster) -> [Int] {
        cluster.state.nodesForReplicas.map { node in
            cluster.state.shardMap.count { $0.target.contains(node) }
        }
    }

    @Test func theSecondNodeLearnsAndTheThirdBringsBothTheirVotes() {
        var cluster = TestCluster.founded(shards: 4, nodes: 1)
        #expect(Placement.changes(cluster.state).isEmpty)
        cluster.must(.addMember(TestCluster.member(2)))
        #expect(Placement.changes(cluster.state).isEmpty)
        let first = cluster.state.shardMap[0]
        #expect(cluster.state.learnersWanted(of: first) == ids([2]))
        #expect(cluster.state.belongs(NodeID(2), to: first))
        #expect(Placement.systemVoters(cluster.state, voting: ids([1])) == ids([1]))
        // What it has learned by then is not in the way of the third.
        for shard in UInt16(0)..<4 {
            cluster.must(
                .reportShard(
                    shard: ShardID(shard),
                    voters: ids([1]),
                    learners: ids([2]),
                    configurationIndex: LogIndex(5)
                )
            )
        }
        cluster.must(.addMember(TestCluster.member(3)))
        let changes = Placement.changes(cluster.state)
        #expect(changes.count == 4)
        #expect(changes.allSatisfy { $0.nodes.sorted() == ids([1, 2, 3]) })
        // Leadership is to be shared: each node comes first for some shard.
        #expect(Set(changes.compactMap(\.nodes.first)) == Set(ids([1, 2, 3])))
        #expect(Placement.systemVoters(cluster.state, voting: ids([1])) == ids([1, 2, 3]))
    }

    @Test func aLostNodesPlacesGoToItsSuccessorAndNothingElseMoves() {
        var cluster = TestCluster.founded(shards: 5, nodes: 5)
        let before = cluster.state.shardMap.map(\.target)
        let successor = TestCluster.member(6)
        cluster.must(
            .replaceMember(NodeID(2), with: successor),
            .replaceMember(NodeID(2), with: successor)
        )
        #expect(cluster.state.member(NodeID(2))?.successor == NodeID(6))
        var index: UInt64 = 0
        settle(&cluster, index: &index)
        let expected = before.map { $0.map { $0 == NodeID(2) ? NodeID(6) : $0 } }
        #expect(cluster.state.shardMap.map(\.target) == expected)
        #expect(
            Placement.systemVoters(cluster.state, voting: ids([1, 2, 3, 4, 5]))
                == ids([1, 3, 4, 5, 6])
        )
        #expect(cluster.state.shardMap.allSatisfy { !cluster.state.belongs(NodeID(2), to: $0) })
        cluster.must(.removeMember(NodeID(2)))
        #expect(Placement.changes(cluster.state).isEmpty)
    }

    @Test func aSuccessorThatIsLostAsWellIsSucceeded() {
        var cluster = TestCluster.founded(shards: 2, nodes: 3)
        cluster.must(
            .replaceMember(NodeID(2), with: TestCluster.member(4)),
            .replaceMember(NodeID(4), with: TestCluster.member(5))
        )
        var index: UInt64 = 0
        settle(&cluster, index: &index)
        for placement in cluster.state.shardMap {
            #expect(placement.target.sorted() == ids([1, 3, 5]))
        }
    }

    @Test func whatCannotBeReplacedIsRefused() {
        var cluster = TestCluster.founded(nodes: 3)
        let unknown = cluster.apply(.replaceMember(NodeID(9), with: TestCluster.member(10))).refusal
        #expect(unknown == .notFound(field: "lost", id: "9"))
        let older = cluster.apply(.replaceMember(NodeID(3), with: TestCluster.member(2))).refusal
        #expect(older == .invalid(field: "member.id", reason: "is not above the one it replaces"))
        cluster.must(.replaceMember(NodeID(3), with: TestCluster.member(4)))
        let second = cluster.apply(.replaceMember(NodeID(3), with: TestCluster.member(5))).refusal
        #expect(second == .exists(field: "successor", id: "4"))
    }

    /// Goal: whoever joins or is replaced, every shard has its replicas on different nodes that stay, loads
    /// differ by one at most, and it all comes to rest.
    @Test(arguments: UInt64(1)...24)
    func randomMembersComeToRest(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var cluster = TestCluster.founded(shards: 16, nodes: 1)
        var index: UInt64 = 0
        for _ in 0..<10 {
            let next = cluster.state.nextNodeID.rawValue
            let present = cluster.state.nodesForReplicas
            if present.count > 2, let lost = present.randomElement(using: &random),
                Bool.random(using: &random)
            {
                cluster.must(.replaceMember(lost, with: TestCluster.member(next)))
            } else {
                cluster.must(.addMember(TestCluster.member(next)))
            }
            settle(&cluster, index: &index)
            let nodes = cluster.state.nodesForReplicas
            let copies = nodes.count < 3 ? 1 : 3
            for placement in cluster.state.shardMap {
                #expect(Set(placement.target).count == copies, "PLACEMENT_SEED=\(seed)")
                #expect(placement.target.allSatisfy { nodes.contains($0) })
            }
            if copies == 3, let most = loads(cluster).max(), let least = loads(cluster).min() {
                #expect(most - least <= 1, "PLACEMENT_SEED=\(seed) \(loads(cluster))")
            }
            let voters = Placement.systemVoters(cluster.state, voting: [])
            #expect(!voters.count.isMultiple(of: 2) && voters.count <= 5)
        }
    }

    @Test func aShardThatIsOnItsWayIsNotSentElsewhere() {
        var cluster = TestCluster.founded(shards: 5, nodes: 5)
        cluster.must(.addMember(TestCluster.member(6)))
        let changes = Placement.changes(cluster.state)
        #expect(!changes.isEmpty)
        cluster.must(.placeShards(changes, epoch: cluster.epoch))
        cluster.must(.addMember(TestCluster.member(7)), .addMember(TestCluster.member(8)))
        let moving = Set(changes.map(\.shard))
        let next = Placement.changes(cluster.state)
        #expect(!next.isEmpty && next.allSatisfy { !moving.contains($0.shard) })
    }

    @Test func theFoundersAreKnownForEver() throws {
        var cluster = TestCluster.founded(shards: 5, nodes: 5)
        let first = (0..<5).map { cluster.state.firstVoters(of: ShardID($0)) }
        cluster.must(
            .addMember(TestCluster.member(6)),
            .replaceMember(NodeID(1), with: TestCluster.member(7))
        )
        #expect(cluster.state.founders == ids([1, 2, 3, 4, 5]))
        let again = try cluster.reloaded()
        #expect(again == cluster.state)
        #expect((0..<5).map { again.firstVoters(of: ShardID($0)) } == first)
    }

    /// A coordinator says where replicas belong once, and the next one goes on.
    @Test func theCoordinatorPlansAndItsSuccessorGoesOn() {
        var cluster = TestCluster.founded(shards: 2, nodes: 1)
        cluster.must(.addMember(TestCluster.member(2)), .addMember(TestCluster.member(3)))
        var attempts: UInt64 = 0
        var planner = PlacementPlanner(epoch: cluster.epoch)
        let first = planner.tick(cluster.state, &attempts)
        guard case .propose(.placeShards(let targets, _), let errand) = first.first else {
            Issue.record("nothing was planned")
            return
        }
        #expect(targets.count == 2 && first.count == 1)
        #expect(planner.tick(cluster.state, &attempts).isEmpty)
        planner.recorded(errand.attempt, .failed)
        var successor = PlacementPlanner(epoch: cluster.epoch)
        let second = successor.tick(cluster.state, &attempts)
        #expect(second.count == 1)
        cluster.must(.placeShards(targets, epoch: cluster.epoch))
        #expect(planner.tick(cluster.state, &attempts).isEmpty)
        #expect(successor.tick(cluster.state, &attempts).isEmpty)
    }
}
