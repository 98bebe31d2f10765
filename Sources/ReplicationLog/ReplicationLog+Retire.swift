import ClusterPrimitives
import RaftCore

extension ReplicationLog {
    /// The groups that hold the oldest segment back while there are `segmentsWanted` or more, with
    /// the bytes of their entries: the caller should snapshot or checkpoint and compact them.
    public func compactionWanted() -> [(group: GroupID, entryBytes: UInt64)] {
        guard segments.count >= configuration.segmentsWanted, let oldest = segments.first else {
            return []
        }
        return holders(of: oldest).map { (group: $0.group, entryBytes: $0.entries.bytes) }
    }

    private func holders(of segment: Segment) -> [GroupIndex] {
        groups.values
            .filter { ($0.oldestGeneration ?? .max) <= segment.generation }
            .sorted { $0.group < $1.group }
    }

    /// Lets the oldest segment go if nothing live stands in it, or so little that it is moved
    /// forward.
    ///
    /// Order: moved records durable, then metadata that names the next segment as the first, then
    /// the file is free. A crash between leaves records twice, never not at all.
    func retireOldest() throws(LogError) {
        guard retirementIsDue, segments.count > 1, let oldest = segments.first else { return }
        #if CASECLUSTER_FAULTS
        let holders = DeliberateFault.retiresWithoutMoving.isOn ? [] : holders(of: oldest)
        #else
        let holders = holders(of: oldest)
        #endif
        guard holders.isEmpty || canMove(holders, from: oldest) else {
            retirementIsDue = false
            return
        }
        observe(.retire, .begin)
        for index in holders { try move(index, from: oldest) }
        try commitBatch()
        assert(self.holders(of: oldest).isEmpty)
        try checkpoint(firstGeneration: oldest.generation + 1)
        segments.removeFirst()
        oldest.file.close()
        try free.give(back: oldest.name, bytes: oldest.header.segmentBytes)
        observe(.retire, .end)
    }

    private func entriesMove(_ index: GroupIndex, from segment: Segment) -> Bool {
        guard let first = index.entries.firstLocation else { return false }
        return UInt64(first.generation) <= segment.generation
    }

    private func movedBytes(_ index: GroupIndex, from segment: Segment) -> Int {
        RecordHeader.bytes + index.state(resets: false).bodyBytes
            + (entriesMove(index, from: segment) ? Int(index.entries.bytes) : 0)
    }

    private func canMove(_ holders: [GroupIndex], from segment: Segment) -> Bool {
        guard segments.count >= configuration.moveSegmentsMin else { return false }
        var total = 0
        for index in holders {
            let bytes = movedBytes(index, from: segment)
            total += bytes
            guard total <= configuration.moveBytesMax, bytes <= batch.capacity else { return false }
            if entriesMove(index, from: segment) {
                guard index.entries.bytes <= UInt64(configuration.moveGroupBytesMax) else {
                    return false
                }
            }
        }
        return true
    }

    /// Writes a group's state again, and all its entries if the first of them stand in `segment`.
    /// In one batch: half of it would be a group without its end.
    private func move(_ index: GroupIndex, from segment: Segment) throws(LogError) {
        let resets = entriesMove(index, from: segment)
        let entries =
            resets ? try load(index, from: index.entries.first, through: index.lastIndex) : []
        let bytes = movedBytes(index, from: segment)
        if !batch.isEmpty, bytes > batch.room { try commitBatch() }
        try openBatch(takesReserve: true)
        let record = LogRecord.state(index.state(resets: resets))
        index.apply(record, at: batch.append(record, group: index.group))
        for entry in entries {
            let location = batch.append(entry, group: index.group)
            index.apply(.entry(term: entry.term, index: entry.index), at: location)
        }
    }
}
