import ClusterPrimitives
import RaftCore

extension ReplicationLog {
    /// The groups that the log knows, by id.
    public var groupIDs: [GroupID] { groups.keys.sorted() }

    /// The first index held, or that would be; 1 for a group that the log does not know.
    public func firstIndex(_ group: GroupID) -> LogIndex {
        groups[group]?.base.index.next ?? LogIndex(1)
    }

    /// The last index appended, durable or not; 0 for a group that the log does not know.
    public func lastIndex(_ group: GroupID) -> LogIndex {
        LogIndex(groups[group]?.lastIndex ?? 0)
    }

    /// The term of an entry held, or of the one before the first; nil for any other.
    public func term(_ group: GroupID, at index: LogIndex) -> Term? {
        guard let held = groups[group] else { return index == .zero ? .zero : nil }
        return held.term(at: index.rawValue)
    }

    /// Bytes of a group's entries, headers included: what compaction could give back.
    public func entryBytes(_ group: GroupID) -> UInt64 { groups[group]?.entries.bytes ?? 0 }

    /// Reads entries, appended or durable.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - from: The first one, held by the log.
    ///   - through: The last one, held by the log; below `from` for none.
    ///   - bytesMax: Payload bytes to stop before; the first entry comes whatever its size.
    /// - Returns: At least one entry of a range that is not empty.
    /// - Throws: `.unavailable` (compacted: send a snapshot); `.corrupted` if an entry's checksum
    ///   is wrong.
    public func entries(
        _ group: GroupID,
        from: LogIndex,
        through: LogIndex,
        bytesMax: Int
    ) throws(LogError) -> [Entry] {
        guard from <= through else { return [] }
        guard let index = groups[group], from.rawValue >= index.entries.first,
            through.rawValue <= index.lastIndex
        else {
            throw .unavailable(
                group: group,
                index: from >= firstIndex(group) ? through : from,
                first: firstIndex(group),
                last: lastIndex(group)
            )
        }
        var end = from.rawValue
        var bytes = 0
        while end < through.rawValue {
            bytes += payloadBytes(index, end)
            guard bytes + payloadBytes(index, end + 1) <= bytesMax else { break }
            end += 1
        }
        return try load(index, from: from.rawValue, through: end)
    }

    private func payloadBytes(_ index: GroupIndex, _ entry: UInt64) -> Int {
        let overhead = RecordHeader.bytes + LogFormat.entryFixedBytes
        return Int(index.entries.location(of: entry)?.bytes ?? 0) - overhead
    }

    /// Reads entries that are known to be held, neighbours in one read.
    func load(_ index: GroupIndex, from: UInt64, through: UInt64) throws(LogError) -> [Entry] {
        var found: [Entry] = []
        var next = from
        while next <= through, let location = index.entries.location(of: next) {
            if let bytes = batch.bytes(at: location) {
                found.append(try decode(bytes, index, next, location))
                next += 1
                continue
            }
            let last = lastOfRun(index, from: next, through: through)
            let end = index.entries.location(of: last)?.end ?? location.end
            let buffer = try read(location, bytes: Int(end - location.offset))
            while next <= last, let place = index.entries.location(of: next) {
                let bytes = buffer.slice(Int(place.offset - location.offset), Int(place.bytes))
                found.append(try decode(bytes, index, next, place))
                next += 1
            }
        }
        return found
    }

    /// The last entry that one read reaches, together with the first.
    private func lastOfRun(_ index: GroupIndex, from: UInt64, through: UInt64) -> UInt64 {
        guard let start = index.entries.location(of: from) else { return from }
        var last = from
        while last < through, let next = index.entries.location(of: last + 1),
            next.generation == start.generation, next.offset > start.offset,
            Int(next.end - start.offset) <= Self.readBytesMax, batch.bytes(at: next) == nil
        {
            last += 1
        }
        return last
    }

    private func read(_ location: EntryLocation, bytes: Int) throws(LogError) -> RawBuffer {
        guard let first = segments.first, UInt64(location.generation) >= first.generation else {
            preconditionFailure("an entry stands in a retired segment")
        }
        let segment = segments[Int(UInt64(location.generation) - first.generation)]
        let buffer = bytes <= Self.readBytesMax ? readBuffer : RawBuffer(count: bytes)
        let count = try segment.file.read(into: buffer.room(0, bytes), at: UInt64(location.offset))
        guard count == bytes else {
            throw .corrupted(
                file: segment.path,
                offset: UInt64(location.offset) + UInt64(count),
                reason: "the file is cut"
            )
        }
        return buffer
    }

    private func decode(
        _ bytes: UnsafeRawBufferPointer,
        _ index: GroupIndex,
        _ entry: UInt64,
        _ location: EntryLocation
    ) throws(LogError) -> Entry {
        guard let header = RecordHeader(bytes), header.kind == .entry, header.group == index.group,
            RecordHeader.bytes + header.bodyBytes == bytes.count,
            header.bodyBytes >= LogFormat.entryFixedBytes,
            header.checks(bytes, position: location.position),
            let kind = EntryKind(rawValue: header.flags)
        else {
            throw .corrupted(
                file: "\(directory)/\(Segment.name(of: UInt64(location.generation)))",
                offset: UInt64(location.offset),
                reason: "entry \(entry) of \(index.group) does not check"
            )
        }
        let body = bytes.part(RecordHeader.bytes, header.bodyBytes)
        let term = Term(body.word64(at: 0))
        assert(index.term(at: entry) == term && body.word64(at: 8) == entry)
        let payload = body.part(
            LogFormat.entryFixedBytes,
            body.count - LogFormat.entryFixedBytes
        )
        return Entry(term: term, index: LogIndex(entry), kind: kind, payload: Array(payload))
    }
}
