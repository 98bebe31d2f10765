import ClusterPrimitives

/// One open segment file.
final class Segment {
    let generation: UInt64
    let path: String
    let file: any LogFile
    let header: SegmentHeader
    /// Where the last durable batch ends.
    var end: UInt64

    init(header: SegmentHeader, path: String, file: any LogFile, end: UInt64) {
        generation = header.generation
        self.path = path
        self.file = file
        self.header = header
        self.end = end
    }

    /// Room for batches.
    var room: UInt64 { header.segmentBytes - end }

    var name: String { Self.name(of: generation) }

    private static let suffix = ".log"
    private static let digits = 20

    /// Twenty digits, so that names sort like generations.
    static func name(of generation: UInt64) -> String {
        let number = String(generation)
        return String(repeating: "0", count: digits - number.count) + number + suffix
    }

    static func generation(of name: String) -> UInt64? {
        guard name.hasSuffix(suffix), name.count == digits + suffix.count else { return nil }
        return UInt64(name.dropLast(suffix.count))
    }

    /// Makes a segment out of a free file. Durable, name and header, when it returns.
    static func create(
        from free: FreeFiles.File,
        header: SegmentHeader,
        in directory: String,
        fileSystem: any LogFileSystem,
        scratch: RawBuffer
    ) throws(LogError) -> Segment {
        let unnamed = try fileSystem.open("\(directory)/\(free.name)")
        header.write(to: scratch)
        try unnamed.write(scratch.slice(0, LogFormat.segmentHeaderBytes), at: 0)
        try unnamed.synchronize()
        unnamed.close()
        let path = "\(directory)/\(name(of: header.generation))"
        try fileSystem.rename("\(directory)/\(free.name)", to: path)
        #if CASECLUSTER_FAULTS
        let skipsSync = DeliberateFault.skipsDirectorySync.isOn
        #else
        let skipsSync = false
        #endif
        if !skipsSync { try fileSystem.synchronizeDirectory(directory) }
        return Segment(
            header: header,
            path: path,
            // Opened again, so that errors carry the name that it has now.
            file: try fileSystem.open(path),
            end: UInt64(LogFormat.segmentHeaderBytes)
        )
    }

    /// Opens a segment and checks what does not depend on its batches.
    static func open(
        generation: UInt64,
        in directory: String,
        fileSystem: any LogFileSystem,
        identity: LogIdentity,
        scratch: RawBuffer
    ) throws(LogError) -> Segment {
        let path = "\(directory)/\(name(of: generation))"
        let file = try fileSystem.open(path)
        let count = try file.read(into: scratch.room(0, LogFormat.segmentHeaderBytes), at: 0)
        let header = try SegmentHeader(
            scratch.slice(0, count),
            generation: generation,
            file: path
        )
        try identity.require(header.identity, file: path)
        let size = try file.size()
        guard size == header.segmentBytes,
            header.segmentBytes <= UInt64(LogConfiguration.segmentBytesMax)
        else {
            throw .corrupted(
                file: path,
                offset: min(size, header.segmentBytes),
                reason: "the file has \(size) bytes, not \(header.segmentBytes)"
            )
        }
        return Segment(
            header: header,
            path: path,
            file: file,
            end: UInt64(LogFormat.segmentHeaderBytes)
        )
    }
}
