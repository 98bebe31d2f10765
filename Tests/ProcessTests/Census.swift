import CaseClient

/// What there is on a node: every case, and every raw message with the case that it is on.
struct Census: Equatable, Sendable {
    struct Raw: Hashable, Sendable {
        let caseID: String
        let bytes: [UInt8]
    }

    private(set) var cases: Set<String> = []
    private(set) var entries = 0
    /// How often each is there.
    private(set) var raws: [Raw: Int] = [:]

    /// Reads everything that `client` may see.
    static func take(_ client: CaseClient) async throws -> Census {
        var census = Census()
        var query = CaseQuery()
        query.statuses = CaseStatus.allCases.filter { $0 != .unspecified }
        query.pageSize = 200
        repeat {
            let page = try await client.list(query)
            for found in page.cases { try await census.add(found.id, client) }
            query.pageToken = page.nextPageToken
        } while !query.pageToken.isEmpty
        return census
    }

    private mutating func add(_ caseID: String, _ client: CaseClient) async throws {
        precondition(cases.insert(caseID).inserted, "\(caseID) was listed twice")
        var after: UInt64 = 0
        while true {
            let page = try await client.history(caseID, after: after, pageSize: 500)
            for entry in page.entries {
                entries += 1
                guard entry.hasRaw_p else { continue }
                let bytes = try await client.raw(caseID, entry: entry.number)
                raws[Raw(caseID: caseID, bytes: bytes), default: 0] += 1
            }
            guard page.more, let last = page.entries.last else { return }
            after = last.number
        }
    }
}
