import ClusterPrimitives
import RaftCore

/// The open batch: one piece of memory, used again for every batch, so that a record costs a copy
/// and nothing else.
final class BatchBuffer {
    private let buffer: RawBuffer
    /// Where the batch will stand.
    private(set) var position = LogPosition(generation: 0, offset: 0)
    private(set) var records = 0
    /// Header and records so far.
    private(set) var count = LogFormat.batchHeaderBytes

    init(bytesMax: Int) { buffer = RawBuffer(count: bytesMax) }

    var isEmpty: Bool { records == 0 }
    /// Bytes that records can still take.
    var room: Int { buffer.count - count }
    var capacity: Int { buffer.count - LogFormat.batchHeaderBytes }

    /// Starts an empty batch.
    func begin(at position: LogPosition) {
        precondition(isEmpty)
        self.position = position
    }

    func append(_ entry: Entry, group: GroupID) -> EntryLocation {
        let header = RecordHeader(
            kind: .entry,
            flags: entry.kind.rawValue,
            group: group,
            bodyBytes: LogFormat.entryFixedBytes + entry.payload.count
        )
        return append(header) { body in
            buffer.put(entry.term.rawValue, at: body)
            buffer.put(entry.index.rawValue, at: body + 8)
            buffer.put(entry.payload, at: body + LogFormat.entryFixedBytes)
        }
    }

    /// Appends any record but an entry.
    func append(_ record: LogRecord, group: GroupID) -> EntryLocation {
        switch record {
        case .entry: preconditionFailure("an entry comes with its payload")
        case .hardState(let state):
            return append(RecordHeader(kind: .hardState, group: group, bodyBytes: 24)) {
                state.write(to: buffer, at: $0)
            }
        case .snapshot(let id, let keepsSuffix):
            let header = RecordHeader(
                kind: .snapshot,
                flags: keepsSuffix ? 1 : 0,
                group: group,
                bodyBytes: 16
            )
            return append(header) { id.write(to: buffer, at: $0) }
        case .compaction(let id):
            return append(RecordHeader(kind: .compaction, group: group, bodyBytes: 16)) {
                id.write(to: buffer, at: $0)
            }
        case .removal:
            return append(RecordHeader(kind: .removal, group: group, bodyBytes: 0)) { _ in }
        case .configuration(let bytes):
            let header = RecordHeader(kind: .configuration, group: group, bodyBytes: bytes.count)
            return append(header) { buffer.put(bytes, at: $0) }
        case .state(let state):
            let header = RecordHeader(
                kind: .state,
                flags: state.flags,
                group: group,
                bodyBytes: state.bodyBytes
            )
            return append(header) { state.write(to: buffer, at: $0) }
        }
    }

    private func append(_ header: RecordHeader, body: (Int) -> Void) -> EntryLocation {
        let bytes = RecordHeader.bytes + header.bodyBytes
        precondition(bytes <= room, "the caller makes room first")
        let place = LogPosition(
            generation: position.generation,
            offset: position.offset + UInt64(count)
        )
        body(count + RecordHeader.bytes)
        header.write(to: buffer, at: count, position: place)
        count += bytes
        records += 1
        return EntryLocation(
            generation: UInt32(place.generation),
            offset: UInt32(place.offset),
            bytes: UInt32(bytes)
        )
    }

    /// The finished batch. Can be asked again if writing it was refused.
    func sealed() -> UnsafeRawBufferPointer {
        let bytes = LogFormat.aligned(count)
        buffer.clear(count, bytes - count)
        let header = BatchHeader(bytes: bytes, records: records, durableBefore: position.offset)
        header.write(to: buffer, position: position)
        return buffer.slice(0, bytes)
    }

    /// The record at `location` if it still stands here.
    func bytes(at location: EntryLocation) -> UnsafeRawBufferPointer? {
        guard !isEmpty, UInt64(location.generation) == position.generation,
            UInt64(location.offset) >= position.offset
        else { return nil }
        return buffer.slice(Int(UInt64(location.offset) - position.offset), Int(location.bytes))
    }

    func clear() {
        records = 0
        count = LogFormat.batchHeaderBytes
    }
}
