import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct FoundingTests {
    @Test func oneNodeHoldsEveryShard() throws {
        let cluster = TestCluster.founded(shards: 16)
        let state = cluster.state
        #expect(state.shardCount == 16)
        #expect(state.shardMap.allSatisfy { $0.voters == [NodeID(1)] && $0.isSettled })
        #expect(state.cluster?.createdAt == cluster.now)
        #expect(state.activeMembers.map(\.id) == [NodeID(1)])
        #expect(state.queueFacts(forRecipients: ["a@b"], channel: .email)?.id.rawValue == "default")
        let actor = state.authenticate(tokenHash: TestCluster.hash("root"), at: cluster.now)
        #expect(actor?.role == .admin && actor?.id == TestCluster.admin)
        #expect(try cluster.reloaded() == state)
    }

    @Test func severalNodesShareShardsAndLeadersEvenly() {
        let state = TestCluster.founded(shards: 16, nodes: 4).state
        for node in 1...4 {
            let held = state.shardMap.count { $0.voters.contains(NodeID(UInt64(node))) }
            let led = state.shardMap.count { $0.voters.first == NodeID(UInt64(node)) }
            #expect(held == 12 && led == 4, "node \(node)")
        }
        #expect(state.shardMap.allSatisfy { $0.voters.count == 3 })
    }

    @Test func nothingBeforeTheFoundingAndNoSecond() {
        var cluster = TestCluster()
        #expect(cluster.apply(.putTeam(Team(id: TeamID("a")))).refusal == .notInitialized)
        #expect(cluster.ask(.putTeam(Team(id: TeamID("a"))), key: "k").refusal == .notInitialized)
        cluster.must(.initialize(TestCluster.founding()))
        let again = cluster.apply(.initialize(TestCluster.founding()))
        #expect(again.refusal == .alreadyInitialized)
        #expect(cluster.ask(.putTeam(Team(id: TeamID("a"))), key: "k").refusal == nil)
    }

    static let bad: [(String, @Sendable (inout ClusterFounding) -> Void)] = [
        ("cluster_id", { $0.clusterID = [1] }),
        ("shard_count", { $0.shardCount = 0 }),
        ("shard_count", { $0.shardCount = 1025 }),
        ("incarnation", { $0.incarnation = 0 }),
        ("members", { $0.members = [] }),
        ("member.id", { $0.members[0].id = .none }),
        ("member.peer_address", { $0.members[0].peerAddress = "nowhere" }),
        ("member.client_address", { $0.members[0].clientAddress = "host:0" }),
        ("member.version_known", { $0.members[0].versionKnown = 0 }),
        ("admin", { $0.admin = PrincipalID("") }),
        ("admin_token.principal", { $0.adminToken.principal = PrincipalID("other") }),
        ("token.expires_at", { $0.adminToken.expiresAt = .zero }),
    ]

    @Test(arguments: bad.indices)
    func badFoundingsNameTheField(position: Int) {
        let (field, spoil) = Self.bad[position]
        var founding = TestCluster.founding()
        spoil(&founding)
        var cluster = TestCluster()
        let refusal = cluster.apply(.initialize(founding)).refusal
        guard case .invalid(let named, _) = refusal else {
            Issue.record("\(field): \(String(describing: refusal))")
            return
        }
        #expect(named == field)
        #expect(cluster.state.cluster == nil)
    }

    @Test func foundersMustDiffer() {
        var founding = TestCluster.founding(nodes: 2)
        founding.members[1].id = NodeID(1)
        var cluster = TestCluster()
        let first = cluster.apply(.initialize(founding)).refusal
        #expect(first == .exists(field: "member.id", id: "1"))
        founding.members[1] = TestCluster.member(2)
        founding.members[1].peerAddress = founding.members[0].peerAddress
        let second = cluster.apply(.initialize(founding)).refusal
        #expect(second == .exists(field: "member.peer_address", id: "1"))
    }
}

