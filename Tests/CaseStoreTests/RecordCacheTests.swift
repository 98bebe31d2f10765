import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// The cache of records holds what was put, within its bound.
@Suite struct RecordCacheTests {
    private func stored(_ number: UInt64, version: UInt64 = 1) -> StoredCase {
        let id = CaseID(tick: 1, shard: shardUnderTest, sequence: number % 1_000)
        var record = CaseRecord(
            id: id,
            requester: Requester(principal: People.kim.id),
            queue: People.queue.id,
            team: People.team,
            at: noon
        )
        record.version = version
        return StoredCase(record: record, isArchived: false, auditKey: version)
    }

    @Test(arguments: UInt64(1)...8)
    func whatIsFoundIsTheNewest(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var cache = RecordCache()
        var newest: [CaseID: UInt64] = [:]
        for version in 1...5_000 as ClosedRange<UInt64> {
            let new = stored(UInt64.random(in: 0..<900, using: &random), version: version)
            cache.insert(new)
            newest[new.record.id] = version
            let asked = stored(UInt64.random(in: 0..<900, using: &random)).record.id
            guard let found = cache.find(asked) else { continue }
            #expect(found.record.version == newest[asked], "SIM_SEED=\(seed)")
            #expect(found.auditKey == newest[asked], "SIM_SEED=\(seed)")
        }
    }

    @Test func twoGenerationsAreKeptAndNoMore() {
        var cache = RecordCache()
        let count = UInt64(RecordCache.generationMax)
        for number in 0..<count * 3 { cache.insert(stored(number)) }
        let kept = (0..<count * 3).filter { cache.find(stored($0).record.id) != nil }
        #expect(kept.count <= Int(count) * 2)
        #expect(kept.last == count * 3 - 1)
        cache.forget()
        #expect((0..<count * 3).allSatisfy { cache.find(stored($0).record.id) == nil })
    }
}
