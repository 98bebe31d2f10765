import ReplicationLog

/// The replication log's view of a simulated disk.
package struct SimulatedLogFiles: LogFileSystem {
    private let disk: SimulatedDisk
    private let life: UInt64

    /// Of the machine's present life: after a crash nothing works any more.
    package init(_ disk: SimulatedDisk) {
        self.disk = disk
        life = disk.life
    }

    /// Directories are there as soon as a file is.
    package func makeDirectory(_ path: String) throws(LogError) {
        try translating(.open, path) { () throws(DiskFault) in try disk.check(life) }
    }

    /// The names directly in a directory, sorted.
    package func list(_ directory: String) throws(LogError) -> [String] {
        try translating(.read, directory) { () throws(DiskFault) in
            try disk.check(life)
            return disk.names(in: directory)
        }
    }

    /// Makes an empty file.
    package func create(_ path: String) throws(LogError) -> any LogFile {
        try translating(.open, path) { () throws(DiskFault) in
            SimulatedLogFile(disk, try disk.create(path, life), path, life)
        }
    }

    /// Opens a file.
    package func open(_ path: String) throws(LogError) -> any LogFile {
        try translating(.open, path) { () throws(DiskFault) in
            SimulatedLogFile(disk, try disk.inode(path, life), path, life)
        }
    }

    /// Removes a name.
    package func remove(_ path: String) throws(LogError) {
        try translating(.remove, path) { () throws(DiskFault) in try disk.remove(path, life) }
    }

    /// Renames.
    package func rename(_ path: String, to newPath: String) throws(LogError) {
        try translating(.rename, path) { () throws(DiskFault) in
            try disk.rename(path, to: newPath, life)
        }
    }

    /// Makes names durable.
    package func synchronizeDirectory(_ path: String) throws(LogError) {
        try translating(.synchronizeDirectory, path) { () throws(DiskFault) in
            try disk.syncNames(life)
        }
    }

    /// Takes the lock; a crash gives it back.
    package func lock(_ path: String) throws(LogError) -> any LogFile {
        try translating(.open, path) { () throws(DiskFault) in
            try disk.check(life)
            guard disk.locks.insert(path).inserted else { throw .locked }
        }
        return SimulatedLogFile(disk, SimulatedDisk.Inode(), path, life, isLock: true)
    }
}

private final class SimulatedLogFile: LogFile {
    private let disk: SimulatedDisk
    private let inode: SimulatedDisk.Inode
    private let path: String
    private let life: UInt64
    private let isLock: Bool

    init(
        _ disk: SimulatedDisk,
        _ inode: SimulatedDisk.Inode,
        _ path: String,
        _ life: UInt64,
        isLock: Bool = false
    ) {
        self.disk = disk
        self.inode = inode
        self.path = path
        self.life = life
        self.isLock = isLock
    }

    func size() throws(LogError) -> UInt64 {
        try translating(.read, path) { () throws(DiskFault) in
            try disk.check(life)
            return UInt64(inode.current.count)
        }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(LogError) -> Int {
        try translating(.read, path) { () throws(DiskFault) in try disk.check(life) }
        return inode.read(into: buffer, at: Int(offset))
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError) {
        try translating(.write, path) { () throws(DiskFault) in
            if let suffix = disk.fullSuffix, path.hasSuffix(suffix) { throw .full }
            if let suffix = disk.cutSuffix, path.hasSuffix(suffix) { disk.operationsUntilCut = 1 }
            try disk.write(bytes, to: inode, at: Int(offset), life)
        }
    }

    func synchronize() throws(LogError) {
        try translating(.synchronize, path) { () throws(DiskFault) in try disk.sync(inode, life) }
    }

    func preallocate(bytes: UInt64) throws(LogError) {
        guard bytes > UInt64(inode.current.count) else { return }
        try translating(.preallocate, path) { () throws(DiskFault) in
            try disk.resize(inode, to: Int(bytes), life)
        }
    }

    func truncate(bytes: UInt64) throws(LogError) {
        try translating(.truncate, path) { () throws(DiskFault) in
            try disk.resize(inode, to: Int(bytes), life)
        }
    }

    func close() {
        if isLock, life == disk.life { disk.locks.remove(path) }
    }
}

extension SimulatedDisk.Inode {
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let start = min(offset, current.count)
        let end = min(start + buffer.count, current.count)
        current.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[start..<end])) }
        return end - start
    }
}

extension SimulatedDisk {
    /// The names directly in a directory, sorted by their bytes.
    package func names(in directory: String) -> [String] {
        let prefix = directory + "/"
        return names.keys.filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
            .filter { !$0.contains("/") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// Runs what the disk does and throws the log's errors.
private func translating<Value>(
    _ operation: LogOperation,
    _ path: String,
    _ body: () throws(DiskFault) -> Value
) throws(LogError) -> Value {
    do {
        return try body()
    } catch {
        switch error {
        case .full: throw .diskFull(file: path)
        case .missing: throw .io(operation, errno: 2, file: path)
        case .off, .device: throw .io(operation, errno: 5, file: path)
        case .locked: throw .locked(file: path)
        }
    }
}