@Suite struct MemberTests {
    @Test func addUpdateRemove() {
        var cluster = TestCluster.founded(nodes: 1)
        let version = cluster.state.mapVersion
        cluster.must(.addMember(TestCluster.member(2)), .addMember(TestCluster.member(2)))
        #expect(cluster.state.mapVersion == version + 1)
        #expect(cluster.state.nextNodeID == NodeID(3))
        var moved = TestCluster.member(2)
        moved.peerAddress = "other:7001"
        cluster.must(.updateMember(moved))
        #expect(cluster.state.member(NodeID(2))?.member.peerAddress == "other:7001")
        cluster.must(.removeMember(NodeID(2)), .removeMember(NodeID(2)))
        #expect(cluster.state.member(NodeID(2))?.isActive == false)
        #expect(cluster.state.activeMembers.map(\.id) == [NodeID(1)])
    }

    /// A wiped node under its old id would have forgotten its votes.
    @Test func anIDIsNeverUsedAgain() {
        var cluster = TestCluster.founded(nodes: 1)
        cluster.must(.addMember(TestCluster.member(2)), .removeMember(NodeID(2)))
        let again = cluster.apply(.addMember(TestCluster.member(2))).refusal
        #expect(again == .exists(field: "member.id", id: "2"))
        let update = cluster.apply(.updateMember(TestCluster.member(2))).refusal
        #expect(update == .notFound(field: "member.id", id: "2"))
    }

    @Test func refusals() {
        var cluster = TestCluster.founded(nodes: 1)
        var twin = TestCluster.member(2)
        twin.peerAddress = "n1:7001"
        let address = cluster.apply(.addMember(twin)).refusal
        #expect(address == .exists(field: "member.peer_address", id: "1"))
        let busy = cluster.apply(.removeMember(NodeID(1))).refusal
        #expect(busy == .inUse(field: "member.id", id: "1", by: "shard 0"))
        let unknown = cluster.apply(.removeMember(NodeID(9))).refusal
        #expect(unknown == .notFound(field: "member.id", id: "9"))
    }

    @Test func versionsRiseOnlyWhenAllKnowThem() {
        var cluster = TestCluster.founded(nodes: 2)
        let early = cluster.apply(.raiseClusterVersion(2)).refusal
        #expect(early == .versionUnknown(to: NodeID(1), known: 1))
        for id in UInt64(1)...2 {
            var member = TestCluster.member(id)
            member.versionKnown = 2
            cluster.must(.updateMember(member))
        }
        cluster.must(.raiseClusterVersion(2), .raiseClusterVersion(2))
        #expect(cluster.state.cluster?.version == 2)
        let old = cluster.apply(.addMember(TestCluster.member(3))).refusal
        #expect(old == .versionUnknown(to: NodeID(3), known: 1))
        let down = cluster.apply(.raiseClusterVersion(1)).refusal
        #expect(down == .invalid(field: "version", reason: "never falls; it is 2"))
    }

    @Test func theShardMapFollowsRaftInItsOrder() throws {
        var cluster = TestCluster.founded(shards: 2, nodes: 1)
        cluster.must(.addMember(TestCluster.member(2)), .addMember(TestCluster.member(3)))
        let shard = ShardID(1)
        let nodes = [NodeID(3), NodeID(1), NodeID(2)]
        cluster.must(
            .placeShards([ShardTarget(shard: shard, nodes: nodes)], epoch: cluster.epoch),
            .reportShard(
                shard: shard,
                voters: [NodeID(1)],
                learners: [NodeID(3)],
                configurationIndex: LogIndex(5)
            )
        )
        #expect(cluster.state.placement(of: shard)?.isSettled == false)
        cluster.must(
            .reportShard(
                shard: shard,
                voters: nodes,
                learners: [],
                configurationIndex: LogIndex(9)
            ),
            .reportShard(  // Late.
                shard: shard,
                voters: [NodeID(1)],
                learners: [],
                configurationIndex: LogIndex(7)
            )
        )
        let placement = try #require(cluster.state.placement(of: shard))
        #expect(placement.voters == nodes && placement.isSettled)
        #expect(placement.configurationIndex == LogIndex(9))
        #expect(cluster.state.placement(of: ShardID(0))?.voters == [NodeID(1)])
        #expect(cluster.state.placement(of: ShardID(2)) == nil)
        #expect(try cluster.reloaded() == cluster.state)
    }

