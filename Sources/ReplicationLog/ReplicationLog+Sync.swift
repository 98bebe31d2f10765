import ClusterPrimitives
@_spi(StableStorage) import RaftCore

extension ReplicationLog {
    /// Makes everything that was appended durable, and proves it.
    ///
    /// One write and one fdatasync. Now and then it also prepares the next segment, in steps, and
    /// lets the oldest go.
    ///
    /// - Returns: One receipt for each group that was written to since the last call, by group.
    /// - Throws: `.diskFull` if the file system had no room even for a reserved place (call again
    ///   when it has; nothing is lost); any other error stops the log: stop the node.
    public func sync() throws(LogError) -> [StorageReceipt] {
        try writing { () throws(LogError) in
            let bytes = batch.isEmpty ? 0 : batch.count
            if bytes > 0 { try commitBatch() }
            let receipts = takeReceipts()
            if bytes > 0 { try tidy(after: bytes) }
            return receipts
        }
    }

    /// Syncs, then writes and syncs where the durable end is. Call it when the log goes idle:
    /// damage below a mark is known for corruption, whereas the last batch after it may pass for a
    /// torn tail.
    ///
    /// - Returns: As `sync`.
    public func mark() throws(LogError) -> [StorageReceipt] {
        let receipts = try sync()
        try writing { () throws(LogError) in
            if metadata.current.mark != durableEnd {
                try checkpoint(firstGeneration: metadata.current.firstGeneration)
            }
        }
        return receipts
    }

    private func takeReceipts() -> [StorageReceipt] {
        var receipts: [StorageReceipt] = []
        for index in touched {
            index.isTouched = false
            guard groups[index.group] === index else { continue }
            receipts.append(
                StorageReceipt(group: index.group, last: index.last, term: index.hardState.term)
            )
        }
        touched.removeAll(keepingCapacity: true)
        receipts.sort { $0.group < $1.group }
        return receipts
    }

    /// Writes and syncs the open batch.
    func commitBatch() throws(LogError) {
        guard !batch.isEmpty else { return }
        let bytes = batch.sealed()
        precondition(batch.position == durableEnd && UInt64(bytes.count) <= current.room)
        observe(.write, .begin)
        try current.file.write(bytes, at: current.end)
        observe(.write, .end)
        observe(.sync, .begin)
        try makeDurable(bytes.count)
        observe(.sync, .end)
        current.end += UInt64(bytes.count)
        batch.clear()
    }

    private func makeDurable(_ bytes: Int) throws(LogError) {
        #if CASECLUSTER_FAULTS
        if DeliberateFault.skipsLogSync.isOn { return }
        if DeliberateFault.skipsVoteSync.isOn, bytes <= 128 { return }
        #endif
        try current.file.synchronize()
    }

    func checkpoint(firstGeneration: UInt64) throws(LogError) {
        observe(.checkpoint, .begin)
        try metadata.write(firstGeneration: firstGeneration, mark: durableEnd)
        observe(.checkpoint, .end)
    }

    /// Opens the next segment. All batches before are durable.
    func roll(takesReserve: Bool) throws(LogError) {
        precondition(batch.isEmpty)
        observe(.roll, .begin)
        let header = SegmentHeader(
            generation: current.generation + 1,
            segmentBytes: UInt64(configuration.segmentBytes),
            previousEnd: current.end,
            batchBytesMax: UInt64(configuration.batchBytesMax),
            isReused: false,
            identity: identity
        )
        current = try createSegment(header, from: takeFree(takesReserve: takesReserve))
        segments.append(current)
        try checkpoint(firstGeneration: metadata.current.firstGeneration)
        retirementIsDue = true
        observe(.roll, .end)
    }

    private func takeFree(takesReserve: Bool) throws(LogError) -> FreeFiles.File {
        try free.fill(to: takesReserve ? 1 : configuration.reserveSegments + 1)
        guard let file = free.take() else { throw .diskFull(file: directory) }
        return file
    }

    private func createSegment(
        _ header: SegmentHeader,
        from file: FreeFiles.File
    ) throws(LogError) -> Segment {
        precondition(header.generation < UInt64(UInt32.max))
        var header = header
        header.isReused = file.isReused
        return try Segment.create(
            from: file,
            header: header,
            in: directory,
            fileSystem: fileSystem,
            scratch: scratch
        )
    }

    /// What can wait until the receipts are earned. A full disk is no error here: it shows when it
    /// matters.
    private func tidy(after bytes: Int) throws(LogError) {
        do {
            try retireOldest()
            // Twice what was written, in the second half of a segment: the next one is ready in
            // time.
            guard current.room < current.header.segmentBytes / 2 else { return }
            for _ in 0...(2 * bytes / FreeFiles.stepBytes)
            where free.files.count < free.wanted {
                try free.step()
            }
        } catch {
            guard case .diskFull = error else { throw error }
        }
    }
}
