import CaseModel
import ClusterPrimitives

/// Rows of live cases that the open transaction has changed and not written yet.
///
/// Why: what a comment changes of its case's row is a few numbers, and the whole row and an entry of an index are
/// written for them. A case that is busy is touched again before the transaction ends, and then once is enough.
/// Nobody but the writer reads before it ends; what the writer asks the tables for, it writes the rows for first.
struct UnwrittenCases {
    /// Rows that are kept back: more are written at once, so that a transaction's end does not take long.
    static let rowsMax = 512

    private struct Row {
        var stored: StoredCase
        /// As the file has it.
        var old: StoredCase
    }

    private var rows: [CaseID: Row] = [:]

    var isFull: Bool { rows.count >= Self.rowsMax }

    /// The case as it is now, if its row was not written.
    func find(_ id: CaseID) -> StoredCase? { rows[id]?.stored }

    /// Keeps a row back. `old` is the case before this change, which the file has unless another one was kept back.
    mutating func keep(_ stored: StoredCase, over old: StoredCase) {
        assert(!stored.isArchived, "live cases alone are kept back")
        let id = stored.record.id
        if rows[id] == nil {
            rows[id] = Row(stored: stored, old: old)
        } else {
            rows[id]?.stored = stored
        }
    }

    /// The row is about to be removed.
    mutating func drop(_ id: CaseID) { rows[id] = nil }

    /// Everything, to be written in this order: the same on every replica.
    mutating func takeAll() -> [(stored: StoredCase, old: StoredCase)] {
        guard !rows.isEmpty else { return [] }
        defer { rows.removeAll(keepingCapacity: true) }
        return rows.values.sorted { $0.stored.record.id < $1.stored.record.id }
            .map { ($0.stored, $0.old) }
    }

    /// They were undone with their transaction.
    mutating func forget() { rows = [:] }
}
