import CaseClient
import CaseProtocol
import Testing

/// Reads that do with an older state: what is asked for, and what comes of the age that is answered.
@Suite struct StaleReadTests {
    static let record = PBCase.with {
        $0.id = RetryTests.caseID
        $0.version = 4
    }

    @Test func theAgeComesAlong() async throws {
        let script = [
            try ScriptedServer.Answer.reply(Self.record, age: "250"),
            try .reply(PBListResponse(), age: "250"), try .reply(PBHistoryResponse(), age: "250"),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let found = try await client.getStale(RetryTests.caseID, ageMax: .milliseconds(250))
                #expect(found.age == .milliseconds(250) && found.value.version == 4)
                let list = try await client.listStale()
                #expect(list.age == .milliseconds(250))
                let history = try await client.historyStale(RetryTests.caseID)
                #expect(history.age == .milliseconds(250))
            }
            #expect(server.received.map(\.stale) == ["1", "1", "1"])
        }
    }

    /// Too old, or of an age that nobody can read: the leader is asked after all.
    @Test(arguments: ["251", "-1", "soon"]) func whatIsTooOldIsReadAgain(age: String) async throws {
        var newer = Self.record
        newer.version = 5
        let script = [try ScriptedServer.Answer.reply(Self.record, age: age), try .reply(newer)]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let found = try await client.getStale(RetryTests.caseID, ageMax: .milliseconds(250))
                #expect(found.age == .zero && found.value.version == 5)
            }
            #expect(server.received.map(\.stale) == ["1", nil])
        }
    }

    @Test func withoutAnAgeNothingIsMissing() async throws {
        try await ScriptedServer.with([try .reply(Self.record)]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let found = try await client.getStale(RetryTests.caseID, ageMax: .zero)
                #expect(found.age == .zero)
                _ = try await client.get(RetryTests.caseID)
            }
            #expect(server.received.map(\.stale) == ["1", nil])
        }
    }

    @Test func retriesAskForTheSame() async throws {
        let script = [
            try ScriptedServer.Answer.failure(.unavailable), try .reply(Self.record, age: "9"),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let found = try await client.getStale(RetryTests.caseID)
                #expect(found.age == .milliseconds(9))
            }
            #expect(server.received.map(\.stale) == ["1", "1"])
        }
    }
}
