import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct IdempotencyTests {
    private let team = SystemCommand.putTeam(Team(id: TeamID("x")))

    @Test func aRepeatAnswersWhatTheFirstAnsweredAndDoesNothing() throws {
        var cluster = TestCluster.founded()
        let first = cluster.ask(team, key: "k", content: "1")
        cluster.advance(.seconds(60))
        cluster.must(.removeTeam(TeamID("x")))
        let version = cluster.state.directoryVersion
        #expect(cluster.ask(team, key: "k", content: "1") == first)
        #expect(cluster.state.team(TeamID("x")) == nil)
        #expect(cluster.state.directoryVersion == version)
        cluster.state = try cluster.reloaded()
        #expect(cluster.ask(team, key: "k", content: "1") == first)
    }

    @Test func refusalsAreRememberedToo() {
        var cluster = TestCluster.founded()
        let remove = SystemCommand.removeTeam(TeamID("x"))
        let first = cluster.ask(remove, key: "k")
        #expect(first.refusal == .notFound(field: "team.id", id: "x"))
        cluster.must(team)
        #expect(cluster.ask(remove, key: "k") == first)
        #expect(cluster.state.team(TeamID("x")) != nil)
    }

    @Test func otherContentUnderTheKeyIsRefused() {
        var cluster = TestCluster.founded()
        let first = cluster.ask(team, key: "k", content: "1")
        #expect(cluster.ask(team, key: "k", content: "2").refusal == .keyReused)
        #expect(cluster.ask(team, key: "k", content: "1") == first)
        #expect(cluster.ask(team, key: "k2", content: "2").refusal == nil)
    }

    @Test func resultsExpireByReplicatedTimeAndNotBefore() {
        var cluster = TestCluster.founded()
        let remove = SystemCommand.removeTeam(TeamID("x"))
        let first = cluster.ask(remove, key: "k")
        cluster.must(team)
        cluster.advance(TimeSpan(milliseconds: 86_400_000 - 1))
        #expect(cluster.ask(remove, key: "k") == first)
        cluster.advance(TimeSpan(milliseconds: 1))
        #expect(cluster.ask(remove, key: "k").refusal == nil)
        #expect(cluster.state.team(TeamID("x")) == nil)
    }

    @Test func expiredOnesDrain() throws {
        var cluster = TestCluster.founded()
        for number in 0..<50 { cluster.ask(team, key: "k\(number)") }
        #expect(cluster.state.results.count == 50)
        cluster.advance(.days(2))
        for number in 0..<4 { cluster.ask(team, key: "later \(number)") }
        #expect(cluster.state.results.count == 4)
        #expect(try cluster.reloaded() == cluster.state)
        let kind = RecordKind.result.rawValue
        #expect(cluster.rows.keys.count { $0.kind == kind } == 4)
    }

    @Test func badScopes() {
        var cluster = TestCluster.founded()
        func scope(_ principal: String, _ method: String, _ key: String) -> IdempotencyScope {
            IdempotencyScope(
                principal: PrincipalID(principal),
                method: method,
                key: key,
                requestHash: .zero
            )
        }
        let long = String(repeating: "k", count: 1_001)
        let admin = TestCluster.admin
        let foreign = cluster.apply(team, by: admin, scope: scope("other", "/m", "k")).refusal
        #expect(
            foreign == .invalid(field: "principal", reason: "is not the one whose key it is")
        )
        let key = cluster.apply(team, by: admin, scope: scope("root", "/m", long)).refusal
        #expect(key == .tooLong(field: "idempotency key", limit: 1_000))
        let method = cluster.apply(team, by: admin, scope: scope("root", long, "k")).refusal
        #expect(method == .tooLong(field: "method", limit: 128))
        #expect(cluster.state.results.count == 0)
    }

    @Test func timeNeverFalls() {
        var cluster = TestCluster.founded()
        cluster.advance(.seconds(10))
        cluster.must(team)
        cluster.now = TestCluster.start
        cluster.must(.putTeam(Team(id: TeamID("y"))))
        #expect(cluster.state.now == TestCluster.start + .seconds(10))
    }
}
