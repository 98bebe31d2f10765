import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct TokenTests {
    private let anna = PrincipalID("anna")

    private func cluster() -> TestCluster {
        var cluster = TestCluster.founded()
        cluster.must(
            .putTeam(Team(id: TeamID("b"))),
            .putTeam(Team(id: TeamID("a"))),
            .putPrincipal(.agent("anna", teams: ["b", "a", "b"]))
        )
        return cluster
    }

    private func token(_ id: String, expiresAt: Timestamp? = nil) -> NewToken {
        NewToken(
            id: id,
            secretHash: TestCluster.hash(id),
            principal: anna,
            expiresAt: expiresAt
        )
    }

    @Test func aTokenSaysWhoAndWithWhichRights() {
        var cluster = cluster()
        cluster.must(.issueToken(token("t1")))
        let state = cluster.state
        let actor = state.authenticate(tokenHash: TestCluster.hash("t1"), at: cluster.now)
        #expect(actor?.id == anna && actor?.role == .agent)
        #expect(actor?.teams.map(\.rawValue) == ["a", "b"])
        #expect(actor?.directoryVersion == state.directoryVersion)
        #expect(state.authenticate(tokenHash: TestCluster.hash("t2"), at: cluster.now) == nil)
    }

    @Test func anAIAgentHasTheTeamsOfItsQueuesAndARequesterItsAliases() {
        var cluster = cluster()
        cluster.must(
            .putQueue(WorkQueue(id: QueueID("q2"), team: TeamID("b"))),
            .putQueue(WorkQueue(id: QueueID("q1"), team: TeamID("a"))),
            .putPrincipal(
                DirectoryEntry(
                    id: PrincipalID("bot"),
                    role: .aiAgent,
                    queues: [QueueID("q2"), QueueID("q1")]
                )
            ),
            .putPrincipal(.requester("kund", contacts: ["+4681234567", "K@example.com"]))
        )
        let bot = cluster.state.actor(PrincipalID("bot"))
        #expect(bot?.teams.map(\.rawValue) == ["a", "b"])
        #expect(bot?.queues.map(\.rawValue) == ["q1", "q2"])
        let aliases = cluster.state.actor(PrincipalID("kund"))?.aliases.map(\.rawValue)
        #expect(aliases == ["mailto:k@example.com", "tel:+4681234567"])
        #expect(cluster.state.agentFacts(PrincipalID("bot"))?.teams.map(\.rawValue) == ["a", "b"])
    }

    @Test func expiryRevocationAndLeavingEndIt() {
        var cluster = cluster()
        let end = cluster.now + .seconds(10)
        cluster.must(.issueToken(token("t1", expiresAt: end)), .issueToken(token("t2")))
        func works(_ id: String, _ at: Timestamp) -> Bool {
            cluster.state.authenticate(tokenHash: TestCluster.hash(id), at: at) != nil
        }
        #expect(works("t1", end + TimeSpan(milliseconds: -1)) && !works("t1", end))
        // A reader whose clock is behind does not bring it back.
        cluster.advance(.seconds(11))
        cluster.must(.putTeam(Team(id: TeamID("later"))))
        #expect(!works("t1", TestCluster.start))
        #expect(works("t2", cluster.now))
        cluster.must(.revokeToken("t2"), .revokeToken("t2"))
        #expect(!works("t2", cluster.now))
        #expect(cluster.state.token("t2")?.revokedAt == cluster.now)
        cluster.must(.issueToken(token("t3")), .removePrincipal(anna))
        #expect(!works("t3", cluster.now))
        #expect(cluster.state.tokens.map(\.id) == ["t-root"])
        cluster.must(.putPrincipal(.agent("anna")))
        #expect(!works("t3", cluster.now))
    }

    /// Rights taken away do not come back through an old token.
    @Test func anotherRoleEndsTheTokensOfTheOld() {
        var cluster = cluster()
        cluster.must(
            .issueToken(token("t1")),
            .putPrincipal(DirectoryEntry(id: anna, role: .supervisor)),
            .putPrincipal(.agent("anna"))
        )
        let actor = cluster.state.authenticate(
            tokenHash: TestCluster.hash("t1"),
            at: cluster.now
        )
        #expect(actor == nil)
    }

    @Test func refusals() {
        var cluster = cluster()
        cluster.must(.issueToken(token("t1")), .issueToken(token("t1")))
        var other = token("t1")
        other.secretHash = TestCluster.hash("x")
        #expect(
            cluster.apply(.issueToken(other)).refusal == .exists(field: "token.id", id: "t1")
        )
        var twin = token("t2")
        twin.secretHash = TestCluster.hash("t1")
        let same = cluster.apply(.issueToken(twin)).refusal
        #expect(same == .exists(field: "token.secret_hash", id: "t1"))
        var stranger = token("t3")
        stranger.principal = PrincipalID("nobody")
        let unknown = cluster.apply(.issueToken(stranger)).refusal
        #expect(unknown == .notFound(field: "token.principal", id: "nobody"))
        let past = cluster.apply(.issueToken(token("t4", expiresAt: cluster.now))).refusal
        #expect(past == .invalid(field: "token.expires_at", reason: "has passed"))
        let gone = cluster.apply(.revokeToken("t9")).refusal
        #expect(gone == .notFound(field: "token.id", id: "t9"))
        #expect(
            cluster.apply(.issueToken(token(""))).refusal
                == .invalid(field: "token.id", reason: "is empty")
        )
    }

    @Test func theLimitCountsLiveOnesAndDeadOnesMakeRoom() {
        var cluster = cluster()
        for number in 0..<SystemLimits.tokensPerPrincipalMax {
            cluster.must(.issueToken(token("t\(number)")))
        }
        let full = cluster.apply(.issueToken(token("more"))).refusal
        #expect(full == .tooMany(field: "tokens of the principal", limit: 16))
        cluster.must(.revokeToken("t3"), .revokeToken("t5"), .issueToken(token("more")))
        #expect(cluster.state.tokens(of: anna).count == 15)
        #expect(cluster.state.token("t3") == nil)
    }
}
