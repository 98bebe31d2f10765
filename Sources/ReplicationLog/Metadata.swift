import ClusterPrimitives

/// What stands beside the segments.
struct Metadata: Equatable {
    /// Grows with each write; the larger of the two slots holds.
    var sequence: UInt64
    /// Segments before it have retired.
    var firstGeneration: UInt64
    /// Everything before it was durable: the mark. Generation 0 while the log is being made.
    var mark: LogPosition
}

/// The metadata file: two slots, written in turn, so that a torn write leaves the other.
final class MetadataFile {
    static let name = "log.meta"
    static let slotBytes = 512
    /// A slot has a page of its own.
    static let slotStride = 4096
    static let fileBytes = 2 * slotStride

    private let file: any LogFile
    private let path: String
    private let identity: LogIdentity
    private let buffer = RawBuffer(count: slotBytes)
    private(set) var current: Metadata

    /// Makes the file whole under another name first: it is never there without a good slot.
    static func create(
        in directory: String,
        fileSystem: any LogFileSystem,
        identity: LogIdentity
    ) throws(LogError) -> MetadataFile {
        let path = "\(directory)/\(name)"
        let file = try fileSystem.create("\(path).new")
        try file.preallocate(bytes: UInt64(fileBytes))
        let first = Metadata(
            sequence: 0,
            firstGeneration: 1,
            mark: LogPosition(generation: 0, offset: 0)
        )
        let metadata = MetadataFile(file: file, path: path, identity: identity, current: first)
        try metadata.write(first)
        try fileSystem.rename("\(path).new", to: path)
        try fileSystem.synchronizeDirectory(directory)
        return metadata
    }

    /// Reads the newer good slot.
    static func open(
        in directory: String,
        fileSystem: any LogFileSystem,
        identity: LogIdentity
    ) throws(LogError) -> MetadataFile {
        let path = "\(directory)/\(name)"
        let file = try fileSystem.open(path)
        let size = try file.size()
        guard size == UInt64(fileBytes) else {
            throw .corrupted(
                file: path,
                offset: min(size, UInt64(fileBytes)),
                reason: "the file has \(size) bytes, not \(fileBytes)"
            )
        }
        let buffer = RawBuffer(count: slotBytes)
        var best: Metadata?
        for slot in 0..<2 {
            let offset = UInt64(slot * slotStride)
            guard try file.read(into: buffer.bytes, at: offset) == slotBytes else { continue }
            guard let found = try decode(buffer, slot: slot, identity: identity, path: path) else {
                continue
            }
            if found.sequence > best?.sequence ?? 0 { best = found }
        }
        guard let best else {
            throw .corrupted(file: path, offset: 0, reason: "neither slot has a right checksum")
        }
        // After a crash of the process alone the slot may stand in the page cache only, and what
        // follows from it (that retired segments are removed) must not become durable before it.
        try file.synchronize()
        return MetadataFile(file: file, path: path, identity: identity, current: best)
    }

    private init(file: any LogFile, path: String, identity: LogIdentity, current: Metadata) {
        self.file = file
        self.path = path
        self.identity = identity
        self.current = current
    }

    /// Writes and syncs the older slot.
    func write(firstGeneration: UInt64, mark: LogPosition) throws(LogError) {
        assert(firstGeneration >= current.firstGeneration && mark >= current.mark)
        var next = current
        next.firstGeneration = firstGeneration
        next.mark = mark
        try write(next)
    }

    private func write(_ metadata: Metadata) throws(LogError) {
        var next = metadata
        next.sequence += 1
        let slot = Int(next.sequence % 2)
        buffer.clear(0, Self.slotBytes)
        Prologue.write(magic: LogFormat.metadataMagic, to: buffer, at: 0)
        buffer.put(next.sequence, at: 16)
        buffer.put(next.firstGeneration, at: 24)
        buffer.put(next.mark.generation, at: 32)
        buffer.put(next.mark.offset, at: 40)
        identity.write(to: buffer, at: 48)
        buffer.put(Self.checksum(buffer, slot: slot), at: Self.slotBytes - 4)
        try file.write(buffer.slice(0, Self.slotBytes), at: UInt64(slot * Self.slotStride))
        try file.synchronize()
        current = next
    }

    private static func decode(
        _ buffer: RawBuffer,
        slot: Int,
        identity: LogIdentity,
        path: String
    ) throws(LogError) -> Metadata? {
        let bytes = buffer.slice(0, slotBytes)
        guard try Prologue.check(bytes, magic: LogFormat.metadataMagic, file: path),
            bytes.word32(at: slotBytes - 4) == checksum(buffer, slot: slot)
        else { return nil }
        try identity.require(LogIdentity(bytes.part(48, LogIdentity.encodedBytes)), file: path)
        return Metadata(
            sequence: bytes.word64(at: 16),
            firstGeneration: bytes.word64(at: 24),
            mark: LogPosition(generation: bytes.word64(at: 32), offset: bytes.word64(at: 40))
        )
    }

    private static func checksum(_ buffer: RawBuffer, slot: Int) -> UInt32 {
        let seed = LogFormat.seed(generation: 0, offset: UInt64(slot * slotStride))
        return CRC32C.checksum(buffer.slice(16, slotBytes - 20), seed: seed)
    }

    func close() { file.close() }
}
