import CaseProtocol
import ClusterPrimitives
import RPC
import Testing

@testable import CaseClient

/// The feed over a real connection: no gap, no repetition, and an end where trying again is no use.
@Suite struct WatchTests {
    static func event(_ number: Int, heartbeat: Bool = false) throws -> [UInt8] {
        try PBWatchEvent.with {
            $0.resumeToken = "token-\(number)"
            $0.version = UInt64(number)
            $0.heartbeat = heartbeat
        }.serializedBytes()
    }

    /// Collects `count` events' versions.
    static func versions(_ watch: CaseWatch, count: Int) async throws -> [UInt64] {
        var versions: [UInt64] = []
        for try await event in watch {
            versions.append(event.version)
            if versions.count == count { break }
        }
        return versions
    }

    /// An agent who answers blind because an update was missed after a reconnect: the token
    /// prevents it.
    @Test func reconnectsFromTheLastToken() async throws {
        let script: [ScriptedServer.Answer] = [
            .stream([try Self.event(1), try Self.event(2)], RPCStatus(.unavailable)),
            .stream([try Self.event(3), try Self.event(4, heartbeat: true)], .ok),
            .stream([try Self.event(5)], nil),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let watch = try client.watch(.with { $0.fromStart = true })
                #expect(try await Self.versions(watch, count: 4) == [1, 2, 3, 5])
            }
            let requests = try server.received.map {
                try PBWatchRequest(serializedBytes: $0.message)
            }
            #expect(requests.map(\.resumeToken) == ["", "token-2", "token-4"])
            #expect(requests.map(\.fromStart) == [true, false, false])
            #expect(server.received.allSatisfy { $0.authorization == "Bearer test-token" })
        }
    }

    /// Overtaken by the feed's end: the caller has to read the state anew, and is told so.
    @Test(arguments: [RPCStatusCode.outOfRange, .unauthenticated, .invalidArgument])
    func endsWhereTryingAgainIsNoUse(code: RPCStatusCode) async throws {
        let script: [ScriptedServer.Answer] = [
            .stream([try Self.event(1)], .ok),
            try .failure(code, .with { $0.kind = "final" }),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let watch = try client.watch()
                let error = await #expect(throws: CaseClientError.self) {
                    _ = try await Self.versions(watch, count: 2)
                }
                #expect(error?.code.rawValue == code.rawValue)
                #expect(error?.kind == "final")
            }
            #expect(server.received.count == 2)
        }
    }

    /// A stream that has lived its time is opened again, however long ago the last event was.
    @Test func anIdleStreamIsRenewed() async throws {
        let script: [ScriptedServer.Answer] = [
            .stream([try Self.event(1)], nil), .stream([try Self.event(2)], nil),
        ]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                var watch = try client.watch(patience: .milliseconds(50))
                watch.streamLife = .milliseconds(400)
                #expect(try await Self.versions(watch, count: 2) == [1, 2])
            }
        }
    }

    @Test func patienceEnds() async throws {
        let gone = try await ScriptedServer.with([]) { $0.endpoint }
        try await withClient(testConfiguration([gone])) { client in
            let watch = try client.watch(patience: .milliseconds(100))
            let error = await #expect(throws: CaseClientError.self) {
                _ = try await Self.versions(watch, count: 1)
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func movesToAnotherNode() async throws {
        try await ScriptedServer.with([.stream([try Self.event(9)], nil)]) { good in
            try await ScriptedServer.with([try .failure(.unavailable)]) { bad in
                let configuration = testConfiguration([bad.endpoint, good.endpoint])
                try await withClient(configuration) { client in
                    let versions = try await Self.versions(try client.watch(), count: 1)
                    #expect(versions == [9])
                }
            }
        }
    }

    @Test func cancellingEndsIt() async throws {
        try await ScriptedServer.with([.stream([], nil)]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let watch = try client.watch()
                let task = Task { try await Self.versions(watch, count: 1) }
                task.cancel()
                #expect(try await task.value == [])
            }
        }
    }

    @Test func heartbeatsOnDemand() async throws {
        let script: [ScriptedServer.Answer] = [.stream([try Self.event(1, heartbeat: true)], nil)]
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let watch = try client.watch(includesHeartbeats: true)
                #expect(try await Self.versions(watch, count: 1) == [1])
            }
        }
    }

    @Test func startAndTokenExcludeEachOther() async throws {
        try await withClient(testConfiguration([CaseEndpoint(host: "127.0.0.1")])) { client in
            let error = #expect(throws: CaseClientError.self) {
                _ = try client.watch(
                    .with {
                        $0.fromStart = true
                        $0.resumeToken = "t"
                    }
                )
            }
            #expect(error?.field == "from_start")
        }
    }
}

/// Lists over several pages.
@Suite struct PagingTests {
    @Test func casesWalkAllPages() async throws {
        let pages = (0..<3).map { page in
            PBListResponse.with {
                $0.cases = (0..<2).map { row in .with { $0.version = UInt64(page * 2 + row) } }
                $0.nextPageToken = page < 2 ? "page-\(page + 1)" : ""
            }
        }
        try await ScriptedServer.with(try pages.map { try .reply($0) }) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                var versions: [UInt64] = []
                for try await record in client.cases() { versions.append(record.version) }
                #expect(versions == [0, 1, 2, 3, 4, 5])
            }
            let tokens = try server.received.map {
                try PBListRequest(serializedBytes: $0.message).pageToken
            }
            #expect(tokens == ["", "page-1", "page-2"])
        }
    }

    /// A server that repeats its page token must not make a client walk in a circle.
    @Test func aStandingTokenEndsTheWalk() async throws {
        let page = PBListResponse.with {
            $0.cases = [PBCase()]
            $0.nextPageToken = "same"
        }
        try await ScriptedServer.with([try .reply(page)]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                var count = 0
                for try await _ in client.cases() { count += 1 }
                #expect(count == 2)
            }
        }
    }

    @Test func historyWalksByNumber() async throws {
        let script = try [(1, true), (2, false)].map { number, more in
            try ScriptedServer.Answer.reply(
                PBHistoryResponse.with {
                    $0.entries = [.with { $0.number = UInt64(number) }]
                    $0.more = more
                }
            )
        }
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                var numbers: [UInt64] = []
                for try await entry in client.entries(of: RetryTests.caseID) {
                    numbers.append(entry.number)
                }
                #expect(numbers == [1, 2])
            }
            let after = try server.received.map {
                try PBHistoryRequest(serializedBytes: $0.message).afterNumber
            }
            #expect(after == [0, 1])
        }
    }

    @Test func directoryListsAreWhole() async throws {
        let script = try [("a", true), ("b", false)].map { name, more in
            try ScriptedServer.Answer.reply(
                PBListTeamsResponse.with {
                    $0.teams = [.with { $0.name = name }]
                    $0.more = more
                }
            )
        }
        try await ScriptedServer.with(script) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let names = try await client.teams().map(\.name)
                #expect(names == ["a", "b"])
            }
        }
    }
}
