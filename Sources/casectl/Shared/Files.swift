import Foundation

/// Reading of files and standard input, never more than stated.
enum Files {
    /// Bytes read at a time.
    static let chunkBytes = 64 * 1_024

    /// The whole file, or standard input for `-`.
    static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        try chunks(path) { (chunk) throws(Failure) in
            bytes += chunk
            guard bytes.count <= bytesMax else {
                throw Failure(.badInput, "\(name(path)): more than \(bytesMax) bytes")
            }
        }
        return bytes
    }

    /// Hands a file out in pieces.
    static func chunks(
        _ path: String,
        _ take: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        let handle = try open(path)
        defer { close(handle, path) }
        while true {
            let chunk = try next(handle, path)
            guard !chunk.isEmpty else { return }
            try take(chunk)
        }
    }

    /// Opens a file for reading.
    static func open(_ path: String) throws(Failure) -> FileHandle {
        if path == "-" { return .standardInput }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.notFound, "\(path): no such file")
        }
        guard !isDirectory.boolValue, let handle = FileHandle(forReadingAtPath: path) else {
            throw Failure(.badInput, "\(path): can't be read: is it a file, and may you?")
        }
        return handle
    }

    /// The next piece; empty at the end.
    static func next(_ handle: FileHandle, _ path: String) throws(Failure) -> [UInt8] {
        do {
            return Array(try handle.read(upToCount: chunkBytes) ?? Data())
        } catch {
            throw Failure(.badInput, "\(name(path)): can't be read: \(error.localizedDescription)")
        }
    }

    /// Closes what `open` opened. A file that was only read loses nothing if that fails.
    static func close(_ handle: FileHandle, _ path: String) {
        guard path != "-" else { return }
        do { try handle.close() } catch { Terminal.note("\(path): \(error.localizedDescription)") }
    }

    /// As messages name it.
    static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

    /// Fails if there is a file already: secrets are never overwritten.
    static func requireAbsent(_ path: String) throws(Failure) {
        guard access(path, F_OK) != 0 else {
            throw Failure(.badInput, "\(path): is there already; name a new file")
        }
    }

    /// Makes a new file that only its owner reads. Never overwrites.
    static func writeSecret(_ text: String, to path: String) throws(Failure) {
        let descriptor = path.withCString {
            Foundation.open($0, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        }
        guard descriptor >= 0 else {
            throw Failure(.badInput, "\(path): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
            try handle.close()
        } catch {
            throw Failure(.badInput, "\(path): \(error.localizedDescription)")
        }
    }
}
