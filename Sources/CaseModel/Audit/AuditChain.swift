import ClusterPrimitives

/// What an audit entry's hash was taken over, as long as no erasure dropped it.
public struct AuditContent: Hashable, Sendable {
    /// The command's salt.
    public var salt: [UInt8]
    /// The command's events, with their raw messages (`CaseEvent.joiningRaw`).
    public var events: [CaseEvent]

    /// Puts a content together.
    public init(salt: [UInt8], events: [CaseEvent]) {
        self.salt = salt
        self.events = events
    }

    /// What the entry should have recorded.
    public var hash: SHA256Digest { AuditEntry.contentHash(of: events, salt: salt) }
}

/// What is wrong with a case's audit chain. Never repaired: report it, and compare replicas and backups.
public enum AuditFault: Hashable, Sendable {
    /// An entry is of another case.
    case foreignEntry
    /// The versions don't run 1, 2, 3, ...: an entry is missing, doubled or changed.
    case wrongVersion(found: UInt64)
    /// It was changed, as the hashes around it tell.
    case brokenLink
    /// Its status doesn't go on from where the entry before it ended.
    case brokenStatus
    /// Its time is before the last one's.
    case timeRunsBack
    /// The contents are not those that were hashed.
    case changedContent
    /// The chain doesn't end in the case's head: entries are missing, or the last one was changed.
    case wrongHead
}

/// What a check of a chain found.
public enum AuditVerdict: Hashable, Sendable {
    /// Every link holds; `checkedContents` of the entries still had their contents, and those match.
    case intact(head: SHA256Digest, checkedContents: Int)
    /// The first entry that doesn't hold.
    case broken(version: UInt64, fault: AuditFault)
}

/// Checks chains of audit entries.
public enum AuditChain {
    /// Checks all entries of one case in order, and names the first that doesn't hold.
    ///
    /// Where an entry doesn't follow the one before it, either may have been changed: it is the later one if
    /// that isn't what its own follower (or the head) recorded either, otherwise the earlier one.
    /// - Parameters:
    ///   - entries: the whole chain, from version 1.
    ///   - head: the case's `auditHead`; without it a cut end or a change of the last entry goes unnoticed.
    ///   - content: what the entry's hash was taken over; nil where it was erased.
    /// - Returns: intact, with the last link; or the first entry that doesn't hold, and why.
    public static func verify(
        _ entries: [AuditEntry],
        head: SHA256Digest? = nil,
        content: (AuditEntry) -> AuditContent? = { _ in nil }
    ) -> AuditVerdict {
        var last: AuditEntry?
        var link = SHA256Digest.zero
        var checked = 0
        for (position, entry) in entries.enumerated() {
            let expected = UInt64(position) + 1
            guard entry.version == expected else {
                return .broken(version: expected, fault: .wrongVersion(found: entry.version))
            }
            let ownLink = entry.link
            guard entry.previous == link else {
                let recorded = position + 1 < entries.count ? entries[position + 1].previous : head
                let earlierChanged = position > 0 && recorded == ownLink
                return .broken(
                    version: earlierChanged ? expected - 1 : expected,
                    fault: .brokenLink
                )
            }
            if let last, let fault = fault(in: entry, after: last) {
                return .broken(version: expected, fault: fault)
            }
            if let content = content(entry) {
                guard entry.contentHash == content.hash else {
                    return .broken(version: expected, fault: .changedContent)
                }
                checked += 1
            }
            link = ownLink
            last = entry
        }
        guard head == nil || head == link else {
            return .broken(version: UInt64(entries.count), fault: .wrongHead)
        }
        return .intact(head: link, checkedContents: checked)
    }

    /// What a forger who recomputed the links may still have missed.
    private static func fault(in entry: AuditEntry, after last: AuditEntry) -> AuditFault? {
        guard entry.caseID == last.caseID else { return .foreignEntry }
        guard entry.from == last.to else { return .brokenStatus }
        guard entry.at >= last.at else { return .timeRunsBack }
        return nil
    }
}
