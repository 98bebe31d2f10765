import ClusterPrimitives

/// Why a simulated disk did not do what was asked; each face gives it as its own error.
package enum DiskFault: Error, Equatable, Sendable {
    /// The power is off, or the handle is from before it was.
    case off
    /// No room.
    case full
    /// There is no such file.
    case missing
    /// The device failed.
    case device
    /// Another handle holds the lock.
    case locked
}

/// One machine's disk, in memory: it knows what was synced, and forgets the rest when the power goes.
///
/// For every file it keeps the durable bytes and the changes since the last sync; for names the durable
/// ones and the changes since the last sync of a directory. Whoever writes sees the present state.
/// A power cut keeps of a file's changes any part, down to single sectors, and of the changes of names a
/// prefix, as a journaling file system does.
///
/// Nothing here depends on a hash's order: a seed gives the same disk in every run.
package final class SimulatedDisk {
    /// The unit in which an unsynced write reaches the platter or not. The smallest in use: what a larger
    /// one leaves is among what this one can leave.
    package static let sectorBytes = 512

    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    enum NameChange {
        case set(String, Inode)
        case rename(String, String)
        case remove(String)
    }

    /// A file's content, whatever it is called.
    package final class Inode {
        var durable: [UInt8] = []
        package internal(set) var current: [UInt8] = []
        var pending: [Change] = []
        /// SQLite's locks and shared memory; of one life of the machine.
        package internal(set) var sharing = FileSharing()
    }

    var durableNames: [String: Inode] = [:]
    package internal(set) var names: [String: Inode] = [:]
    var pendingNames: [NameChange] = []
    var locks: Set<String> = []
    /// Handles of SQLite that were opened so far: each holds locks under its number.
    package var holders: UInt64 = 0
    /// Grows with each crash: handles from before fail.
    package internal(set) var life: UInt64 = 0

    /// Bytes that all files together may have.
    package var bytesMax = Int.max
    /// Changing operations until the power goes in the midst of one; nil while it stays.
    package var operationsUntilCut: Int?
    /// The power goes in the midst of the next write of the log's to a file whose path ends so; nil while it stays.
    package var cutSuffix: String?
    /// Writes to files whose path ends so are refused for want of room; nil while none are.
    package var fullSuffix: String?
    /// Syncs until one fails; nil while none does. What it was to make durable is lost with the power.
    package var syncsUntilFailure: Int?
    /// No operation succeeds until the next crash.
    package internal(set) var isOff = false
    /// Changing operations that were begun.
    package private(set) var operations = 0
    /// Syncs among them.
    package private(set) var syncs = 0
    /// Unsynced writes of which a power cut left a part.
    package internal(set) var tornWrites: UInt64 = 0
    /// Unsynced writes of which it left nothing.
    package internal(set) var lostWrites: UInt64 = 0
    /// Operations refused for want of room.
    package private(set) var fullErrors: UInt64 = 0
    /// Syncs that failed.
    package private(set) var failedSyncs: UInt64 = 0

    /// An empty disk.
    package init() {}

    /// Bytes of all files as whoever writes sees them.
    package var bytesUsed: Int { names.values.reduce(0) { $0 + $1.current.count } }

    /// All names, sorted.
    package var paths: [String] { names.keys.sorted() }

    // MARK: What the faces call

    package func check(_ life: UInt64) throws(DiskFault) {
        guard !isOff, life == self.life else { throw .off }
    }

    /// Counts an operation that changes something.
    /// - Returns: whether the power goes in the midst of it: do it, then fail.
    func begin(_ life: UInt64) throws(DiskFault) -> Bool {
        try check(life)
        operations += 1
        guard let left = operationsUntilCut else { return false }
        operationsUntilCut = left - 1
        isOff = left <= 1
        return isOff
    }

    private func beginSync(_ life: UInt64) throws(DiskFault) {
        if try begin(life) { throw .off }
        syncs += 1
        guard let left = syncsUntilFailure else { return }
        syncsUntilFailure = left - 1
        guard left <= 1 else { return }
        failedSyncs += 1
        throw .device
    }

    package func inode(_ path: String, _ life: UInt64) throws(DiskFault) -> Inode {
        try check(life)
        guard let inode = names[path] else { throw .missing }
        return inode
    }

    package func create(_ path: String, _ life: UInt64) throws(DiskFault) -> Inode {
        let isCut = try begin(life)
        let inode = Inode()
        change(.set(path, inode))
        if isCut { throw .off }
        return inode
    }

    package func remove(_ path: String, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        guard names[path] != nil else { throw .missing }
        change(.remove(path))
        if isCut { throw .off }
    }

    package func rename(_ path: String, to newPath: String, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        guard names[path] != nil else { throw .missing }
        change(.rename(path, newPath))
        if isCut { throw .off }
    }

    /// Makes all names durable: a journaling file system has one journal.
    package func syncNames(_ life: UInt64) throws(DiskFault) {
        try beginSync(life)
        durableNames = names
        pendingNames = []
    }

    package func write(
        _ bytes: UnsafeRawBufferPointer,
        to inode: Inode,
        at offset: Int,
        _ life: UInt64
    ) throws(DiskFault) {
        let isCut = try begin(life)
        try reserve(inode, offset + bytes.count)
        change(inode, .write(offset: offset, bytes: Array(bytes)))
        if isCut { throw .off }
    }

    package func resize(_ inode: Inode, to bytes: Int, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        try reserve(inode, bytes)
        change(inode, .resize(bytes))
        if isCut { throw .off }
    }

    package func sync(_ inode: Inode, _ life: UInt64) throws(DiskFault) {
        try beginSync(life)
        for change in inode.pending { Self.apply(change, to: &inode.durable) }
        inode.pending.removeAll(keepingCapacity: true)
        assert(inode.durable.count == inode.current.count)
    }

    private func reserve(_ inode: Inode, _ end: Int) throws(DiskFault) {
        let more = end - inode.current.count
        guard more <= 0 || bytesMax == .max || more <= bytesMax - bytesUsed else {
            fullErrors += 1
            throw .full
        }
    }

    private func change(_ inode: Inode, _ change: Change) {
        Self.apply(change, to: &inode.current)
        inode.pending.append(change)
    }

    private func change(_ change: NameChange) {
        Self.apply(change, to: &names)
        pendingNames.append(change)
    }
}
