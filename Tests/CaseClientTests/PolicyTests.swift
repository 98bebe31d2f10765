import ClusterPrimitives
import NIOCore
import Testing

@testable import CaseClient

/// The rules of pauses and attempts, without a network.
@Suite struct PolicyTests {
    @Test(arguments: UInt64(1)...32)
    func pausesGrowAndStayBounded(seed: UInt64) {
        let policy = CaseRetryPolicy(
            attemptsMax: 20,
            pauseMin: .milliseconds(10),
            pauseMax: .milliseconds(500)
        )
        var random: any RandomNumberGenerator & Sendable = SeededGenerator(seed: seed)
        var ceiling = Duration.milliseconds(10)
        for attempt in 1...20 {
            let pause = policy.pause(afterAttempt: attempt, random: &random)
            #expect(pause >= ceiling / 2, "SEED=\(seed) attempt=\(attempt)")
            #expect(pause <= ceiling, "SEED=\(seed) attempt=\(attempt)")
            ceiling = min(ceiling * 2, .milliseconds(500))
        }
    }

    /// Clients that lost the same node must not come back at one instant.
    @Test func pausesDiffer() {
        let policy = CaseRetryPolicy()
        let pauses = (UInt64(1)...16).map { seed in
            var random: any RandomNumberGenerator & Sendable = SeededGenerator(seed: seed)
            return policy.pause(afterAttempt: 5, random: &random)
        }
        #expect(Set(pauses).count == 16)
    }

    @Test func adviceIsTakenWithinBounds() {
        let policy = CaseRetryPolicy()
        var random: any RandomNumberGenerator & Sendable = SeededGenerator(seed: 1)
        let advised = policy.pause(afterAttempt: 1, advised: .seconds(2), random: &random)
        #expect(advised == .seconds(2))
        let absurd = policy.pause(afterAttempt: 1, advised: .seconds(3_600), random: &random)
        #expect(absurd == CaseRetryPolicy.advisedPauseMax)
    }

    @Test func aLateRefusalSettlesWhatWasOpen() {
        var trial = Trial(retry: CaseRetryPolicy(), ends: .distantFuture)
        trial.attempts = 2
        let silence = trial.note(CaseClientError(code: .unavailable, kind: "", message: ""))
        #expect(silence.outcomeUnknown)
        var refusal = CaseClientError(code: .failedPrecondition, kind: "wrong-status", message: "")
        refusal.refused = true
        #expect(!trial.verdict(refusal).outcomeUnknown)
        let denied = CaseClientError(code: .unauthenticated, kind: "unauthenticated", message: "")
        #expect(trial.verdict(denied).outcomeUnknown, "the first attempt may have been carried out")
    }

    @Test func noHopAfterAnOpenOutcome() {
        let trial = Trial(retry: CaseRetryPolicy(), ends: .distantFuture)
        var failure = CaseClientError(code: .unavailable, kind: "not-leader", message: "")
        failure.leader = "127.0.0.1:7401"
        #expect(trial.hop(after: failure) == "127.0.0.1:7401")
        failure.outcomeUnknown = true
        #expect(trial.hop(after: failure) == nil)
    }

    @Test func eachAttemptMayTakeTwiceAsLong() {
        var trial = Trial(retry: CaseRetryPolicy(), ends: .now())
        var patience: [TimeAmount] = []
        for attempt in [1, 2, 3, 100] {
            trial.attempts = attempt
            patience.append(trial.patience(.milliseconds(500)))
        }
        #expect(patience.prefix(3) == [.milliseconds(500), .seconds(1), .seconds(2)])
        #expect(patience[3] > .hours(1))
    }

