import Dispatch
import ReplicationLog
import Synchronization

/// What the files of a test's log do besides working.
final class FileFaults: Sendable {
    struct State {
        /// No room for another file.
        var isFull = false
        /// The next sync fails for good.
        var failsSync = false
        /// Syncs wait for this lock, if there is one.
        var stall: StalledSyncs?
        var syncs = 0
    }

    private let state = Mutex(State())

    var syncs: Int { state.withLock { $0.syncs } }

    func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    fileprivate func requireRoom(_ path: String) throws(LogError) {
        if state.withLock({ $0.isFull }) { throw .diskFull(file: path) }
    }

    fileprivate func sync(_ path: String) throws(LogError) {
        let (fails, stall) = state.withLock { state in
            state.syncs += 1
            return (state.failsSync, state.stall)
        }
        stall?.wait()
        if fails { throw .io(.synchronize, errno: 5, file: path) }
    }
}

/// A disk that hangs until it is let go.
final class StalledSyncs: Sendable {
    private let isOver = DispatchSemaphore(value: 0)

    func wait() {
        isOver.wait()
        isOver.signal()
    }

    func end() { isOver.signal() }
}

/// Real files with faults.
struct FaultyFileSystem: LogFileSystem {
    let faults: FileFaults
    private let base = POSIXFileSystem()

    init(_ faults: FileFaults) { self.faults = faults }

    func makeDirectory(_ path: String) throws(LogError) { try base.makeDirectory(path) }

    func list(_ directory: String) throws(LogError) -> [String] { try base.list(directory) }

    func create(_ path: String) throws(LogError) -> any LogFile {
        try faults.requireRoom(path)
        return FaultyFile(try base.create(path), faults, path)
    }

    func open(_ path: String) throws(LogError) -> any LogFile {
        FaultyFile(try base.open(path), faults, path)
    }

    func remove(_ path: String) throws(LogError) { try base.remove(path) }

    func rename(_ path: String, to newPath: String) throws(LogError) {
        try base.rename(path, to: newPath)
    }

    func synchronizeDirectory(_ path: String) throws(LogError) {
        try base.synchronizeDirectory(path)
    }

    func lock(_ path: String) throws(LogError) -> any LogFile { try base.lock(path) }
}

private final class FaultyFile: LogFile {
    private let base: any LogFile
    private let faults: FileFaults
    private let path: String

    init(_ base: any LogFile, _ faults: FileFaults, _ path: String) {
        self.base = base
        self.faults = faults
        self.path = path
    }

    func size() throws(LogError) -> UInt64 { try base.size() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(LogError) -> Int {
        try base.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError) {
        try base.write(bytes, at: offset)
    }

    func synchronize() throws(LogError) {
        try faults.sync(path)
        try base.synchronize()
    }

    func preallocate(bytes: UInt64) throws(LogError) {
        try faults.requireRoom(path)
        try base.preallocate(bytes: bytes)
    }

    func truncate(bytes: UInt64) throws(LogError) { try base.truncate(bytes: bytes) }

    func close() { base.close() }
}
