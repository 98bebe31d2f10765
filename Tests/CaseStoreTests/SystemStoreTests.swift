import ClusterPrimitives
import CoordinatorCore
import Testing

@testable import CaseStore

/// The system group's records against a dictionary.
@Suite struct SystemStoreTests {
    private func randomBatch(
        _ random: inout SeededGenerator,
        from index: LogIndex,
        into model: inout [String: [UInt8]]
    ) -> [SystemEntry] {
        var index = index
        return (0..<Int.random(in: 1...6, using: &random)).map { _ in
            index = index.next
            let mutations = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                let kind = UInt8.random(in: 1...4, using: &random)
                let key = ["", "é", "e\u{301}", "a\0b", "z"].randomElement(using: &random) ?? ""
                let isDeletion = Int.random(in: 0..<4, using: &random) == 0
                let value = isDeletion ? nil : [UInt8.random(in: 0...255, using: &random)]
                model[name(kind, key)] = value
                return SystemMutation(key: SystemRecordKey(kind: kind, key: key), value: value)
            }
            return SystemEntry(index: index, term: Term(2), mutations: mutations)
        }
    }

    /// Byte for byte: composed and decomposed letters are two keys.
    private func name(_ kind: UInt8, _ key: String) -> String { "\(kind):\(Array(key.utf8))" }

    @Test(arguments: UInt64(1)...12)
    func recordsAreWhatWasPut(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        var random = SeededGenerator(seed: seed)
        var store = try SystemStore(at: directory.location())
        var model: [String: [UInt8]] = [:]
        for round in 0..<40 {
            let batch = randomBatch(&random, from: store.appliedIndex, into: &model)
            try store.apply(batch)
            // The same again changes nothing.
            try store.apply(batch)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                try store.close()
                store = try SystemStore(at: directory.location())
            case 1:
                let outcome = try store.checkpoint()
                #expect(outcome.isComplete && outcome.durableIndex == store.appliedIndex)
            default: break
            }
            let image = try store.loadAll()
            #expect(image.state.appliedIndex == batch.last?.index, "SIM_SEED=\(seed) \(round)")
            let found = image.records.map { name($0.0.kind, $0.0.key) }
            #expect(Set(found) == Set(model.keys), "SIM_SEED=\(seed) \(round)")
            for (key, value) in image.records {
                #expect(model[name(key.kind, key.key)] == value, "SIM_SEED=\(seed) \(round)")
            }
        }
        let info = try store.snapshot(to: directory.location("copy"))
        let copy = try SystemStore(at: directory.location("copy"))
        #expect(info.index == store.appliedIndex)
        #expect(copy.state == store.state)
        #expect(try copy.replicaChecksum() == store.replicaChecksum())
    }

    @Test func membershipIsKeptWithTheAppliedIndex() throws {
        let directory = try TemporaryDirectory()
        let store = try SystemStore(at: directory.location())
        try store.apply([
            SystemEntry(index: LogIndex(1), term: Term(1), mutations: [], configuration: [1, 2]),
            SystemEntry(index: LogIndex(2), term: Term(1), mutations: []),
        ])
        try store.close()
        let state = try SystemStore(at: directory.location()).state
        #expect(state.configuration == [1, 2])
        #expect(state.appliedIndex == LogIndex(2))
    }

    @Test func aGapStopsTheReplicaAndUndoesItsBatch() throws {
        let directory = try TemporaryDirectory()
        let store = try SystemStore(at: directory.location())
        let key = SystemRecordKey(kind: 1, key: "k")
        let put = SystemMutation(key: key, value: [1])
        #expect(throws: StoreError.gap(expected: LogIndex(2), got: LogIndex(3))) {
            try store.apply([
                SystemEntry(index: LogIndex(1), term: Term(1), mutations: [put]),
                SystemEntry(index: LogIndex(3), term: Term(1), mutations: []),
            ])
        }
        #expect(store.appliedIndex == .zero)
        #expect(try store.loadAll().records.isEmpty)
        #expect(throws: StoreError.stopped) {
            try store.apply([SystemEntry(index: LogIndex(1), term: Term(1), mutations: [])])
        }
    }

    @Test func aShardsFileIsNoSystemGroup() throws {
        let directory = try TemporaryDirectory()
        let location = directory.location()
        try ShardStore(at: location, shard: ShardID(1)).close()
        #expect(throws: StoreError.foreignFile(path: location.path)) {
            try SystemStore(at: location)
        }
    }
}
