import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// Lists against a filter written down the plain way, and their pages against the whole.
@Suite struct ListTests {
    private func store(_ log: RandomLog) throws -> (TemporaryDirectory, ShardStore) {
        let directory = try TemporaryDirectory()
        let store = try ShardStore(at: directory.location(), shard: shardUnderTest)
        _ = try store.apply(log.entries)
        return (directory, store)
    }

    private func drawQuery(_ random: inout SeededGenerator) -> CaseQuery {
        let actors: [Actor?] = [
            nil, People.kim, People.anna, People.sven, People.robot, People.boss, People.quality,
        ]
        func maybe<Value>(_ values: [Value], _ random: inout SeededGenerator) -> Value? {
            Int.random(in: 0..<3, using: &random) == 0 ? values.randomElement(using: &random) : nil
        }
        var query = CaseQuery(scope: actors.randomElement(using: &random) ?? nil)
        query.sort = CaseSort.allCases.randomElement(using: &random) ?? .created
        if Bool.random(using: &random) {
            query.statuses = CaseStatus.allCases.filter { _ in Bool.random(using: &random) }
        }
        query.queue = maybe([People.queue.id, People.otherQueue.id], &random)
        query.team = maybe([People.team, People.otherTeam], &random)
        query.owner = maybe([People.anna.id, People.bo.id], &random)
        if let requester = maybe([People.kim.id, People.lee.id], &random) {
            query.requesters = [requester]
        }
        query.channel = maybe([.email, .chat], &random)
        query.tag = maybe(["vip"], &random)
        query.updatedSince = maybe([noon + .days(3)], &random)
        return query
    }

    private func plainly(_ query: CaseQuery, _ records: [CaseRecord]) -> [CaseRecord] {
        records.filter { record in
            if let scope = query.scope, !CaseMachine.maySee(scope, record) { return false }
            if query.statuses.isEmpty, record.status == .deleted { return false }
            if !query.statuses.isEmpty, !query.statuses.contains(record.status) { return false }
            if query.sort == .queue, record.status != .new, record.status != .escalated {
                return false
            }
            let requester = record.requester.principal
            return query.queue.map { $0 == record.queue } ?? true
                && query.team.map { $0 == record.team } ?? true
                && query.owner.map { $0 == record.owner } ?? true
                && (query.requesters.isEmpty || query.requesters.contains(requester))
                && query.channel.map { $0 == record.channel } ?? true
                && query.tag.map { record.tags.contains($0) } ?? true
                && query.updatedSince.map { $0 <= record.updatedAt } ?? true
        }
        .sorted { precedes($0, $1, query.sort) }
        .map { query.scope?.role == .requester ? $0.redactedForRequester() : $0 }
    }

    private func precedes(_ left: CaseRecord, _ right: CaseRecord, _ sort: CaseSort) -> Bool {
        switch sort {
        case .created: return left.id < right.id
        case .createdDescending: return left.id > right.id
        case .updated: return (left.updatedAt, left.id) < (right.updatedAt, right.id)
        case .updatedDescending: return (left.updatedAt, left.id) > (right.updatedAt, right.id)
        case .queue:
            if left.priority != right.priority {
                return left.priority.rawValue > right.priority.rawValue
            }
            if left.status != right.status { return left.status == .escalated }
            return (left.queuedAt, left.id) < (right.queuedAt, right.id)
        }
    }

