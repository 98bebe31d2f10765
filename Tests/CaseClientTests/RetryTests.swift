import CaseClient
import CaseProtocol
import ClusterPrimitives
import RPC
import Testing

/// Retries over a real connection: what is sent again, under which key, and when it is left alone.
@Suite struct RetryTests {
    static let caseID = CaseID(tick: 7, shard: ShardID(3), sequence: 1).description

    static func receipt() -> PBReceipt {
        .with {
            $0.caseID = caseID
            $0.version = 2
        }
    }

    /// What a lost answer must never do: carry a command out twice. All attempts carry one key.
    @Test func allAttemptsCarryOneKey() async throws {
        let script = [
            try ScriptedServer.Answer.failure(.unavailable),
            try .failure(.deadlineExceeded),
            try .reply(Self.receipt()),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let receipt = try await client.execute(.comment("hello"), on: Self.caseID)
                #expect(receipt.version == 2)
            }
            let keys = try server.received.map {
                try PBExecuteRequest(serializedBytes: $0.message).idempotencyKey
            }
            #expect(keys.count == 3)
            #expect(Set(keys).count == 1)
            #expect(keys.first?.count == 32)
            #expect(server.received.allSatisfy { $0.authorization == "Bearer test-token" })
        }
    }

    @Test func twoCommandsCarryTwoKeys() async throws {
        try await ScriptedServer.with([try .reply(Self.receipt())]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                try await client.execute(.accept, on: Self.caseID)
                try await client.execute(.accept, on: Self.caseID)
            }
            let keys = try server.received.map {
                try PBExecuteRequest(serializedBytes: $0.message).idempotencyKey
            }
            #expect(Set(keys).count == 2)
        }
    }

    @Test func theCallersKeyIsUsed() async throws {
        try await ScriptedServer.with([try .reply(Self.receipt())]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let options = CaseCallOptions(idempotencyKey: "mine", token: "theirs")
                try await client.create(.with { $0.message = "m" }, options: options)
            }
            let request = try PBCreateRequest(serializedBytes: server.received[0].message)
            #expect(request.idempotencyKey == "mine")
            #expect(server.received[0].authorization == "Bearer theirs")
        }
    }

    /// Every answer of a rule, and everything that is wrong with the request itself, comes once.
    @Test(arguments: [
        RPCStatusCode.invalidArgument, .notFound, .alreadyExists, .permissionDenied,
        .failedPrecondition, .aborted, .outOfRange, .unimplemented, .internalError,
        .unauthenticated,
    ])
    func answersAreNotRetried(code: RPCStatusCode) async throws {
        let detail = PBErrorDetail.with {
            $0.kind = "some-kind"
            $0.refused = true
            $0.currentVersion = 9
        }
        try await ScriptedServer.with([try .failure(code, detail)]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let error = await #expect(throws: CaseClientError.self) {
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(error?.code.rawValue == code.rawValue)
                #expect(error?.kind == "some-kind")
                #expect(error?.currentVersion == 9)
                #expect(error?.refused == true)
                #expect(error?.outcomeUnknown == false)
                #expect(error?.attempts == 1)
                #expect(error?.idempotencyKey?.count == 32)
            }
            #expect(server.received.count == 1)
        }
    }

    /// A refusal that comes as UNAVAILABLE is one all the same.
    @Test func refusedIsFinalWhateverTheCode() async throws {
        let detail = PBErrorDetail.with { $0.refused = true }
        try await ScriptedServer.with([try .failure(.unavailable, detail)]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                await #expect(throws: CaseClientError.self) {
                    try await client.get(Self.caseID)
                }
            }
            #expect(server.received.count == 1)
        }
    }

    @Test func attemptsAreBounded() async throws {
        try await ScriptedServer.with([try .failure(.unavailable)]) { server in
            try await withClient(testConfiguration([server.endpoint], attemptsMax: 3)) { client in
                let error = await #expect(throws: CaseClientError.self) {
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(error?.attempts == 3)
                #expect(error?.outcomeUnknown == true, "silence may hide a commit")
            }
            #expect(server.received.count == 3)
        }
    }

    /// Nobody listens there: whatever was asked was surely not done.
    @Test func whatNeverLeftIsKnown() async throws {
        let free = try await ScriptedServer.with([.silence]) { $0.endpoint }
        try await withClient(testConfiguration([free], attemptsMax: 2)) { client in
            let error = await #expect(throws: CaseClientError.self) {
                try await client.execute(.resume, on: Self.caseID)
            }
            #expect(error?.code == .unavailable && error?.outcomeUnknown == false)
            #expect(error?.message.contains("refused") == true, "\(error?.message ?? "")")
        }
    }

    /// The server says that nothing was done: then nothing is unknown.
    @Test func aToldOutcomeIsKnown() async throws {
        let detail = PBErrorDetail.with { $0.kind = "starting" }
        try await ScriptedServer.with([try .failure(.unavailable, detail)]) { server in
            try await withClient(testConfiguration([server.endpoint], attemptsMax: 2)) { client in
                let error = await #expect(throws: CaseClientError.self) {
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(error?.outcomeUnknown == false)
            }
        }
    }

    /// A node that takes calls and never answers must not use up the whole deadline.
    @Test func aSilentNodeIsLeftForTheNext() async throws {
        try await ScriptedServer.with([.silence]) { silent in
            try await ScriptedServer.with([try .reply(Self.receipt())]) { good in
                var configuration = testConfiguration([silent.endpoint, good.endpoint])
                configuration.attemptDeadline = .seconds(2)
                try await withClient(configuration) { client in
                    let receipt = try await client.execute(.resume, on: Self.caseID)
                    #expect(receipt.version == 2)
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(silent.received.count == 1, "the good node is asked first from then on")
                #expect(good.received.count == 2)
            }
        }
    }

    @Test func theDeadlineHoldsOverAllAttempts() async throws {
        try await ScriptedServer.with([.silence]) { server in
            var configuration = testConfiguration([server.endpoint], attemptsMax: 100)
            configuration.deadline = .milliseconds(400)
            configuration.attemptDeadline = .milliseconds(100)
            try await withClient(configuration) { client in
                let begun = ContinuousClock.now
                let error = await #expect(throws: CaseClientError.self) {
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(error?.code == .deadlineExceeded)
                #expect(error?.outcomeUnknown == true)
                #expect(ContinuousClock.now - begun < .seconds(5))
            }
        }
    }

    /// A hint is followed at once, and once: two nodes that point at each other don't make a loop.
    @Test func aLeaderHintIsFollowedForOneHop() async throws {
        try await ScriptedServer.with([try .reply(Self.receipt())]) { leader in
            let detail = PBErrorDetail.with {
                $0.kind = "not-leader"
                $0.leader = leader.endpoint.description
            }
            try await ScriptedServer.with([try .failure(.unavailable, detail)]) { follower in
                try await withClient(testConfiguration([follower.endpoint])) { client in
                    let receipt = try await client.execute(.resume, on: Self.caseID)
                    #expect(receipt.version == 2)
                }
                #expect(follower.received.count == 1)
                #expect(leader.received.count == 1)
                let keys = try (follower.received + leader.received).map {
                    try PBExecuteRequest(serializedBytes: $0.message).idempotencyKey
                }
                #expect(Set(keys).count == 1)
            }
        }
    }

    /// Who reaches the given endpoints alone asks no other.
    @Test func aClientThatFollowsNobodyAsksItsEndpointsAgain() async throws {
        try await ScriptedServer.with([try .reply(Self.receipt())]) { leader in
            let detail = PBErrorDetail.with {
                $0.kind = "not-leader"
                $0.leader = leader.endpoint.description
            }
            let script = [
                try ScriptedServer.Answer.failure(.unavailable, detail),
                try .reply(Self.receipt()),
            ]
            try await ScriptedServer.with(script) { follower in
                var configuration = testConfiguration([follower.endpoint])
                configuration.followsLeaders = false
                try await withClient(configuration) { client in
                    try await client.execute(.resume, on: Self.caseID)
                }
                #expect(follower.received.count == 2)
                #expect(leader.received.isEmpty)
            }
        }
    }

    /// A token must not be sent in plain text to wherever an answer points.
    @Test func aHintOutsideLoopbackIsNotFollowedInPlainText() async throws {
        let detail = PBErrorDetail.with {
            $0.kind = "not-leader"
            $0.leader = "192.0.2.1:7400"
        }
        let script = [
            try ScriptedServer.Answer.failure(.unavailable, detail), try .reply(Self.receipt()),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                try await client.execute(.resume, on: Self.caseID)
            }
            #expect(server.received.count == 2)
        }
    }

    /// An overload is waited out only where the server says for how long.
    @Test(arguments: [UInt32(0), 1])
    func overload(retryAfterMs: UInt32) async throws {
        let detail = PBErrorDetail.with {
            $0.kind = "overloaded"
            $0.retryAfterMs = retryAfterMs
        }
        let script = [
            try ScriptedServer.Answer.failure(.resourceExhausted, detail),
            try .reply(Self.receipt()),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                if retryAfterMs > 0 {
                    try await client.execute(.resume, on: Self.caseID)
                } else {
                    await #expect(throws: CaseClientError.self) {
                        try await client.execute(.resume, on: Self.caseID)
                    }
                }
            }
            #expect(server.received.count == (retryAfterMs > 0 ? 2 : 1))
        }
    }

    @Test func nobodyThere() async throws {
        let gone = try await ScriptedServer.with([]) { $0.endpoint }
        try await withClient(testConfiguration([gone], attemptsMax: 2)) { client in
            let error = await #expect(throws: CaseClientError.self) {
                try await client.get(Self.caseID)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.outcomeUnknown == false, "a read has no outcome")
        }
    }

    @Test func aCancelledTaskEndsTheCall() async throws {
        try await ScriptedServer.with([.silence]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let task = Task { try await client.execute(.resume, on: Self.caseID) }
                task.cancel()
                let error = await #expect(throws: CaseClientError.self) { try await task.value }
                #expect(error?.code == .cancelled)
            }
        }
    }

    /// An id with a mistyped character never leaves the machine.
    @Test func aMistypedIDIsFoundHere() async throws {
        try await ScriptedServer.with([try .reply(Self.receipt())]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let error = await #expect(throws: CaseClientError.self) {
                    try await client.get("0000000000001")
                }
                #expect(error?.field == "case_id")
                #expect(error?.attempts == 0)
                try await client.execute(.resume, on: Self.caseID.lowercased())
            }
            let request = try PBExecuteRequest(serializedBytes: server.received[0].message)
            #expect(request.caseID == Self.caseID)
        }
    }
}
