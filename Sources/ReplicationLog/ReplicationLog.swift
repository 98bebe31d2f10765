import ClusterPrimitives
@_spi(StableStorage) import RaftCore

/// One change to one group's part of the log.
public enum LogWrite: Hashable, Sendable {
    /// Appends entries. The first may be at or below the last entry: that one and all above it go.
    case entries(GroupID, [Entry])
    /// Term, vote and commit. Its commit may not pass the last entry: write entries first.
    case hardState(GroupID, HardState)
    /// A snapshot replaces everything up to its index. Entries above it stay if the log holds the
    /// snapshot's last entry with its term; otherwise all go.
    case snapshot(GroupID, SnapshotID)
    /// Drops all entries up to `through`; no effect if that was done before.
    case compact(GroupID, through: LogIndex)
    /// The group's membership at the log's start, opaque; replaces the one before.
    case configuration(GroupID, [UInt8])
    /// Forgets the group.
    case removeGroup(GroupID)
}

/// One write-ahead log for all replication groups of a node: segmented, checksummed, group-
/// committed.
///
/// Synchronous; confined by its caller to one thread at a time. `append` puts records into memory,
/// `sync` makes them durable with one write and one fdatasync and returns the receipts without
/// which no message that depends on them can be built. The module's notes say how it survives what.
///
/// Invariants: at most one batch is not durable; segments' generations follow each other without a
/// gap; nothing live stands in a retired segment; after an error of the operating system nothing is
/// written.
public final class ReplicationLog {
    /// The limits it runs with.
    public let configuration: LogConfiguration
    let fileSystem: any LogFileSystem
    let directory: String
    let identity: LogIdentity
    let observer: LogPhaseObserver?
    let metadata: MetadataFile
    let free: FreeFiles
    let batch: BatchBuffer
    let lock: any LogFile
    let scratch = RawBuffer(count: LogFormat.segmentHeaderBytes)
    /// By generation; the last one is open for writing.
    var segments: [Segment]
    var current: Segment
    var groups: [GroupID: GroupIndex]
    /// Groups to which the next receipts belong.
    var touched: [GroupIndex] = []
    /// The oldest segment may be free to go.
    var retirementIsDue = true
    /// The first error that stopped the log.
    var poison: LogError?
    private(set) lazy var readBuffer = RawBuffer(count: Self.readBytesMax)

    /// Bytes of one read of a segment. 256 KiB: a peer that lags gets batches of that order.
    static let readBytesMax = 256 << 10

    /// Opens the log in `directory`, or makes it.
    ///
    /// - Parameters:
    ///   - directory: The log's own directory.
    ///   - fileSystem: The files; `POSIXFileSystem()`, or a simulator's.
    ///   - configuration: The limits.
    ///   - identity: Whose log it must be.
    ///   - opening: Whether it may be made.
    ///   - phaseObserver: For crash tests.
    /// - Returns: The log, and what it held.
    /// - Throws: `.corrupted` with file and offset if anything durable is damaged or gone (nothing
    ///   is cut then); `.missing`, `.locked`, `.foreign`, `.newerFormat`, `.diskFull`, `.io`.
    public static func open(
        directory: String,
        fileSystem: any LogFileSystem,
        configuration: LogConfiguration,
        identity: LogIdentity,
        opening: LogOpening = .createIfMissing,
        phaseObserver: LogPhaseObserver? = nil
    ) throws(LogError) -> (log: ReplicationLog, recovered: RecoveredLog) {
        try configuration.validate()
        guard identity.cluster.count == LogIdentity.clusterBytes else {
            throw .invalidConfiguration(
                reason: "a cluster's id has \(LogIdentity.clusterBytes) bytes"
            )
        }
        let recovery = LogRecovery(
            fileSystem: fileSystem,
            directory: directory,
            configuration: configuration,
            identity: identity,
            observer: phaseObserver
        )
        let parts = try recovery.run(opening)
        guard let current = parts.segments.last else { throw .missing(directory: directory) }
        let recovered = RecoveredLog(
            groups: parts.groups.values.sorted { $0.group < $1.group }.map(\.recovered),
            report: parts.report
        )
        let log = ReplicationLog(recovery, parts, current)
        return (log, recovered)
    }

    private init(_ recovery: LogRecovery, _ parts: LogRecovery.Parts, _ current: Segment) {
        configuration = recovery.configuration
        fileSystem = recovery.fileSystem
        directory = recovery.directory
        identity = recovery.identity
        observer = recovery.observer
        metadata = parts.metadata
        free = parts.free
        lock = parts.lock
        segments = parts.segments
        self.current = current
        groups = parts.groups
        batch = BatchBuffer(bytesMax: recovery.configuration.batchBytesMax)
    }

    /// Closes the files and gives the lock back. What was not synced is lost. The log can't be used
    /// after.
    public func close() {
        poison = poison ?? .closed(directory: directory)
        for segment in segments { segment.file.close() }
        metadata.close()
        free.close()
        lock.close()
    }

    /// The end of what is durable.
    public var durableEnd: LogPosition {
        LogPosition(generation: current.generation, offset: current.end)
    }

    /// Segments in use, the open one included.
    public var segmentCount: Int { segments.count }

    /// Bytes that the open batch holds, headers included; 0 if nothing waits for `sync`.
    public var pendingBytes: Int { batch.isEmpty ? 0 : batch.count }

    /// Whether entries are refused until space comes back; terms, votes and compaction are taken.
    public var isShortOfSpace: Bool { free.files.count < configuration.reserveSegments }

    /// Why nothing can be written any more; nil while all is well.
    public var stoppedBy: LogError? { poison }

    func observe(_ phase: LogPhase, _ edge: LogPhaseEdge) { observer?(phase, edge) }

    /// Runs what writes: not at all after the log was stopped; an error of the system stops it.
    func writing<Result>(
        _ body: () throws(LogError) -> Result
    ) throws(LogError) -> Result {
        if let poison { throw .poisoned(by: poison) }
        do {
            return try body()
        } catch {
            if error.stopsTheLog { poison = error }
            throw error
        }
    }
}
