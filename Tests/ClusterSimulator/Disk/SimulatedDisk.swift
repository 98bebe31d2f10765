import ClusterPrimitives

/// Why a simulated disk did not do what was asked; each face gives it as its own error.
public enum DiskFault: Error, Equatable, Sendable {
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
public final class SimulatedDisk {
    /// The unit in which an unsynced write reaches the platter or not. The smallest in use: what a larger
    /// one leaves is among what this one can leave.
    static let sectorBytes = 512

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
    final class Inode {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        var pending: [Change] = []
        /// SQLite's locks and shared memory; of one life of the machine.
        var sharing = FileSharing()
    }

    var durableNames: [String: Inode] = [:]
    var names: [String: Inode] = [:]
    var pendingNames: [NameChange] = []
    var locks: Set<String> = []
    /// Handles of SQLite that were opened so far: each holds locks under its number.
    var holders: UInt64 = 0
    /// Grows with each crash: handles from before fail.
    private(set) var life: UInt64 = 0

    /// Bytes that all files together may have.
    public var bytesMax = Int.max
    /// Changing operations until the power goes in the midst of one; nil while it stays.
    public var operationsUntilCut: Int?
    /// Syncs until one fails; nil while none does. What it was to make durable is lost with the power.
    public var syncsUntilFailure: Int?
    /// No operation succeeds until the next crash.
    public private(set) var isOff = false
    /// Changing operations that were begun.
    public private(set) var operations: UInt64 = 0
    /// Syncs among them.
    public private(set) var syncs: UInt64 = 0
    /// Unsynced writes of which a power cut left a part.
    public private(set) var tornWrites: UInt64 = 0
    /// Unsynced writes of which it left nothing.
    public private(set) var lostWrites: UInt64 = 0
    /// Operations refused for want of room.
    public private(set) var fullErrors: UInt64 = 0
    /// Syncs that failed.
    public private(set) var failedSyncs: UInt64 = 0

    /// An empty disk.
    public init() {}

    /// Bytes of all files as whoever writes sees them.
    public var bytesUsed: Int { names.values.reduce(0) { $0 + $1.current.count } }

    /// All names, sorted.
    public var paths: [String] { names.keys.sorted() }

    // MARK: What the faces call

    func check(_ life: UInt64) throws(DiskFault) {
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

    func inode(_ path: String, _ life: UInt64) throws(DiskFault) -> Inode {
        try check(life)
        guard let inode = names[path] else { throw .missing }
        return inode
    }

    func create(_ path: String, _ life: UInt64) throws(DiskFault) -> Inode {
        let isCut = try begin(life)
        let inode = Inode()
        change(.set(path, inode))
        if isCut { throw .off }
        return inode
    }

    func remove(_ path: String, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        guard names[path] != nil else { throw .missing }
        change(.remove(path))
        if isCut { throw .off }
    }

    func rename(_ path: String, to newPath: String, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        guard names[path] != nil else { throw .missing }
        change(.rename(path, newPath))
        if isCut { throw .off }
    }

    /// Makes all names durable: a journaling file system has one journal.
    func syncNames(_ life: UInt64) throws(DiskFault) {
        try beginSync(life)
        durableNames = names
        pendingNames = []
    }

    func write(
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

    func resize(_ inode: Inode, to bytes: Int, _ life: UInt64) throws(DiskFault) {
        let isCut = try begin(life)
        try reserve(inode, bytes)
        change(inode, .resize(bytes))
        if isCut { throw .off }
    }

    func sync(_ inode: Inode, _ life: UInt64) throws(DiskFault) {
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

    // MARK: What a crash does

    /// The process ends: everything written stays, and is as little durable as it was.
    public func endProcess() {
        life += 1
        isOff = false
        operationsUntilCut = nil
        syncsUntilFailure = nil
        locks = []
        for inode in names.values { inode.sharing = FileSharing() }
    }

    /// The power goes and comes back. What was not synced is lost, or kept in any part, as `random` has it.
    public func cutPower(using random: inout SeededGenerator) {
        endProcess()
        let survivors = inodesInOrder()
        names = durableNames
        let kept = Int.random(in: 0...pendingNames.count, using: &random)
        for change in pendingNames.prefix(kept) { Self.apply(change, to: &names) }
        pendingNames = []
        durableNames = names
        // One fate for all is likelier to be told apart from another than a mixture.
        let mood = Int.random(in: 0..<4, using: &random)
        for inode in survivors {
            for change in inode.pending { settle(change, of: inode, mood: mood, &random) }
            inode.pending = []
            inode.current = inode.durable
            inode.sharing = FileSharing()
        }
    }

    private func settle(
        _ change: Change,
        of inode: Inode,
        mood: Int,
        _ random: inout SeededGenerator
    ) {
        let fate = mood == 0 ? 0 : Int.random(in: 0..<4, using: &random)
        switch (change, fate) {
        case (_, 0):
            lostWrites += 1
        case (_, 1), (.resize, _):
            Self.apply(change, to: &inode.durable)
        case (.write(let offset, let bytes), 2):
            tornWrites += 1
            let kept = Int.random(in: 0...bytes.count, using: &random)
            Self.apply(.write(offset: offset, bytes: Array(bytes[..<kept])), to: &inode.durable)
        case (.write(let offset, let bytes), _):
            tornWrites += 1
            for start in stride(from: 0, to: bytes.count, by: Self.sectorBytes)
            where Bool.random(using: &random) {
                let part = bytes[start..<min(bytes.count, start + Self.sectorBytes)]
                Self.apply(
                    .write(offset: offset + start, bytes: Array(part)),
                    to: &inode.durable
                )
            }
        }
    }

    /// By name, so that a seed always gives the same disk; those without a name last.
    private func inodesInOrder() -> [Inode] {
        var found: [Inode] = []
        var seen: Set<ObjectIdentifier> = []
        for table in [names, durableNames] {
            for (_, inode) in table.sorted(by: { $0.key < $1.key })
            where seen.insert(ObjectIdentifier(inode)).inserted {
                found.append(inode)
            }
        }
        return found
    }

    // MARK: Looking from outside

    /// A disk of its own with what a loss of all unsynced data would leave.
    public func durableCopy() -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, inode) in durableNames {
            let twin = Inode()
            twin.durable = inode.durable
            twin.current = inode.durable
            disk.names[path] = twin
        }
        disk.durableNames = disk.names
        return disk
    }

    /// A file's present bytes.
    public func bytes(_ path: String) -> [UInt8] { names[path]?.current ?? [] }

    /// Changes one bit of a file that is at rest, in what was synced.
    public func flipBit(_ bit: Int, ofByte offset: Int, in path: String) {
        guard let inode = names[path], offset < inode.durable.count else { return }
        inode.durable[offset] ^= 1 << UInt8(bit & 7)
        inode.current = inode.durable
    }

    // MARK: Applying changes

    static func apply(_ change: NameChange, to names: inout [String: Inode]) {
        switch change {
        case .set(let path, let inode): names[path] = inode
        case .rename(let old, let new): names[new] = names.removeValue(forKey: old)
        case .remove(let path): names[path] = nil
        }
    }

    static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .resize(let count):
            if count < bytes.count {
                bytes.removeLast(bytes.count - count)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
            }
        case .write(let offset, let data):
            let end = offset + data.count
            if end > bytes.count {
                bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
            }
            data.withUnsafeBytes { source in
                bytes.withUnsafeMutableBytes { target in
                    UnsafeMutableRawBufferPointer(rebasing: target[offset..<end])
                        .copyMemory(from: source)
                }
            }
        }
    }
}
