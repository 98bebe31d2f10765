import CaseClient
import ClusterPrimitives
import Foundation
import Testing

/// The coordinator's timers on three real nodes, one of which dies at the wrong moment.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct TimerTests {
    /// Cases that fall due at once. `CASECLUSTER_DUE_CASES` asks for more than a test of each day.
    private static let dueCases =
        ProcessInfo.processInfo.environment["CASECLUSTER_DUE_CASES"].flatMap { Int($0) } ?? 1_000
    /// Longer than resolving them takes.
    private static let window = TimeSpan(milliseconds: Int64(10_000 + dueCases * 10))
    private static let workers = 64

    /// Goal: of many cases that fall due together, each is closed exactly once and none early, although the
    /// coordinator's node is killed when between a tenth and nine tenths of them are closed.
    /// Method: all three nodes are down until the last of them is due.
    @Test func aKilledCoordinatorClosesEachOnce() async throws {
        let nodes = try await ThreeNodes.start()
        let token = try nodes.adminToken
        let admin = try nodes.client(token: token)
        _ = try await admin.setSetting("reopen-window", to: "\(Self.window)")
        await admin.shutdown()
        let anna = try await staff("anna", .agent, at: nodes, token)
        let sven = try await staff("sven", .supervisor, at: nodes, token)
        let resolved = try await resolve(Self.dueCases, anna)
        await anna.shutdown()
        for index in 0..<3 { try await nodes.kill(index) }
        let last = resolved.values.map(\.dueAt).max() ?? 0
        // The one thing to wait for is the time itself.
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        try await Task.sleep(for: .milliseconds(max(0, last - now)))
        try await startAll(nodes)
        let atKill = try await killCoordinatorAmid(nodes, token)
        while try await closedCount(sven) < Self.dueCases {}
        try await judge(resolved, sven)
        print("\(Self.dueCases) due at once, the coordinator killed at \(atKill): each closed once")
        await sven.shutdown()
        for index in 0..<3 where !nodes.isRunning(index) { try await nodes.start(index) }
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }

    private func judge(_ resolved: [String: CaseRecord], _ client: CaseClient) async throws {
        var query = CaseQuery()
        query.statuses = [.closed]
        query.pageSize = 500
        var seen = 0
        repeat {
            let page = try await client.list(query)
            for found in page.cases {
                seen += 1
                let before = try #require(resolved[found.id])
                #expect(found.version == before.version + 1, "\(found.id) was closed once")
                #expect(found.closedAt >= before.dueAt, "\(found.id) was closed early")
            }
            query.pageToken = page.nextPageToken
        } while !query.pageToken.isEmpty
        #expect(seen == Self.dueCases)
    }

    // MARK: Steps

    private func staff(
        _ name: String,
        _ role: PrincipalRole,
        at nodes: ThreeNodes,
        _ token: String
    ) async throws -> CaseClient {
        let admin = try nodes.client(token: token)
        var person = Principal()
        person.name = name
        person.role = role
        person.teams = ["default"]
        _ = try await admin.put(person)
        let secret = try await admin.issueToken(for: name).secret
        await admin.shutdown()
        return try nodes.client(token: secret)
    }

    /// Makes cases and resolves them; by id, as they were then.
    private func resolve(_ count: Int, _ anna: CaseClient) async throws -> [String: CaseRecord] {
        try await withThrowingTaskGroup(of: [CaseRecord].self) { group in
            for worker in 0..<min(Self.workers, count) {
                group.addTask {
                    var made: [CaseRecord] = []
                    for _ in stride(from: worker, to: count, by: Self.workers) {
                        made.append(try await Self.resolveOne(anna))
                    }
                    return made
                }
            }
            var all: [String: CaseRecord] = [:]
            for try await made in group {
                for one in made { all[one.id] = one }
            }
            return all
        }
    }

    private static func resolveOne(_ anna: CaseClient) async throws -> CaseRecord {
        var new = NewCase()
        new.message = "it squeaks"
        new.requester.name = "Kim"
        new.asOwner = true
        let id = try await anna.create(new).caseID
        _ = try await anna.execute(.proposeSolution(note: "oil", message: "Oil it"), on: id)
        return try await anna.get(id)
    }

    private func closedCount(_ client: CaseClient) async throws -> Int {
        let groups = try await client.clusterStatus().groups
        let place = CaseStatus.closed.rawValue - CaseStatus.new.rawValue
        return groups.reduce(0) { sum, group in
            sum + (place < group.casesByStatus.count ? Int(group.casesByStatus[place]) : 0)
        }
    }

    /// Kills the node of the coordinator while between a tenth and nine tenths are closed.
    private func killCoordinatorAmid(_ nodes: ThreeNodes, _ token: String) async throws -> Int {
        let client = try nodes.client(token: token)
        var closed = 0
        while closed < Self.dueCases / 10 { closed = try await closedCount(client) }
        let coordinator = try await client.clusterStatus().coordinator
        try await nodes.kill(Int(coordinator) - 1)
        await client.shutdown()
        #expect(closed <= Self.dueCases * 9 / 10, "the kill came too late to prove anything")
        return closed
    }

    private func startAll(_ nodes: ThreeNodes) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<3 { group.addTask { try await nodes.start(index) } }
            try await group.waitForAll()
        }
    }
}
