import CaseModel
import CaseStore
import ClusterPrimitives
import Testing

@testable import CaseNode

@Suite struct ListMergeTests {
    private func record(_ tick: UInt64, _ shard: UInt16, titleBytes: Int = 0) -> CaseRecord {
        var record = CaseRecord(
            id: CaseID(tick: tick, shard: ShardID(shard), sequence: 0),
            requester: Requester(principal: PrincipalID("p")),
            queue: QueueID("q"),
            team: TeamID("t"),
            at: Timestamp(rawValue: Int64(tick))
        )
        record.title = String(repeating: "x", count: titleBytes)
        return record
    }

    /// A shard's page as the store makes it: sometimes shorter than asked for, with more behind it.
    private func page(
        _ all: [CaseRecord],
        _ sort: CaseSort,
        after: CaseSortKey?,
        limit: Int,
        _ random: inout SeededGenerator
    ) -> CasePage {
        let rest = all.filter { record in
            after.map { CaseSortKey(of: record, in: sort) > $0 } ?? true
        }
        let count = min(limit, Int.random(in: 1...limit, using: &random))
        var page = CasePage()
        page.records = Array(rest.prefix(count))
        if rest.count > count, let last = page.records.last {
            page.next = CaseSortKey(of: last, in: sort)
        }
        return page
    }

    /// Goal: reading page by page gives each case once, in order, however the shards cut their pages.
    /// Method: random shards; the naive model sorts everything at once.
    @Test(arguments: UInt64(1)...48)
    func pagesGiveEverythingOnceInOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sort: CaseSort = seed.isMultiple(of: 2) ? .created : .createdDescending
        let limit = Int.random(in: 1...7, using: &random)
        let shards: [[CaseRecord]] = (0..<UInt16(5)).map { shard in
            let count = Int.random(in: 0...20, using: &random)
            let ticks = Set((0..<count).map { _ in UInt64.random(in: 0..<50, using: &random) })
            return ticks.map { record($0, shard) }
                .sorted { CaseSortKey(of: $0, in: sort) < CaseSortKey(of: $1, in: sort) }
        }
        var seen: [CaseID] = []
        var after: CaseSortKey?
        var rounds = 0
        repeat {
            let pages = shards.map { page($0, sort, after: after, limit: limit, &random) }
            let merged = ListService.merge(pages, sort, limit: limit)
            #expect(merged.records.count <= limit, "SIM_SEED=\(seed)")
            seen += merged.records.map(\.id)
            if let next = merged.next, let after {
                #expect(next > after, "SIM_SEED=\(seed): every page makes progress")
            }
            after = merged.next
            rounds += 1
        } while after != nil && rounds < 1_000
        let all = shards.joined()
            .sorted { CaseSortKey(of: $0, in: sort) < CaseSortKey(of: $1, in: sort) }
        #expect(seen == all.map(\.id), "SIM_SEED=\(seed)")
    }

    @Test func aPageEndsBeforeItOutgrowsAMessage() {
        var all = CasePage()
        all.records = (0..<10).map { record($0, 0, titleBytes: 1 << 20) }
        let merged = ListService.merge([all], .created, limit: 10)
        #expect(merged.records.count == 2, "two megabytes, and what stands around them")
        #expect(merged.next == merged.records.last.map { CaseSortKey(of: $0, in: .created) })
        var one = CasePage()
        one.records = [record(1, 0, titleBytes: 5 << 20)]
        #expect(ListService.merge([one], .created, limit: 10).records.count == 1)
    }
}
