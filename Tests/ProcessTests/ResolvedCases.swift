import CaseClient
import ClusterPrimitives

/// Cases that were resolved, as they were then, by id.
struct ResolvedCases: Sendable {
    /// The window that holds where nobody sets another.
    static let window = TimeSpan.days(7)
    private static let workers = 64

    private(set) var records: [String: CaseRecord] = [:]

    /// When the last of them is due.
    var lastDue: Timestamp { Timestamp(rawValue: records.values.map(\.dueAt).max() ?? 0) }
    var firstDue: Timestamp { Timestamp(rawValue: records.values.map(\.dueAt).min() ?? 0) }

    /// Makes cases and resolves them.
    static func make(_ count: Int, _ agent: CaseClient) async throws -> ResolvedCases {
        try await withThrowingTaskGroup(of: [CaseRecord].self) { group in
            for worker in 0..<min(workers, count) {
                group.addTask {
                    var made: [CaseRecord] = []
                    for _ in stride(from: worker, to: count, by: workers) {
                        made.append(try await makeOne(agent))
                    }
                    return made
                }
            }
            var all = ResolvedCases()
            for try await made in group {
                for one in made { all.records[one.id] = one }
            }
            return all
        }
    }

    private static func makeOne(_ agent: CaseClient) async throws -> CaseRecord {
        var new = NewCase()
        new.message = "it squeaks"
        new.requester.name = "Kim"
        new.asOwner = true
        let id = try await agent.create(new).caseID
        _ = try await agent.execute(.proposeSolution(note: "oil", message: "Oil it"), on: id)
        return try await agent.get(id)
    }

    /// How they are now.
    func now(_ client: CaseClient) async throws -> [CaseRecord] {
        var found: [CaseRecord] = []
        for id in records.keys.sorted() { found.append(try await client.get(id)) }
        return found
    }
}
