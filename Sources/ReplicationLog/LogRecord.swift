import ClusterPrimitives
import RaftCore

/// What is moved forward for a group whose older records retire.
struct GroupState: Equatable {
    /// The group's entries follow in the same batch; what it had before is void. Otherwise the
    /// entries above `base` stay.
    var resets: Bool
    /// The entry before the first one.
    var base: SnapshotID
    var hardState: HardState?
    var snapshot: SnapshotID?
    var configuration: [UInt8]?

    static let fixedBytes = 56
}

/// One record: the effect of a write, not the decision, so that replaying needs nothing that
/// retired.
enum LogRecord: Equatable {
    case entry(term: Term, index: LogIndex)
    case hardState(HardState)
    /// The log starts after it; entries above it stay or go.
    case snapshot(SnapshotID, keepsSuffix: Bool)
    case compaction(SnapshotID)
    case removal
    case configuration([UInt8])
    case state(GroupState)

    enum Kind: UInt8 {
        case entry = 1
        case hardState = 2
        case snapshot = 3
        case compaction = 4
        case removal = 5
        case configuration = 6
        case state = 7
    }
}

/// The fixed start of a record.
struct RecordHeader: Equatable {
    var kind: LogRecord.Kind
    /// An entry's kind, or the record's flags.
    var flags: UInt8
    var group: GroupID
    var bodyBytes: Int

    static let bytes = LogFormat.recordHeaderBytes

    /// Completes the record whose body stands in `buffer` behind the header's room at `offset`.
    func write(to buffer: RawBuffer, at offset: Int, position: LogPosition) {
        buffer.put(kind.rawValue, at: offset + 4)
        buffer.put(flags, at: offset + 5)
        buffer.put(UInt16(0), at: offset + 6)
        buffer.put(group.rawValue, at: offset + 8)
        buffer.put(UInt32(bodyBytes), at: offset + 12)
        let seed = LogFormat.seed(generation: position.generation, offset: position.offset)
        let sum = CRC32C.checksum(buffer.slice(offset + 4, Self.bytes - 4 + bodyBytes), seed: seed)
        buffer.put(sum, at: offset)
    }

    /// Reads a header at the front of `bytes`; nil if it is none, or its body passes their end.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.bytes, let kind = LogRecord.Kind(rawValue: bytes[4]) else {
            return nil
        }
        self.kind = kind
        flags = bytes[5]
        group = GroupID(rawValue: bytes.word32(at: 8))
        bodyBytes = Int(bytes.word32(at: 12))
        guard bodyBytes <= bytes.count - Self.bytes else { return nil }
    }

    init(kind: LogRecord.Kind, flags: UInt8 = 0, group: GroupID, bodyBytes: Int) {
        self.kind = kind
        self.flags = flags
        self.group = group
        self.bodyBytes = bodyBytes
    }

    /// Whether the record's own checksum is right: needed when a record is read without its batch.
    func checks(_ bytes: UnsafeRawBufferPointer, position: LogPosition) -> Bool {
        let seed = LogFormat.seed(generation: position.generation, offset: position.offset)
        return bytes.word32(at: 0)
            == CRC32C.checksum(bytes.part(4, Self.bytes - 4 + bodyBytes), seed: seed)
    }
}

extension LogRecord {
    /// Reads the record that `header` starts at the front of `bytes`; nil if its body is not one.
    init?(_ header: RecordHeader, _ bytes: UnsafeRawBufferPointer) {
        let body = bytes.part(RecordHeader.bytes, header.bodyBytes)
        switch header.kind {
        case .entry:
            guard body.count >= LogFormat.entryFixedBytes,
                EntryKind(rawValue: header.flags) != nil
            else { return nil }
            self = .entry(term: Term(body.word64(at: 0)), index: LogIndex(body.word64(at: 8)))
        case .hardState:
            guard body.count == 24, header.flags == 0 else { return nil }
            self = .hardState(HardState(body))
        case .snapshot:
            guard body.count == 16, header.flags <= 1 else { return nil }
            self = .snapshot(SnapshotID(body), keepsSuffix: header.flags == 1)
        case .compaction:
            guard body.count == 16, header.flags == 0 else { return nil }
            self = .compaction(SnapshotID(body))
        case .removal:
            guard body.count == 0, header.flags == 0 else { return nil }
            self = .removal
        case .configuration:
            guard header.flags == 0 else { return nil }
            self = .configuration(Array(body))
        case .state:
            guard let state = GroupState(flags: header.flags, body) else { return nil }
            self = .state(state)
        }
    }
}

extension HardState {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            term: Term(bytes.word64(at: 0)),
            vote: NodeID(bytes.word64(at: 8)),
            commit: LogIndex(bytes.word64(at: 16))
        )
    }

    func write(to buffer: RawBuffer, at offset: Int) {
        buffer.put(term.rawValue, at: offset)
        buffer.put(vote.rawValue, at: offset + 8)
        buffer.put(commit.rawValue, at: offset + 16)
    }
}

extension SnapshotID {
    static let none = SnapshotID(index: .zero, term: .zero)

    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(index: LogIndex(bytes.word64(at: 0)), term: Term(bytes.word64(at: 8)))
    }

    func write(to buffer: RawBuffer, at offset: Int) {
        buffer.put(index.rawValue, at: offset)
        buffer.put(term.rawValue, at: offset + 8)
    }
}

extension GroupState {
    var flags: UInt8 {
        (resets ? 1 : 0) | (hardState != nil ? 2 : 0) | (snapshot != nil ? 4 : 0)
            | (configuration != nil ? 8 : 0)
    }

    var bodyBytes: Int { Self.fixedBytes + (configuration?.count ?? 0) }

    func write(to buffer: RawBuffer, at offset: Int) {
        base.write(to: buffer, at: offset)
        (hardState ?? HardState()).write(to: buffer, at: offset + 16)
        (snapshot ?? .none).write(to: buffer, at: offset + 40)
        buffer.put(configuration ?? [], at: offset + Self.fixedBytes)
    }

    fileprivate init?(flags: UInt8, _ bytes: UnsafeRawBufferPointer) {
        guard flags < 16, bytes.count >= Self.fixedBytes else { return nil }
        guard flags & 8 != 0 || bytes.count == Self.fixedBytes else { return nil }
        resets = flags & 1 != 0
        base = SnapshotID(bytes)
        hardState = flags & 2 != 0 ? HardState(bytes.part(16, 24)) : nil
        snapshot = flags & 4 != 0 ? SnapshotID(bytes.part(40, 16)) : nil
        configuration =
            flags & 8 != 0
            ? Array(bytes.part(Self.fixedBytes, bytes.count - Self.fixedBytes)) : nil
    }
}
