import ClusterPrimitives
import RaftCore

/// Reads segments in order and rebuilds the groups.
struct SegmentScan {
    private(set) var groups: [GroupID: GroupIndex] = [:]
    private(set) var batches = 0
    private(set) var bytes: UInt64 = 0
    /// The log's first segments have retired: groups may start in the middle.
    private let isProvisional: Bool
    private var image = RawBuffer(count: LogFormat.segmentHeaderBytes)

    init(firstGeneration: UInt64) {
        isProvisional = firstGeneration > 1
    }

    /// Reads a segment that has a successor: all of it up to `end` was durable.
    mutating func readClosed(_ segment: Segment, end: UInt64) throws(LogError) {
        try load(segment)
        guard end <= segment.header.segmentBytes else {
            throw .corrupted(
                file: segment.path,
                offset: 0,
                reason: "its successor ends it at \(end)"
            )
        }
        try readBatches(segment, limit: Int(end))
        guard segment.end == end else {
            throw corruption(segment, "no whole batch here; the segment reaches \(end)")
        }
    }

    /// Reads the last segment. What is not whole at its end is a torn tail, unless the mark or a
    /// later batch says that it was durable.
    mutating func readLast(
        _ segment: Segment,
        mark: LogPosition
    ) throws(LogError) -> RecoveryReport.TornTail? {
        try load(segment)
        try readBatches(segment, limit: Int(segment.header.segmentBytes))
        if mark.generation == segment.generation, mark.offset > segment.end {
            throw corruption(segment, "no whole batch here; the mark stands at \(mark.offset)")
        }
        if let witness = findWitness(segment) {
            throw corruption(
                segment,
                "no whole batch here; the batch at \(witness) names it durable"
            )
        }
        return try wipeTail(segment)
    }

    private func corruption(_ segment: Segment, _ reason: String) -> LogError {
        .corrupted(file: segment.path, offset: segment.end, reason: reason)
    }

    private mutating func load(_ segment: Segment) throws(LogError) {
        let size = Int(segment.header.segmentBytes)
        if image.count != size { image = RawBuffer(count: size) }
        let count = try segment.file.read(into: image.bytes, at: 0)
        guard count == size else {
            throw .corrupted(file: segment.path, offset: UInt64(count), reason: "the file is cut")
        }
    }

    /// Applies whole batches from `segment.end` on, and moves it behind the last.
    private mutating func readBatches(_ segment: Segment, limit: Int) throws(LogError) {
        let all = image.slice(0, limit)
        let bytesMax = Int(segment.header.batchBytesMax)
        while let batch = BatchHeader(
            all,
            at: Int(segment.end),
            generation: segment.generation,
            bytesMax: bytesMax
        ) {
            try readRecords(segment, batch)
            segment.end += UInt64(batch.bytes)
            batches += 1
            bytes += UInt64(batch.bytes)
        }
    }

    private mutating func readRecords(_ segment: Segment, _ batch: BatchHeader) throws(LogError) {
        let start = Int(segment.end)
        var offset = start + LogFormat.batchHeaderBytes
        for _ in 0..<batch.records {
            let rest = image.slice(offset, start + batch.bytes - offset)
            guard let header = RecordHeader(rest), let record = LogRecord(header, rest) else {
                throw .corrupted(
                    file: segment.path,
                    offset: UInt64(offset),
                    reason: "not a record, in a batch with a right checksum"
                )
            }
            let location = EntryLocation(
                generation: UInt32(segment.generation),
                offset: UInt32(offset),
                bytes: UInt32(RecordHeader.bytes + header.bodyBytes)
            )
            try apply(record, header.group, location, segment)
            offset += Int(location.bytes)
        }
        guard start + batch.bytes - offset < LogFormat.alignment else {
            throw .corrupted(
                file: segment.path,
                offset: UInt64(offset),
                reason: "a batch is longer than its records"
            )
        }
    }

    private mutating func apply(
        _ record: LogRecord,
        _ group: GroupID,
        _ location: EntryLocation,
        _ segment: Segment
    ) throws(LogError) {
        if record == .removal {
            groups[group] = nil
            return
        }
        let index = groups[group] ?? GroupIndex(group: group, isProvisional: isProvisional)
        if let objection = index.objection(to: record) {
            throw .corrupted(
                file: segment.path,
                offset: UInt64(location.offset),
                reason: "\(group): \(objection)"
            )
        }
        index.apply(record, at: location)
        groups[group] = index
    }

    /// The offset of a later whole batch that says that the log was durable beyond where it now
    /// ends.
    private func findWitness(_ segment: Segment) -> Int? {
        let all = image.slice(0, image.count)
        let bytesMax = Int(segment.header.batchBytesMax)
        var offset = Int(segment.end)
        while offset + LogFormat.batchHeaderBytes <= all.count {
            if all.word32(at: offset + 4) == LogFormat.batchMagic,
                let batch = BatchHeader(
                    all,
                    at: offset,
                    generation: segment.generation,
                    bytesMax: bytesMax
                ), batch.durableBefore > segment.end
            {
                return offset
            }
            offset += LogFormat.alignment
        }
        return nil
    }

    /// Overwrites what an unfinished batch may have left, so that none of it can ever join what is
    /// written there next. At most one batch is ever unfinished.
    private func wipeTail(_ segment: Segment) throws(LogError) -> RecoveryReport.TornTail? {
        let end = Int(segment.end)
        let window = min(Int(segment.header.batchBytesMax), image.count - end)
        let used = image.slice(end, window).lastUsed
        guard used > 0 else { return nil }
        let all = image.slice(0, image.count)
        let isClaimed = BatchHeader.claims(all, at: end, generation: segment.generation)
        let claimed = isClaimed ? min(Int(all.word32(at: end + 8)), window) : 0
        image.clear(end, window)
        try segment.file.write(image.slice(end, window), at: segment.end)
        guard isClaimed || !segment.header.isReused else { return nil }
        return RecoveryReport.TornTail(
            file: segment.path,
            offset: segment.end,
            bytes: UInt64(segment.header.isReused ? claimed : used)
        )
    }

    /// The groups, if each is whole.
    func settled(directory: String) throws(LogError) -> [GroupID: GroupIndex] {
        for index in groups.values.sorted(by: { $0.group < $1.group }) {
            if let reason = index.settle() {
                throw .corrupted(file: directory, offset: 0, reason: reason)
            }
        }
        return groups
    }
}
