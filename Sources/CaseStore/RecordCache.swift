import CaseModel
import ClusterPrimitives

/// The cases that were written last, so that a busy one is not read and decoded for every command.
///
/// Two generations: when the younger is full it becomes the older, and the older is forgotten. What is in
/// here equals its row, or what waits to be written there (`UnwrittenCases`); after a failed transaction everything is
/// forgotten.
struct RecordCache {
    /// Cases in one generation: some 500 KB.
    static let generationMax = 256
    private var young: [CaseID: StoredCase] = [:]
    private var old: [CaseID: StoredCase] = [:]

    mutating func find(_ id: CaseID) -> StoredCase? {
        if let found = young[id] { return found }
        guard let found = old[id] else { return nil }
        insert(found)
        return found
    }

    mutating func insert(_ stored: StoredCase) {
        if young.count >= Self.generationMax, young[stored.record.id] == nil {
            old = young
            young = [:]
            young.reserveCapacity(Self.generationMax)
        }
        young[stored.record.id] = stored
    }

    mutating func forget() {
        young = [:]
        old = [:]
    }
}
