import ClusterPrimitives
import ReplicationLog

/// A disk in memory that forgets what was not synced.
///
/// It keeps, for every file, the durable bytes and the changes since the last sync; for the
/// directory, the durable names and the changes since its last sync. A power cut keeps of a file's
/// changes none, all, or an arbitrary part of each; of the names a prefix of the changes, as a
/// journal does.
final class SimulatedDisk {
    enum PowerCut {
        /// Only what was synced stays.
        case losesUnsynced
        /// The process dies, not the machine: everything written stays, and is as little durable as
        /// it was.
        case keepsUnsynced
        /// Parts of it stay, also parts of single writes, at any byte.
        case tears(seed: UInt64)
    }

    fileprivate enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    fileprivate enum NameChange {
        case set(String, Inode)
        case rename(String, String)
        case remove(String)
    }

    fileprivate final class Inode {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        var pending: [Change] = []
    }

    private var durableNames: [String: Inode] = [:]
    fileprivate var names: [String: Inode] = [:]
    private var pendingNames: [NameChange] = []
    fileprivate var locks: Set<String> = []
    /// Grows with each power cut: old handles fail.
    fileprivate var life = 0

    /// Bytes that all files together may have.
    var bytesMax = Int.max
    /// Operations that change something, counted; the power goes before the one with this number is
    /// done.
    var powerCutAt: Int?
    /// The sync with this number, counted from 1, fails with EIO; the bytes stay unsynced.
    var failingSync: Int?
    /// All writes to the files whose path ends so are refused: no space.
    var fullSuffix: String?
    private(set) var operations = 0
    private(set) var syncs = 0
    private(set) var isOff = false

    static let errorNumber: Int32 = 5

    var bytesUsed: Int { names.values.reduce(0) { $0 + $1.current.count } }
    var paths: [String] { names.keys.sorted() }

    fileprivate func check(_ operation: LogOperation, _ path: String, life: Int) throws(LogError) {
        guard !isOff, life == self.life else {
            throw .io(operation, errno: Self.errorNumber, file: path)
        }
    }

    /// Counts an operation that changes something. Returns whether the power goes in the midst of
    /// it.
    fileprivate func count(
        _ operation: LogOperation,
        _ path: String,
        life: Int
    ) throws(LogError) -> Bool {
        try check(operation, path, life: life)
        operations += 1
        if operations == powerCutAt { isOff = true }
        return isOff
    }

    fileprivate func countSync(_ path: String, life: Int) throws(LogError) {
        let cut = try count(.synchronize, path, life: life)
        syncs += 1
        if cut || syncs == failingSync {
            throw .io(.synchronize, errno: Self.errorNumber, file: path)
        }
    }

    fileprivate func change(_ change: NameChange) {
        Self.apply(change, to: &names)
        pendingNames.append(change)
    }

    fileprivate func syncNames() {
        durableNames = names
        pendingNames = []
    }

    private static func apply(_ change: NameChange, to names: inout [String: Inode]) {
        switch change {
        case .set(let path, let inode): names[path] = inode
        case .rename(let old, let new): names[new] = names.removeValue(forKey: old)
        case .remove(let path): names[path] = nil
        }
    }

    fileprivate static func apply(_ change: Change, to bytes: inout [UInt8]) {
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
            bytes.replaceSubrange(offset..<end, with: data)
        }
    }

    /// Cuts the power and turns it on again.
    func cutPower(_ cut: PowerCut) {
        life += 1
        isOff = false
        powerCutAt = nil
        failingSync = nil
        locks = []
        if case .keepsUnsynced = cut { return }
        var survivors: [Inode] = []
        var seen: Set<ObjectIdentifier> = []
        // By name, so that a seed always gives the same disk.
        for table in [names, durableNames] {
            for (_, inode) in table.sorted(by: { $0.key < $1.key })
            where seen.insert(ObjectIdentifier(inode)).inserted {
                survivors.append(inode)
            }
        }
        switch cut {
        case .losesUnsynced: names = durableNames
        case .keepsUnsynced: break
        case .tears(let seed):
            var random = SeededGenerator(seed: seed)
            names = durableNames
            for change in pendingNames.prefix(
                Int.random(in: 0...pendingNames.count, using: &random)
            ) {
                Self.apply(change, to: &names)
            }
            for inode in survivors { tear(inode, &random) }
        }
        durableNames = names
        pendingNames = []
        for inode in survivors {
            inode.current = inode.durable
            inode.pending = []
        }
    }

    private func tear(_ inode: Inode, _ random: inout SeededGenerator) {
        for change in inode.pending {
            switch (change, Int.random(in: 0..<4, using: &random)) {
            case (_, 0): continue
            case (_, 1), (.resize, _): Self.apply(change, to: &inode.durable)
            case (.write(let offset, let bytes), 2):
                let kept = Int.random(in: 0...bytes.count, using: &random)
                Self.apply(
                    .write(offset: offset, bytes: Array(bytes[..<kept])),
                    to: &inode.durable
                )
            case (.write(let offset, let bytes), _):
                // Blocks reach the platter in any order.
                for start in stride(from: 0, to: bytes.count, by: 64)
                where Bool.random(using: &random) {
                    let end = min(bytes.count, start + 64)
                    Self.apply(
                        .write(offset: offset + start, bytes: Array(bytes[start..<end])),
                        to: &inode.durable
                    )
                }
            }
        }
    }
}

