import ClusterPrimitives

/// The numbers of the format; `Protocol/log.md` is their specification.
enum LogFormat {
    static let version: UInt32 = 1
    /// `CCLOGSEG` and `CCLOGMET` as they stand in the file.
    static let segmentMagic: UInt64 = 0x4745_5347_4F4C_4343
    static let metadataMagic: UInt64 = 0x5445_4D47_4F4C_4343
    /// `CCBT`.
    static let batchMagic: UInt32 = 0x5442_4343
    /// A page of its own: rewriting the header of a reused segment can't tear a batch.
    static let segmentHeaderBytes = 4096
    static let batchHeaderBytes = 32
    static let recordHeaderBytes = 16
    /// The largest fixed part of a record, header included: that of a group's state.
    static let recordBytesOverheadMax = recordHeaderBytes + GroupState.fixedBytes
    static let entryFixedBytes = 16
    /// Batches start at multiples of it.
    static let alignment = 8

    /// The start of a checksum: bound to the place, so that what was written elsewhere, or there in
    /// an earlier life of the segment, does not check.
    static func seed(generation: UInt64, offset: UInt64) -> UInt32 {
        withUnsafeBytes(of: (generation.littleEndian, offset.littleEndian)) { CRC32C.checksum($0) }
    }

    static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}

/// A place in the log: a segment's generation and a byte offset in it.
public struct LogPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The segment; generations only grow and are never used twice.
    public var generation: UInt64
    /// Bytes from the segment's start.
    public var offset: UInt64

    /// Names a place.
    public init(generation: UInt64, offset: UInt64) {
        self.generation = generation
        self.offset = offset
    }

    /// Orders by age.
    public static func < (left: LogPosition, right: LogPosition) -> Bool {
        (left.generation, left.offset) < (right.generation, right.offset)
    }

    /// `generation:offset`.
    public var description: String { "\(generation):\(offset)" }
}

/// The first 16 bytes of every file of the log, the same in all versions: magic, version, checksum.
/// Only a version whose checksum is right is believed, or a flipped bit would look like a newer
/// program.
enum Prologue {
    static let bytes = 16

    static func write(magic: UInt64, to buffer: RawBuffer, at offset: Int) {
        buffer.put(magic, at: offset)
        buffer.put(LogFormat.version, at: offset + 8)
        buffer.put(CRC32C.checksum(buffer.slice(offset, 12)), at: offset + 12)
    }

    /// Whether it is whole; throws if it is whole and of a newer version.
    static func check(
        _ bytes: UnsafeRawBufferPointer,
        magic: UInt64,
        file: String
    ) throws(LogError) -> Bool {
        guard bytes.count >= Self.bytes, bytes.word64(at: 0) == magic,
            bytes.word32(at: 12) == CRC32C.checksum(bytes.part(0, 12))
        else { return false }
        let version = bytes.word32(at: 8)
        guard version <= LogFormat.version else {
            throw .newerFormat(file: file, version: version, known: LogFormat.version)
        }
        return version >= 1
    }
}

extension LogIdentity {
    static let encodedBytes = clusterBytes + 8

    func write(to buffer: RawBuffer, at offset: Int) {
        buffer.put(cluster, at: offset)
        buffer.put(node.rawValue, at: offset + Self.clusterBytes)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        cluster = Array(bytes.part(0, Self.clusterBytes))
        node = NodeID(bytes.word64(at: Self.clusterBytes))
    }

    func require(_ found: LogIdentity, file: String) throws(LogError) {
        guard found.cluster == cluster else {
            throw .foreign(file: file, reason: "it belongs to another cluster")
        }
        guard found.node == node else {
            throw .foreign(file: file, reason: "it belongs to node \(found.node), not \(node)")
        }
    }
}

/// The first page of a segment.
struct SegmentHeader: Equatable {
    var generation: UInt64
    var segmentBytes: UInt64
    /// Where the segment before ends; all of that was durable before this header was written. 0 for
    /// the first one.
    var previousEnd: UInt64
    /// No batch of this segment is larger, so what may be torn is at most this long.
    var batchBytesMax: UInt64
    /// The file held an earlier generation: behind the end stand old bytes, not zeros.
    var isReused: Bool
    var identity: LogIdentity

    func write(to buffer: RawBuffer) {
        precondition(buffer.count >= LogFormat.segmentHeaderBytes)
        buffer.clear(0, LogFormat.segmentHeaderBytes)
        Prologue.write(magic: LogFormat.segmentMagic, to: buffer, at: 0)
        buffer.put(generation, at: 16)
        buffer.put(segmentBytes, at: 24)
        buffer.put(previousEnd, at: 32)
        buffer.put(batchBytesMax, at: 40)
        buffer.put(UInt32(isReused ? 1 : 0), at: 48)
        identity.write(to: buffer, at: 56)
        let end = LogFormat.segmentHeaderBytes - 4
        let seed = LogFormat.seed(generation: generation, offset: 0)
        buffer.put(CRC32C.checksum(buffer.slice(16, end - 16), seed: seed), at: end)
    }

