import Glibc

/// The operating system's files.
public struct POSIXFileSystem: LogFileSystem, Sendable {
    #if CASECLUSTER_FAULTS
    /// A control build for crash tests: with `CASECLUSTER_SKIP_SYNC=1` nothing is ever made
    /// durable, so that a test that finds no loss without syncs is known to be blind. Not in the
    /// product's build.
    static let skipsSync = getenv("CASECLUSTER_SKIP_SYNC").map { String(cString: $0) } == "1"
    #endif

    /// The one file system of this machine.
    public init() {}

    /// Makes the directory and its parents (0700), and syncs the parent of each one made.
    public func makeDirectory(_ path: String) throws(LogError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = made.isEmpty ? "." : made
            made += made.isEmpty || made == "/" ? part : "/" + part
            if mkdir(made, 0o700) == 0 {
                try synchronizeDirectory(parent)
            } else if errno != EEXIST {
                throw failure(.open, made)
            }
        }
    }

    /// The names but `.` and `..`.
    public func list(_ directory: String) throws(LogError) -> [String] {
        guard let stream = opendir(directory) else {
            guard errno == ENOENT else { throw failure(.read, directory) }
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw failure(.read, directory) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// Opens with O_CREAT and O_TRUNC, mode 0600.
    public func create(_ path: String) throws(LogError) -> any LogFile {
        try POSIXFile(path: path, flags: O_RDWR | O_CREAT | O_TRUNC)
    }

    /// Opens for reading and writing.
    public func open(_ path: String) throws(LogError) -> any LogFile {
        try POSIXFile(path: path, flags: O_RDWR)
    }

    /// Calls unlink.
    public func remove(_ path: String) throws(LogError) {
        guard unlink(path) == 0 else { throw failure(.remove, path) }
    }

    /// Calls rename.
    public func rename(_ path: String, to newPath: String) throws(LogError) {
        guard Glibc.rename(path, newPath) == 0 else { throw failure(.rename, path) }
    }

    /// Calls fsync on the directory.
    public func synchronizeDirectory(_ path: String) throws(LogError) {
        #if CASECLUSTER_FAULTS
        if Self.skipsSync { return }
        #endif
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(.synchronizeDirectory, path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(.synchronizeDirectory, path) }
    }

    /// Calls flock, without waiting.
    public func lock(_ path: String) throws(LogError) -> any LogFile {
        let file = try POSIXFile(path: path, flags: O_RDWR | O_CREAT)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw failure(.open, path) }
            throw .locked(file: path)
        }
        return file
    }
}

private func failure(_ operation: LogOperation, _ path: String) -> LogError {
    let code = errno
    return code == ENOSPC || code == EDQUOT
        ? .diskFull(file: path) : .io(operation, errno: code, file: path)
}

/// A file descriptor.
private final class POSIXFile: LogFile {
    private let path: String
    private(set) var descriptor: Int32

    init(path: String, flags: Int32) throws(LogError) {
        self.path = path
        descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(.open, path) }
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        // Nothing to learn from its result: what must last was synced before.
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    func size() throws(LogError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(.read, path) }
        return UInt64(status.st_size)
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(LogError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count == 0 { break }
            guard count > 0 || errno == EINTR else { throw failure(.read, path) }
            done += max(0, count)
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(
                descriptor,
                rest.baseAddress,
                rest.count,
                off_t(offset) + off_t(done)
            )
            guard count > 0 || (count < 0 && errno == EINTR) else { throw failure(.write, path) }
            done += max(0, count)
        }
    }

    /// Never repeated after a failure, not even for EINTR: the kernel may have dropped the pages.
    func synchronize() throws(LogError) {
        #if CASECLUSTER_FAULTS
        if POSIXFileSystem.skipsSync { return }
        #endif
        guard fdatasync(descriptor) == 0 else {
            // ENOSPC here means that bytes are lost (delayed allocation): not a refusal, a failed
            // sync.
            throw .io(.synchronize, errno: errno, file: path)
        }
    }

    func preallocate(bytes: UInt64) throws(LogError) {
        var code = posix_fallocate(descriptor, 0, off_t(bytes))
        while code == EINTR { code = posix_fallocate(descriptor, 0, off_t(bytes)) }
        guard code == 0 else {
            errno = code
            throw failure(.preallocate, path)
        }
    }

    func truncate(bytes: UInt64) throws(LogError) {
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw failure(.truncate, path) }
    }
}
