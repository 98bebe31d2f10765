import ClusterPrimitives
import RaftCore

extension ReplicationLog {
    /// Puts records into the open batch. Nothing is durable, and nothing may be said about it,
    /// before `sync` has returned.
    ///
    /// The writes of one call become durable together if they fit in a batch; a larger call becomes
    /// durable in order, batch by batch (`sync` still returns the receipts).
    ///
    /// - Throws: `.diskFull` and `.recordTooLarge` before anything was taken; `.invalidWrite` for a
    ///   caller's bug; what a write or sync throws when the open batch was full.
    public func append(_ writes: [LogWrite]) throws(LogError) {
        try writing { () throws(LogError) in
            try admit(writes)
            observe(.append, .begin)
            for write in writes { try put(write) }
            observe(.append, .end)
        }
    }

    /// Refuses, before anything is taken, what would fail half way.
    private func admit(_ writes: [LogWrite]) throws(LogError) {
        var bytes = 0
        var hasEntries = false
        for write in writes {
            switch write {
            case .entries(let group, let entries):
                hasEntries = hasEntries || !entries.isEmpty
                for entry in entries {
                    try requireSize(entry.payload.count, group)
                    bytes += Self.recordBytes(of: entry)
                }
            case .configuration(let group, let data):
                try requireSize(data.count, group)
                bytes += RecordHeader.bytes + data.count
            case .hardState, .snapshot, .compact, .removeGroup:
                bytes += LogFormat.recordBytesOverheadMax
            }
        }
        // The reserve must be whole before entries are taken; making it so finds out about space.
        if hasEntries { try free.fill(to: configuration.reserveSegments) }
        if !batch.isEmpty, bytes > batch.room, bytes <= batch.capacity { try commitBatch() }
        if bytes > 0 { try openBatch(takesReserve: !hasEntries) }
    }

    private func requireSize(_ bytes: Int, _ group: GroupID) throws(LogError) {
        guard bytes <= configuration.recordBytesMax else {
            throw .recordTooLarge(group: group, bytes: bytes, max: configuration.recordBytesMax)
        }
    }

    static func recordBytes(of entry: Entry) -> Int {
        RecordHeader.bytes + LogFormat.entryFixedBytes + entry.payload.count
    }

    /// Makes sure that a batch is open, in a segment that holds it whatever its size becomes.
    func openBatch(takesReserve: Bool) throws(LogError) {
        guard batch.isEmpty else { return }
        if current.room < UInt64(configuration.batchBytesMax)
            || current.header.batchBytesMax < UInt64(configuration.batchBytesMax)
        {
            try roll(takesReserve: takesReserve)
        }
        batch.begin(at: durableEnd)
    }

    private func put(_ write: LogWrite) throws(LogError) {
        switch write {
        case .entries(let group, let entries):
            guard !entries.isEmpty else { return }
            let index = index(of: group)
            for entry in entries { try put(entry, index) }
        case .hardState(let group, let given):
            #if CASECLUSTER_FAULTS
            var state = given
            if DeliberateFault.dropsVoteFromLog.isOn { state.vote = .none }
            #else
            let state = given
            #endif
            try put(.hardState(state), index(of: group))
        case .configuration(let group, let bytes):
            try put(.configuration(bytes), index(of: group))
        case .snapshot(let group, let id):
            let index = index(of: group)
            let keepsSuffix = index.term(at: id.index.rawValue) == id.term
            observe(.compact, .begin)
            try put(.snapshot(id, keepsSuffix: keepsSuffix), index)
            observe(.compact, .end)
            retirementIsDue = true
        case .compact(let group, let through):
            try compact(group, through: through)
        case .removeGroup(let group):
            guard groups[group] != nil else { return }
            try makeRoom(LogFormat.recordBytesOverheadMax)
            _ = batch.append(.removal, group: group)
            groups[group] = nil
            retirementIsDue = true
        }
    }

    private func compact(_ group: GroupID, through: LogIndex) throws(LogError) {
        let index = index(of: group)
        guard through > index.base.index else { return }
        guard let term = index.term(at: through.rawValue) else {
            throw .invalidWrite(
                group: group,
                reason: "compaction \(through) passes the last entry \(index.lastIndex)"
            )
        }
        observe(.compact, .begin)
        try put(.compaction(SnapshotID(index: through, term: term)), index)
        observe(.compact, .end)
        retirementIsDue = true
    }

    private func index(of group: GroupID) -> GroupIndex {
        groups[group] ?? GroupIndex(group: group, isProvisional: false)
    }

    private func put(_ entry: Entry, _ index: GroupIndex) throws(LogError) {
        let record = LogRecord.entry(term: entry.term, index: entry.index)
        try require(record, index)
        try makeRoom(Self.recordBytes(of: entry))
        let replaces = entry.index.rawValue <= index.lastIndex
        if replaces { observe(.truncate, .begin) }
        index.apply(record, at: batch.append(entry, group: index.group))
        touch(index)
        if replaces { observe(.truncate, .end) }
    }

    private func put(_ record: LogRecord, _ index: GroupIndex) throws(LogError) {
        try require(record, index)
        var bytes = LogFormat.recordBytesOverheadMax
        if case .configuration(let data) = record { bytes += data.count }
        try makeRoom(bytes)
        index.apply(record, at: batch.append(record, group: index.group))
        touch(index)
    }

    private func require(_ record: LogRecord, _ index: GroupIndex) throws(LogError) {
        if let objection = index.objection(to: record) {
            throw .invalidWrite(group: index.group, reason: objection)
        }
    }

    /// Makes room for a record: a full batch becomes durable on the way.
    private func makeRoom(_ bytes: Int) throws(LogError) {
        if !batch.isEmpty, bytes > batch.room { try commitBatch() }
        // The reserve: a call that was admitted is carried to its end.
        try openBatch(takesReserve: true)
    }

    private func touch(_ index: GroupIndex) {
        guard !index.isTouched else { return }
        index.isTouched = true
        touched.append(index)
        groups[index.group] = index
    }
}