/// For tests that damage a disk at rest.
extension SimulatedDisk {
    func bytes(_ path: String) -> [UInt8] { names[path]?.current ?? [] }

    func replace(_ path: String, with bytes: [UInt8]) {
        guard let inode = names[path] else { return }
        inode.current = bytes
        inode.durable = bytes
    }

    func drop(_ path: String) {
        names[path] = nil
        durableNames[path] = nil
    }

    func move(_ path: String, to newPath: String) {
        names[newPath] = names.removeValue(forKey: path)
        durableNames = names
    }

    /// A disk of its own with the same content, all of it durable.
    func copy() -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, inode) in names {
            let twin = Inode()
            twin.durable = inode.current
            twin.current = inode.current
            disk.names[path] = twin
        }
        disk.durableNames = disk.names
        return disk
    }
}

/// The log's view of a simulated disk.
struct SimulatedFileSystem: LogFileSystem {
    let disk: SimulatedDisk

    func makeDirectory(_ path: String) throws(LogError) {
        try disk.check(.open, path, life: disk.life)
    }

    func list(_ directory: String) throws(LogError) -> [String] {
        try disk.check(.read, directory, life: disk.life)
        return disk.paths.filter { $0.hasPrefix(directory + "/") }
            .map { String($0.dropFirst(directory.count + 1)) }
    }

    func create(_ path: String) throws(LogError) -> any LogFile {
        guard try !disk.count(.open, path, life: disk.life) else {
            throw .io(.open, errno: SimulatedDisk.errorNumber, file: path)
        }
        let inode = SimulatedDisk.Inode()
        disk.change(.set(path, inode))
        return SimulatedFile(disk: disk, inode: inode, path: path)
    }

    func open(_ path: String) throws(LogError) -> any LogFile {
        try disk.check(.open, path, life: disk.life)
        guard let inode = disk.names[path] else { throw .io(.open, errno: 2, file: path) }
        return SimulatedFile(disk: disk, inode: inode, path: path)
    }

    func remove(_ path: String) throws(LogError) {
        let cut = try disk.count(.remove, path, life: disk.life)
        guard disk.names[path] != nil else { throw .io(.remove, errno: 2, file: path) }
        disk.change(.remove(path))
        if cut { throw .io(.remove, errno: SimulatedDisk.errorNumber, file: path) }
    }

    func rename(_ path: String, to newPath: String) throws(LogError) {
        let cut = try disk.count(.rename, path, life: disk.life)
        guard disk.names[path] != nil else { throw .io(.rename, errno: 2, file: path) }
        disk.change(.rename(path, newPath))
        if cut { throw .io(.rename, errno: SimulatedDisk.errorNumber, file: path) }
    }

    func synchronizeDirectory(_ path: String) throws(LogError) {
        try disk.countSync(path, life: disk.life)
        disk.syncNames()
    }

    func lock(_ path: String) throws(LogError) -> any LogFile {
        try disk.check(.open, path, life: disk.life)
        guard disk.locks.insert(path).inserted else { throw .locked(file: path) }
        let inode = SimulatedDisk.Inode()
        return SimulatedFile(disk: disk, inode: inode, path: path)
    }
}

private final class SimulatedFile: LogFile {
    private let disk: SimulatedDisk
    private let inode: SimulatedDisk.Inode
    private let path: String
    private let life: Int

    init(disk: SimulatedDisk, inode: SimulatedDisk.Inode, path: String) {
        self.disk = disk
        self.inode = inode
        self.path = path
        life = disk.life
    }

    func size() throws(LogError) -> UInt64 {
        try disk.check(.read, path, life: life)
        return UInt64(inode.current.count)
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(LogError) -> Int {
        try disk.check(.read, path, life: life)
        let start = min(Int(offset), inode.current.count)
        let end = min(start + buffer.count, inode.current.count)
        inode.current.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[start..<end])) }
        return end - start
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError) {
        let cut = try disk.count(.write, path, life: life)
        if let suffix = disk.fullSuffix, path.hasSuffix(suffix) { throw .diskFull(file: path) }
        try requireSpace(Int(offset) + bytes.count)
        change(.write(offset: Int(offset), bytes: Array(bytes)))
        if cut { throw .io(.write, errno: SimulatedDisk.errorNumber, file: path) }
    }

    func synchronize() throws(LogError) {
        try disk.countSync(path, life: life)
        inode.durable = inode.current
        inode.pending = []
    }

    func preallocate(bytes: UInt64) throws(LogError) {
        try truncate(bytes: max(bytes, UInt64(inode.current.count)))
    }

    func truncate(bytes: UInt64) throws(LogError) {
        let cut = try disk.count(.truncate, path, life: life)
        try requireSpace(Int(bytes))
        change(.resize(Int(bytes)))
        if cut { throw .io(.truncate, errno: SimulatedDisk.errorNumber, file: path) }
    }

    func close() {
        disk.locks.remove(path)
    }

    private func requireSpace(_ end: Int) throws(LogError) {
        guard end - inode.current.count <= max(0, disk.bytesMax - disk.bytesUsed) else {
            throw .diskFull(file: path)
        }
    }

    private func change(_ change: SimulatedDisk.Change) {
        SimulatedDisk.apply(change, to: &inode.current)
        inode.pending.append(change)
    }
}
