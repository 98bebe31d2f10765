import ClusterPrimitives

/// Puts a received snapshot in the place of a store's file, so that a crash at any point leaves either the
/// old store or the new one.
///
/// The steps, and what a restart finds after each (`recover` is called before the store is opened):
///
/// 1. `begin` gives a path; the caller writes the received bytes there. — A leftover is removed.
/// 2. `prepare` checks the file, syncs it and gives it a name that says its index and term; the directory
///    is synced. — The log doesn't name it: it is removed, the old store stands.
/// 3. The caller makes the log durably name the snapshot. From here on the old store is of no use, since the
///    log before the snapshot may go. — `recover` goes on with step 4.
/// 4. `swap`, with the store closed: removes the old write-ahead log and syncs the directory; then renames
///    the new file over the old one and syncs the directory. — The prepared name is still there: `recover`
///    does it again. It is gone: it was done.
///
/// Why the old write-ahead log goes first, durably: SQLite would replay a leftover one into the new file,
/// since nothing in it says to which file it belongs.
public struct SnapshotInstaller: Sendable {
    /// The store whose file is replaced.
    public let location: StoreLocation
    /// What it must be.
    public let kind: StoreKind
    private let files: any StoreFiles

    /// For one store.
    public init(location: StoreLocation, kind: StoreKind, files: any StoreFiles = SystemFiles()) {
        self.location = location
        self.kind = kind
        self.files = files
    }

    private var incoming: StoreLocation { location.named("\(location.name).incoming") }
    private var preparedPrefix: String { "\(location.name).snapshot-" }
    private var outgoingPrefix: String { "\(location.name).outgoing-" }

    private func prepared(_ info: SnapshotInfo) -> StoreLocation {
        location.named("\(preparedPrefix)\(info.index)-\(info.term)")
    }

    /// Removes what an earlier attempt left, and says where to write the received bytes.
    public func begin() throws(StoreError) -> String {
        try removeWithSidecars(incoming.path)
        return incoming.path
    }

    /// Checks the received file and makes it durable under a name that says what it is.
    ///
    /// `applied` is how far the store is that would be replaced. A snapshot that is not beyond it is removed: the
    /// same one may come twice, and prepared again after it was installed it would stand under the very name
    /// that the log still has. A crash before it is discarded, and `recover` would put it over a store that has
    /// gone on since.
    /// - Returns: what it holds: the entry expected, and the membership there; nil if it was removed so.
    /// - Throws: `.foreignFile`, `.wrongShard`, `.newerFormat`, `.corrupt`: ask for the snapshot again; input
    ///   and output errors: stop the node.
    @discardableResult
    public func prepare(
        _ expected: SnapshotInfo,
        over applied: LogIndex
    ) throws(StoreError) -> SnapshotInfo? {
        guard expected.index > applied else {
            try abandon()
            return nil
        }
        #if CASECLUSTER_FAULTS
        let skipsSync = DeliberateFault.preparesSnapshotWithoutSync.isOn
        #else
        let skipsSync = false
        #endif
        if !skipsSync { try files.syncFile(incoming.path) }
        let found = try kind.inspect(incoming)
        guard found.index == expected.index, found.term == expected.term else {
            throw .corrupt(detail: "a snapshot holds entry \(found.index), not \(expected.index)")
        }
        try files.rename(incoming.path, to: prepared(expected).path)
        try files.syncDirectory(location.directory)
        return found
    }

    /// Removes a prepared file that turned out to be of no use. Never one that the log names.
    public func discard(_ info: SnapshotInfo) throws(StoreError) {
        try removeWithSidecars(prepared(info).path)
    }

    /// Removes what was received and not prepared.
    public func abandon() throws(StoreError) { try removeWithSidecars(incoming.path) }

    /// A place for the `number`th copy that this run makes for another node; nothing stands there.
    public func outgoing(_ number: UInt64) throws(StoreError) -> StoreLocation {
        let place = location.named("\(outgoingPrefix)\(number)")
        try removeWithSidecars(place.path)
        return place
    }

    /// Removes such a copy.
    public func removeOutgoing(_ place: StoreLocation) throws(StoreError) {
        precondition(place.name.hasPrefix(outgoingPrefix), "only copies made for others")
        try removeWithSidecars(place.path)
    }

    /// Removes the store and everything beside it. It is closed, and the log has forgotten its group.
    public func removeStore() throws(StoreError) {
        for name in try files.names(in: location.directory)
        where name.hasPrefix("\(location.name).") {
            try files.remove("\(location.directory)/\(name)")
        }
        try files.syncDirectory(location.directory)
    }

    /// Puts the prepared file in the store's place. The store is closed, and the log durably names the
    /// snapshot.
    public func swap(_ info: SnapshotInfo) throws(StoreError) {
        #if CASECLUSTER_FAULTS
        let keepsLog = DeliberateFault.leavesOldWriteAheadLog.isOn
        #else
        let keepsLog = false
        #endif
        if !keepsLog { try files.remove(location.walPath) }
        try files.remove(location.sharedMemoryPath)
        try files.remove(location.path + "-journal")
        try files.syncDirectory(location.directory)
        try files.rename(prepared(info).path, to: location.path)
        try files.syncDirectory(location.directory)
    }

    /// Finishes or undoes what a crash interrupted. Called before the store is opened.
    ///
    /// `named` is the newest snapshot of this group that the log names, if any. Returns whether a prepared
    /// file took the store's place now.
    public func recover(named: SnapshotInfo?) throws(StoreError) -> Bool {
        let wanted = named.map { "\(prepared($0).name).sqlite" }
        var isPrepared = false
        for name in try files.names(in: location.directory) {
            if name == wanted {
                isPrepared = true
            } else if name.hasPrefix(preparedPrefix) || name.hasPrefix("\(incoming.name).")
                || name.hasPrefix(outgoingPrefix)
            {
                try files.remove("\(location.directory)/\(name)")
            }
        }
        guard isPrepared, let named else { return false }
        try swap(named)
        return true
    }

    private func removeWithSidecars(_ path: String) throws(StoreError) {
        for suffix in ["", "-journal", "-wal", "-shm"] { try files.remove(path + suffix) }
    }
}