    @Test func badPlacements() {
        var cluster = TestCluster.founded(shards: 2, nodes: 2)
        func place(_ shard: UInt16, _ nodes: [UInt64]) -> ShardTarget {
            ShardTarget(shard: ShardID(shard), nodes: nodes.map { NodeID($0) })
        }
        let cases: [([ShardTarget], SystemRefusal)] = [
            ([place(2, [1])], .notFound(field: "targets.shard", id: "2")),
            (
                [place(0, [1]), place(0, [2])],
                .invalid(field: "targets.shard", reason: "names shard 0 twice")
            ),
            ([place(0, [])], .invalid(field: "targets.nodes", reason: "takes one or more")),
            ([place(0, [1, 7])], .notFound(field: "targets.nodes", id: "7")),
            ([place(0, [1, 1])], .invalid(field: "targets.nodes", reason: "names node 1 twice")),
            (
                [place(0, [1, 2, 3, 4, 5, 6, 7, 8])],
                .tooMany(field: "targets.nodes", limit: UInt32(SystemLimits.replicasMax))
            ),
        ]
        let before = cluster.state.shardMap
        for (targets, expected) in cases {
            let refusal = cluster.apply(.placeShards(targets, epoch: cluster.epoch)).refusal
            #expect(refusal == expected)
        }
        let nobody = cluster.apply(
            .reportShard(
                shard: ShardID(0),
                voters: [],
                learners: [],
                configurationIndex: LogIndex(1)
            )
        )
        #expect(nobody.refusal == .invalid(field: "voters", reason: "takes one or more"))
        #expect(cluster.state.shardMap == before)
    }
}

@Suite struct EpochTests {
    @Test func anOlderCoordinatorIsFencedOff() {
        var cluster = TestCluster.founded()
        cluster.term = Term(5)
        let old = Epoch(incarnation: 1, term: Term(4))
        cluster.must(.beginEpoch(cluster.epoch), .beginEpoch(cluster.epoch))
        let stale = SystemRefusal.staleEpoch(current: cluster.epoch)
        let shard = ShardID(0)
        let root = TestCluster.admin
        let commands: [SystemCommand] = [
            .beginEpoch(old),
            .placeShards([], epoch: old),
            .planNight(number: 1, boundary: cluster.now, epoch: old),
            .noticeShardDone(principal: root, generation: 1, shard: shard, epoch: old),
        ]
        for command in commands { #expect(cluster.apply(command).refusal == stale) }
        cluster.advance(.seconds(1))
        cluster.must(.planNight(number: 1, boundary: cluster.now, epoch: cluster.epoch))
        let done = SystemCommand.nightShardDone(number: 1, shard: shard, epoch: old)
        #expect(cluster.apply(done).refusal == stale)
        for shard in 0..<UInt16(4) {
            cluster.must(.nightShardDone(number: 1, shard: ShardID(shard), epoch: cluster.epoch))
        }
        #expect(cluster.apply(.nightFinished(number: 1, epoch: old)).refusal == stale)
    }

    @Test func anEpochBelongsToTheEntryAndTheIncarnation() {
        var cluster = TestCluster.founded()
        let above = cluster.apply(.beginEpoch(Epoch(incarnation: 1, term: Term(2)))).refusal
        #expect(above == .invalid(field: "epoch.term", reason: "is above the entry's"))
        let foreign = cluster.apply(.beginEpoch(Epoch(incarnation: 2, term: Term(1)))).refusal
        #expect(foreign == .invalid(field: "epoch.incarnation", reason: "is not the cluster's"))
    }

    @Test func aRestoreFencesOffWhatWasBefore() {
        var cluster = TestCluster.founded()
        cluster.term = Term(9)
        cluster.must(.beginEpoch(cluster.epoch))
        let old = cluster.epoch
        cluster.must(.beginIncarnation(2), .beginIncarnation(2))
        cluster.term = Term(1)
        #expect(cluster.apply(.beginEpoch(old)).refusal?.isStaleEpoch == true)
        cluster.must(.beginEpoch(Epoch(incarnation: 2, term: Term(1))))
        #expect(cluster.state.epoch == Epoch(incarnation: 2, term: Term(1)))
        let back = cluster.apply(.beginIncarnation(1)).refusal
        #expect(back == .invalid(field: "incarnation", reason: "never falls; it is 2"))
    }
}

extension SystemRefusal {
    fileprivate var isStaleEpoch: Bool {
        if case .staleEpoch = self { return true }
        return false
    }
}
