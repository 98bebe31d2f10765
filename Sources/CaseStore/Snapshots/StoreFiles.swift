#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The few operations on whole files that installing a snapshot needs. A simulator has its own.
public protocol StoreFiles: Sendable {
    /// The names in a directory, sorted by their bytes.
    func names(in directory: String) throws(StoreError) -> [String]
    /// Removes a file; none is fine.
    func remove(_ path: String) throws(StoreError)
    /// Gives a file another name, in place of what had it: as a whole or not at all.
    func rename(_ path: String, to other: String) throws(StoreError)
    /// Makes a file's content durable.
    func syncFile(_ path: String) throws(StoreError)
    /// Makes a directory's names durable.
    func syncDirectory(_ path: String) throws(StoreError)
}

/// The operating system's files.
public struct SystemFiles: StoreFiles {
    /// There is nothing to set.
    public init() {}

    /// The names in a directory, sorted by their bytes.
    public func names(in directory: String) throws(StoreError) -> [String] {
        guard let stream = opendir(directory) else { throw failure("list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes a file; none is fine.
    public func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// Gives a file another name, in place of what had it.
    public func rename(_ path: String, to other: String) throws(StoreError) {
        #if canImport(Glibc)
        let code = Glibc.rename(path, other)
        #elseif canImport(Musl)
        let code = Musl.rename(path, other)
        #else
        let code = Darwin.rename(path, other)
        #endif
        guard code == 0 else { throw failure("rename", path) }
    }

    /// Makes a file's content durable.
    public func syncFile(_ path: String) throws(StoreError) { try sync(path, O_RDWR) }

    /// Makes a directory's names durable.
    public func syncDirectory(_ path: String) throws(StoreError) {
        try sync(path, O_RDONLY | O_DIRECTORY)
    }

    private func sync(_ path: String, _ flags: Int32) throws(StoreError) {
        let descriptor = open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        let code = fsync(descriptor)
        let failed = code == 0 ? nil : failure("sync", path)
        close(descriptor)
        if let failed { throw failed }
    }

    private func failure(_ action: String, _ path: String) -> StoreError {
        errno == ENOSPC ? .diskFull : .inputOutput(code: errno, message: "\(action) \(path)")
    }
}