    @Test(arguments: UInt64(1)...8)
    func listsAreThePlainFilter(seed: UInt64) throws {
        let log = RandomLog(seed: seed, count: 400)
        let (directory, store) = try store(log)
        defer { withExtendedLifetime(directory) {} }
        var random = SeededGenerator(seed: seed)
        for round in 0..<60 {
            var query = drawQuery(&random)
            let expected = plainly(query, log.naive.cases)
            query.limit = 1_000
            let whole = try store.read { reader throws(StoreError) in try reader.list(query) }
            #expect(
                whole.records.map(\.id) == expected.map(\.id),
                "SIM_SEED=\(seed) round=\(round) \(query)"
            )
            let isSame = whole.records == expected
            #expect(isSame, "SIM_SEED=\(seed) round=\(round) the records")
            #expect(whole.next == nil, "SIM_SEED=\(seed) round=\(round)")
            query.limit = Int.random(in: 1...7, using: &random)
            var pieces: [CaseRecord] = []
            repeat {
                let page = try store.read { reader throws(StoreError) in try reader.list(query) }
                #expect(page.records.count <= query.limit)
                pieces += page.records
                query.after = page.next
            } while query.after != nil
            #expect(
                pieces.map(\.id) == expected.map(\.id),
                "SIM_SEED=\(seed) round=\(round) in pages"
            )
        }
    }

    @Test(arguments: CaseSort.allCases)
    func keysOrderAsTheListDoes(sort: CaseSort) throws {
        let log = RandomLog(seed: 77, count: 300)
        let records = log.naive.cases.filter { sort != .queue || $0.status.rawValue <= 2 }
        let byKey = records.sorted { CaseSortKey(of: $0, in: sort) < CaseSortKey(of: $1, in: sort) }
        #expect(byKey.map(\.id) == records.sorted { precedes($0, $1, sort) }.map(\.id))
        for record in records {
            let key = CaseSortKey(of: record, in: sort)
            #expect(try CaseSortKey(decoding: key.encodedBytes) == key)
        }
    }

    @Test func whoManagesTheClusterSeesNoCase() throws {
        let (directory, store) = try store(RandomLog(seed: 5, count: 100))
        defer { withExtendedLifetime(directory) {} }
        let admin = Actor(id: PrincipalID("admin"), role: .admin)
        let page = try store.read { reader throws(StoreError) in
            try reader.list(CaseQuery(scope: admin))
        }
        #expect(page == CasePage())
    }

    @Test func ownedCasesFillTheBookOfLoads() throws {
        let log = RandomLog(seed: 9, count: 400)
        let (directory, store) = try store(log)
        defer { withExtendedLifetime(directory) {} }
        var found: [OwnedCase] = []
        while true {
            let page = try store.read { reader throws(StoreError) in
                try reader.owned(after: found.last?.id, limit: 3)
            }
            guard !page.isEmpty else { break }
            found += page
        }
        let expected = log.naive.cases.filter { $0.status == .assigned || $0.status == .open }
        #expect(found.map(\.id) == expected.map(\.id))
        #expect(found.map(\.owner) == expected.compactMap(\.owner))
        #expect(found.map(\.ownershipVersion) == expected.map(\.ownershipVersion))
    }

    /// The queries that run all the time use their index: no scan of the table, no sorting.
    @Test func frequentQueriesUseTheirIndexes() throws {
        let fixture = try ShardFixture()
        func plan(_ sql: String) throws -> String {
            try fixture.store.read { reader throws(StoreError) in
                let statement = try PreparedStatement(
                    uncached: "EXPLAIN QUERY PLAN \(sql)",
                    in: reader.db
                )
                var lines: [String] = []
                while try statement.step() { lines.append(statement.text(3)) }
                return lines.joined(separator: "; ")
            }
        }
        var queue = CaseQuery(scope: nil)
        queue.queue = People.queue.id
        queue.sort = .queue
        let served = try #require(CaseSelection(queue, isArchived: false))
        let servedPlan = try plan(served.sql)
        #expect(servedPlan.contains("cases_waiting") && !servedPlan.contains("TEMP B-TREE"))
        var own = CaseQuery(scope: People.kim)
        own.sort = .createdDescending
        let requested = try #require(CaseSelection(own, isArchived: false))
        #expect(try plan(requested.sql).contains("cases_requested"))
        #expect(
            try plan(
                "SELECT id FROM cases WHERE due_at IS NOT NULL AND due_at <= 1 ORDER BY due_at, id"
            )
            .contains("cases_due")
        )
        #expect(
            try plan(
                "SELECT id FROM cases WHERE status = 8 AND closed_at < 1 ORDER BY closed_at, id"
            )
            .contains("cases_closed")
        )
        #expect(
            try plan(
                "SELECT id FROM cases WHERE owner = 'a' AND status BETWEEN 3 AND 6 ORDER BY id"
            )
            .contains("cases_owned")
        )
    }
}