    @Test(arguments: [
        ("127.0.0.1:7400", "127.0.0.1", 7400), ("localhost", "localhost", 7400),
        ("case1.example.com:443", "case1.example.com", 443), ("[::1]:7401", "::1", 7401),
        ("::1", "::1", 7400), ("[fe80::1]", "fe80::1", 7400),
    ])
    func endpoints(text: String, host: String, port: Int) throws {
        let endpoint = try CaseEndpoint(text)
        #expect(endpoint == CaseEndpoint(host: host, port: port))
        #expect(try CaseEndpoint(endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", ":7400", "host:", "host:0", "host:65536", "host:x", "[::1", "a b:1", "http://h",
    ])
    func wrongEndpoints(text: String) {
        #expect(throws: CaseClientError.self) { try CaseEndpoint(text) }
    }

    @Test func plainTextStaysOnThisMachine() {
        for host in ["127.0.0.1", "127.1.2.3", "localhost", "::1"] {
            #expect(CaseEndpoint(host: host).isLoopback, "\(host)")
        }
        for host in ["10.0.0.1", "127.0.0.1.example.com", "1127.0.0.1", "127.0.0", "example.com"] {
            #expect(!CaseEndpoint(host: host).isLoopback, "\(host)")
        }
        let remote = CaseClientConfiguration(endpoints: [CaseEndpoint(host: "10.0.0.1")])
        let error = #expect(throws: CaseClientError.self) { try CaseClient(remote) }
        #expect(error?.kind == "misconfigured")
        #expect(error?.field == "security")
    }

    @Test(arguments: ["", "a b", "a\r\nx: y", "å"])
    func tokensThatAreNone(token: String) {
        let configuration = CaseClientConfiguration(
            endpoints: [CaseEndpoint(host: "127.0.0.1")],
            token: token
        )
        let error = #expect(throws: CaseClientError.self) { try CaseClient(configuration) }
        #expect(error?.field == "token")
        #expect(token.isEmpty || error?.description.contains(token) == false)
    }

    /// Each call goes out under its own token, also when more of them come than are remembered.
    @Test func callersKeepTheirOwnTokens() async throws {
        let client = try CaseClient(
            CaseClientConfiguration(endpoints: [CaseEndpoint(host: "127.0.0.1")])
        )
        for _ in 0..<2 {
            for number in 0..<300 {
                let identity = try client.identity("token-\(number)")
                #expect(identity.plain["authorization"] == "Bearer token-\(number)")
                #expect(identity.following["authorization"] == "Bearer token-\(number)")
                #expect(identity.following["casecluster-follow"] == "1")
                #expect(identity.plain["casecluster-follow"] == nil)
            }
        }
        #expect(try client.identity(nil).plain.isEmpty)
        #expect(throws: CaseClientError.self) { try client.identity("\u{212A}") }
        await client.shutdown()
    }

    @Test func keysAreRandomAndLong() async throws {
        var configuration = CaseClientConfiguration(endpoints: [CaseEndpoint(host: "127.0.0.1")])
        configuration.random = SeededGenerator(seed: 7)
        let client = try CaseClient(configuration)
        let keys = (0..<1_000).map { _ in client.makeKey() }
        #expect(Set(keys).count == 1_000)
        #expect(keys.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
        var random = SeededGenerator(seed: 7)
        for key in keys.prefix(100) {
            let (high, low) = (random.next(), random.next())
            #expect(UInt64(key.prefix(16), radix: 16) == high)
            #expect(UInt64(key.suffix(16), radix: 16) == low && key == key.lowercased())
        }
        await client.shutdown()
    }

    @Test func labels() {
        #expect(CaseStatus.resolved.label == "resolved")
        #expect(CaseStatus.resolved.swedish == "Löst")
        #expect(CaseStatus(label: "parked") == .parked)
        #expect(CaseStatus(label: "") == nil)
        #expect(CaseStatus.unspecified.label == "")
        #expect(CaseStatus.UNRECOGNIZED(99).label == "99")
        #expect(PrincipalRole(label: "ai-agent") == .aiAgent)
        #expect(CaseLinkKind.followUpOf.label == "follow-up-of")
        #expect(IntakeOutcome.followUp.label == "follow-up")
        #expect(CaseEntryKind.comment.label == "comment")
    }

    @Test func errorsNeverShowTheToken() {
        var error = CaseClientError(code: .unavailable, kind: "", message: "no answer")
        error.outcomeUnknown = true
        error.idempotencyKey = "k1"
        #expect(error.description.contains("k1"))
        #expect(CaseClientError.Code(rawValue: 99).description == "code-99")
        #expect(CaseClientError.Code.notFound.description == "not-found")
    }
}
