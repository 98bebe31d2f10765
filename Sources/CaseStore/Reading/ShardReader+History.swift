import CaseModel
import ClusterPrimitives
import GRDB

/// Histories: a case's rows, and what moved into its row with the archive, as one.
extension ShardReader {
    /// A case's entries in the order of their numbers.
    ///
    /// `after` is the last number already read, 0 for the first page. `limit` is brought into
    /// 1...`StoreLimits.readPageMax`; a page also ends after `StoreLimits.readPageBytesMax`, so only an
    /// empty one is the end. `includeStaff` is false for a requester: notes are not even looked at then,
    /// and the rest is redacted.
    public func entries(
        of id: CaseID,
        after: UInt64 = 0,
        limit: Int,
        includeStaff: Bool
    ) throws(StoreError) -> [HistoryEntry] {
        let limit = Self.page(limit)
        if includeStaff {
            let page = Self.merge(
                try entries(.entries, id, after: after, limit: limit),
                try entries(.notes, id, after: after, limit: limit),
                limit: limit
            )
            return Self.cut(page).map(\.entry)
        }
        var after = after
        while true {
            let page = Self.cut(try entries(.entries, id, after: after, limit: limit))
            let shown = page.compactMap { Self.redactedForRequester($0.entry) }
            // A page of which a requester may see nothing is not the end.
            guard shown.isEmpty, let last = page.last else { return shown }
            after = last.entry.number
        }
    }

    private static func redactedForRequester(_ found: HistoryEntry) -> HistoryEntry? {
        guard let shown = found.event.redactedForRequester() else { return nil }
        var entry = found
        entry.event = shown
        if !shown.showsRawToRequester { entry.rawKey = nil }
        return entry
    }

    /// Both are in the order of their numbers, and a number is in one of them alone.
    private static func merge(_ left: [Sized], _ right: [Sized], limit: Int) -> [Sized] {
        var merged: [Sized] = []
        merged.reserveCapacity(min(limit, left.count + right.count))
        var (first, second) = (0, 0)
        while merged.count < limit, first < left.count || second < right.count {
            let takesLeft =
                second >= right.count
                || first < left.count && left[first].entry.number < right[second].entry.number
            merged.append(takesLeft ? left[first] : right[second])
            if takesLeft { first += 1 } else { second += 1 }
        }
        return merged
    }

    private static func cut(_ page: [Sized]) -> [Sized] {
        var bytes = 0
        for (offset, item) in page.enumerated() {
            bytes += item.byteCount
            if bytes > StoreLimits.readPageBytesMax, offset > 0 { return Array(page[..<offset]) }
        }
        return page
    }

    private struct Sized {
        var entry: HistoryEntry
        var byteCount: Int
    }

    private enum Part: String {
        case entries
        case notes
    }

    private func entries(
        _ part: Part,
        _ id: CaseID,
        after: UInt64,
        limit: Int
    ) throws(StoreError) -> [Sized] {
        var found: [Sized] = []
        let packed = try self.packed(part.rawValue, id)
        for entry in try Packed.decode(packed, of: HistoryEntry.self)
        where entry.number > after && found.count < limit {
            found.append(Sized(entry: entry, byteCount: entry.encodedBytes.count))
        }
        guard found.count < limit else { return found }
        // What came after the archive stands in the table still.
        let select = try PreparedStatement(
            db,
            """
            SELECT entry FROM \(part.rawValue) WHERE case_id = ? AND number > ?
            ORDER BY number LIMIT ?
            """
        )
        defer { select.reset() }
        select.bind(1, id)
        select.bind(2, after)
        select.bind(3, Int64(limit - found.count))
        var bytes = 0
        while bytes <= StoreLimits.readPageBytesMax, try select.step() {
            let encoded = select.bytes(0)
            bytes += encoded.count
            found.append(Sized(entry: try select.value(0), byteCount: encoded.count))
        }
        return found
    }

    private func packed(_ column: String, _ id: CaseID) throws(StoreError) -> [UInt8] {
        let select = try PreparedStatement(db, "SELECT \(column) FROM archived WHERE id = ?")
        defer { select.reset() }
        select.bind(1, id)
        return try select.step() ? select.bytes(0) : []
    }

    /// The raw message that came with an entry; nil if none did, it was erased, or it is not for requesters.
    public func raw(
        of id: CaseID,
        entry number: UInt64,
        includeStaff: Bool
    ) throws(StoreError) -> [UInt8]? {
        guard number > 0 else { return nil }
        let page = try entries(of: id, after: number - 1, limit: 1, includeStaff: includeStaff)
        guard let entry = page.first, entry.number == number, let key = entry.rawKey else {
            return nil
        }
        return try raw(key: key)
    }

    private func raw(key: UInt64) throws(StoreError) -> [UInt8]? {
        let select = try PreparedStatement(db, "SELECT message FROM raw WHERE seq = ?")
        defer { select.reset() }
        select.bind(1, key)
        return try select.step() ? select.bytes(0) : nil
    }

    /// A case's audit entries from version 1.
    public func audit(of id: CaseID) throws(StoreError) -> [AuditEntry] {
        guard let stored = try stored(id) else { return [] }
        return try saltedAudit(of: stored).map(\.entry)
    }

    private func saltedAudit(of stored: StoredCase) throws(StoreError) -> [SaltedAudit] {
        let packed = try packed("audit", stored.record.id)
        let select = try PreparedStatement(db, AuditTable.selectSQL)
        return try Packed.decode(packed, of: SaltedAudit.self)
            + AuditTable.chain(endingAt: stored.auditKey, select).map(\.audit)
    }

    /// Checks a case's audit chain up to its head, and the contents that are still there.
    /// - Returns: nil if the shard has no such case.
    public func verify(_ id: CaseID) throws(StoreError) -> AuditVerdict? {
        guard let stored = try stored(id) else { return nil }
        let audit = try saltedAudit(of: stored)
        let history = try wholeHistory(of: id)
        var failure: StoreError?
        let verdict = AuditChain.verify(audit.map(\.entry), head: stored.record.auditHead) {
            entry in
            // Versions run from 1 in a chain that got this far.
            guard entry.version <= UInt64(audit.count), failure == nil,
                let salt = audit[Int(entry.version) - 1].salt
            else { return nil }
            do throws(StoreError) {
                let events = try history[entry.version, default: []]
                    .map { item throws(StoreError) -> CaseEvent in
                        guard let key = item.rawKey else { return item.event }
                        return item.event.joiningRaw(try raw(key: key))
                    }
                return AuditContent(salt: salt, events: events)
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return verdict
    }

    /// By version; only ever asked for one version at a time.
    private func wholeHistory(of id: CaseID) throws(StoreError) -> [UInt64: [HistoryEntry]] {
        var history: [UInt64: [HistoryEntry]] = [:]
        var last: UInt64 = 0
        while true {
            let page = try entries(
                of: id,
                after: last,
                limit: StoreLimits.readPageMax,
                includeStaff: true
            )
            guard let end = page.last else { return history }
            for entry in page { history[entry.version, default: []].append(entry) }
            last = end.number
        }
    }
}

extension CaseEvent {
    /// Whether the raw message is the requester's to read: of what was said to them or by them.
    fileprivate var showsRawToRequester: Bool {
        switch self {
        case .created, .commentAdded: true
        default: false
        }
    }
}
