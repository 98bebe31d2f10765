import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import ReplicationLog

/// Log and store contradict each other: something that was synced is gone. Never started.
public enum RecoveryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A store holds entries that the log, which every entry passes through first, does not have.
    case storeAheadOfLog(group: String, applied: UInt64, lastIndex: UInt64)
    /// The log no longer has what the store has yet to apply.
    case logStartsAfterStore(group: String, applied: UInt64, firstIndex: UInt64)

    private static let advice =
        "The node must not start again: put a new one in its place (casectl node replace), or, where "
        + "it was the only one, restore a backup"

    /// For people.
    public var description: String {
        switch self {
        case .storeAheadOfLog(let group, let applied, let last):
            "\(group): the store has applied entry \(applied), but the log ends at \(last): "
                + "the log has lost what it had synced. \(Self.advice)"
        case .logStartsAfterStore(let group, let applied, let first):
            "\(group): the store has applied entry \(applied), but the log begins at \(first): "
                + "the store has lost what it had synced. \(Self.advice)"
        }
    }
}

/// What replicas start from: the log, the stores, and what a crash interrupted between them.
struct ReplicaRecovery {
    let node: NodeID
    let recovered: RecoveredLog
    let log: LogWriter

    /// Bytes read from the log at once.
    private static let pageBytes = 4 << 20

    /// Finishes or undoes the installation of a snapshot, before the group's store is opened.
    func finishInstallation(
        of group: GroupID,
        at location: StoreLocation,
        _ kind: StoreKind
    ) throws(StoreError) {
        let named = recovered[group]?.snapshot.map {
            SnapshotInfo(index: $0.index, term: $0.term)
        }
        _ = try SnapshotInstaller(location: location, kind: kind).recover(named: named)
    }

    /// What the log holds behind the store, in memory; checked against the store.
    ///
    /// `membership` is what the store keeps with `applied`, empty before the first change. `founding` is the
    /// membership of a group that neither log nor store know yet. It is put into the log, before anything else
    /// of the group: whatever a later start is told, it stays.
    func start(
        of id: GroupID,
        applied: SnapshotID,
        membership: [UInt8],
        founding: Configuration
    ) throws -> (log: MemoryLog, hardState: HardState) {
        guard let found = recovered[id] else {
            guard applied.index == .zero else {
                throw RecoveryError.storeAheadOfLog(
                    group: "\(id)",
                    applied: applied.index.rawValue,
                    lastIndex: 0
                )
            }
            log.submit(LogWriter.Job(founding: founding, of: id))
            return (MemoryLog(configuration: founding), HardState())
        }
        guard applied.index <= found.last.index else {
            throw RecoveryError.storeAheadOfLog(
                group: "\(id)",
                applied: applied.index.rawValue,
                lastIndex: found.last.index.rawValue
            )
        }
        guard found.base.index <= applied.index else {
            throw RecoveryError.logStartsAfterStore(
                group: "\(id)",
                applied: applied.index.rawValue,
                firstIndex: found.base.index.next.rawValue
            )
        }
        let memory = try tail(found, try configuration(found, membership))
        let hasChanged = !membership.isEmpty
        return (
            memory.asRecovered(applied: applied.index, hasChanged: hasChanged), found.hardState
        )
    }

    /// The membership in force at the store's applied index: what the store keeps, else what the log was
    /// founded with. A log of the first format says neither: its node was alone.
    private func configuration(
        _ found: RecoveredGroup,
        _ membership: [UInt8]
    ) throws(DecodingFault) -> Configuration {
        if let kept = try Configuration(stored: membership) { return kept }
        if let founding = try Configuration(stored: found.configuration ?? []) { return founding }
        return Configuration(voters: [node])
    }

    private func tail(
        _ found: RecoveredGroup,
        _ configuration: Configuration
    ) throws -> MemoryLog {
        let group = found.group
        var memory = MemoryLog(base: found.base, configuration: configuration)
        var next = found.base.index.next
        while next <= found.last.index {
            let from = next
            // On the log's own thread: other groups' replicas may be running already.
            let page = try log.withLog { log in
                try log.entries(
                    group,
                    from: from,
                    through: found.last.index,
                    bytesMax: Self.pageBytes
                )
            }
            guard let last = page.last else { break }
            memory.append(page)
            next = last.index.next
        }
        precondition(memory.last == found.last, "the log gives all entries that it names")
        return memory
    }
}
