import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives

extension PBEntry {
    /// A stored entry, redacted by the store for who reads.
    init(_ entry: HistoryEntry) {
        self.init(
            entry.event,
            EntryContext(
                number: entry.number,
                version: entry.version,
                at: entry.at,
                actor: entry.by,
                role: entry.role,
                isStaffOnly: entry.event.isStaffOnly,
                hasRaw: entry.hasRaw
            )
        )
    }
}

extension PBVerifyResponse {
    /// What a check of a case's chain found.
    init(_ verdict: AuditVerdict, of record: CaseRecord) {
        self.init()
        links = record.version
        switch verdict {
        case .intact(let found, let checkedContents):
            valid = true
            head = .init(found.bytes)
            erased = record.version - min(record.version, UInt64(checkedContents))
        case .broken(let version, _):
            brokenVersion = version
            head = .init(record.auditHead.bytes)
        }
    }
}