    /// Reads the header of the segment that its name says is `generation`.
    init(
        _ bytes: UnsafeRawBufferPointer,
        generation: UInt64,
        file: String
    ) throws(LogError) {
        let end = LogFormat.segmentHeaderBytes - 4
        guard bytes.count >= LogFormat.segmentHeaderBytes else {
            throw .corrupted(file: file, offset: UInt64(bytes.count), reason: "header is cut off")
        }
        guard try Prologue.check(bytes, magic: LogFormat.segmentMagic, file: file) else {
            throw .corrupted(file: file, offset: 0, reason: "not the start of a segment")
        }
        let seed = LogFormat.seed(generation: generation, offset: 0)
        guard bytes.word32(at: end) == CRC32C.checksum(bytes.part(16, end - 16), seed: seed),
            bytes.word64(at: 16) == generation
        else {
            throw .corrupted(file: file, offset: 16, reason: "the header's checksum is wrong")
        }
        self.generation = generation
        segmentBytes = bytes.word64(at: 24)
        previousEnd = bytes.word64(at: 32)
        batchBytesMax = bytes.word64(at: 40)
        isReused = bytes.word32(at: 48) & 1 == 1
        identity = LogIdentity(bytes.part(56, LogIdentity.encodedBytes))
    }

    init(
        generation: UInt64,
        segmentBytes: UInt64,
        previousEnd: UInt64,
        batchBytesMax: UInt64,
        isReused: Bool,
        identity: LogIdentity
    ) {
        self.generation = generation
        self.segmentBytes = segmentBytes
        self.previousEnd = previousEnd
        self.batchBytesMax = batchBytesMax
        self.isReused = isReused
        self.identity = identity
    }
}

/// The start of a batch: the unit that is written, synced and found again whole or not at all.
struct BatchHeader: Equatable {
    /// Header, records and padding.
    var bytes: Int
    var records: Int
    /// Everything in the segment below it was durable before this batch was written.
    var durableBefore: UInt64

    /// Completes the batch whose records stand in `buffer` behind the header's room.
    func write(to buffer: RawBuffer, position: LogPosition) {
        buffer.put(LogFormat.batchMagic, at: 4)
        buffer.put(UInt32(bytes), at: 8)
        buffer.put(UInt32(records), at: 12)
        buffer.put(durableBefore, at: 16)
        buffer.put(position.generation, at: 24)
        let seed = LogFormat.seed(generation: position.generation, offset: position.offset)
        buffer.put(CRC32C.checksum(buffer.slice(4, bytes - 4), seed: seed), at: 0)
    }

    /// The whole batch that starts at `offset` of a segment's bytes; nil if there is none.
    init?(_ segment: UnsafeRawBufferPointer, at offset: Int, generation: UInt64, bytesMax: Int) {
        guard Self.claims(segment, at: offset, generation: generation) else { return nil }
        bytes = Int(segment.word32(at: offset + 8))
        records = Int(segment.word32(at: offset + 12))
        durableBefore = segment.word64(at: offset + 16)
        guard bytes >= LogFormat.batchHeaderBytes, bytes % LogFormat.alignment == 0,
            bytes <= min(bytesMax, segment.count - offset), durableBefore <= UInt64(offset)
        else { return nil }
        let seed = LogFormat.seed(generation: generation, offset: UInt64(offset))
        #if CASECLUSTER_FAULTS
        let isTrusted = DeliberateFault.acceptsDamagedBatches.isOn
        let sum =
            isTrusted
            ? segment.word32(at: offset)
            : CRC32C.checksum(segment.part(offset + 4, bytes - 4), seed: seed)
        #else
        let sum = CRC32C.checksum(segment.part(offset + 4, bytes - 4), seed: seed)
        #endif
        guard sum == segment.word32(at: offset) else { return nil }
    }

    init(bytes: Int, records: Int, durableBefore: UInt64) {
        self.bytes = bytes
        self.records = records
        self.durableBefore = durableBefore
    }

    /// Whether a batch of this generation was at least begun there.
    static func claims(
        _ segment: UnsafeRawBufferPointer,
        at offset: Int,
        generation: UInt64
    ) -> Bool {
        offset + LogFormat.batchHeaderBytes <= segment.count
            && segment.word32(at: offset + 4) == LogFormat.batchMagic
            && segment.word64(at: offset + 24) == generation
    }
}
