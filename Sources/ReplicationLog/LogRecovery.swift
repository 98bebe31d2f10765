import ClusterPrimitives

/// Opens a log's directory: makes it, or finds again what was durable and refuses if any of it is
/// gone.
///
/// Order of the first start: metadata with generation 0 as its mark, the first segment, metadata
/// twice with the segment as its mark, so that neither slot alone can make the log look new again.
struct LogRecovery {
    let fileSystem: any LogFileSystem
    let directory: String
    let configuration: LogConfiguration
    let identity: LogIdentity
    let observer: LogPhaseObserver?
    private let scratch = RawBuffer(count: LogFormat.segmentHeaderBytes)
    private static let lockName = "log.lock"
    private static let unfinishedSuffix = ".new"

    /// The open parts of a log.
    struct Parts {
        var lock: any LogFile
        var metadata: MetadataFile
        var segments: [Segment]
        var free: FreeFiles
        var groups: [GroupID: GroupIndex]
        var report: RecoveryReport
    }

    init(
        fileSystem: any LogFileSystem,
        directory: String,
        configuration: LogConfiguration,
        identity: LogIdentity,
        observer: LogPhaseObserver?
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.configuration = configuration
        self.identity = identity
        self.observer = observer
    }

    func run(_ opening: LogOpening) throws(LogError) -> Parts {
        switch opening {
        case .createIfMissing: try fileSystem.makeDirectory(directory)
        case .existing:
            let names = try fileSystem.list(directory)
            guard names.contains(where: Self.isOfALog) else { throw .missing(directory: directory) }
        }
        let lock = try fileSystem.lock("\(directory)/\(Self.lockName)")
        let names = try fileSystem.list(directory)
        for name in names where name.hasSuffix(Self.unfinishedSuffix) {
            try fileSystem.remove("\(directory)/\(name)")
        }
        let metadata = try openMetadata(names)
        let free = FreeFiles(
            fileSystem: fileSystem,
            directory: directory,
            configuration: configuration
        )
        try free.adopt(names)
        let isNew = metadata.current.mark.generation == 0
        let segments = try openSegments(names, metadata.current, free)
        var parts = Parts(
            lock: lock,
            metadata: metadata,
            segments: segments,
            free: free,
            groups: [:],
            report: RecoveryReport(isNew: isNew, segments: segments.count)
        )
        try scan(&parts)
        try settle(&parts, isNew: isNew)
        return parts
    }

    private static func isOfALog(_ name: String) -> Bool {
        name == MetadataFile.name || Segment.generation(of: name) != nil
    }

    private func openMetadata(_ names: [String]) throws(LogError) -> MetadataFile {
        if names.contains(MetadataFile.name) {
            return try MetadataFile.open(
                in: directory,
                fileSystem: fileSystem,
                identity: identity
            )
        }
        guard !names.contains(where: Self.isOfALog) else {
            throw .corrupted(
                file: "\(directory)/\(MetadataFile.name)",
                offset: 0,
                reason: "missing beside segments"
            )
        }
        return try MetadataFile.create(in: directory, fileSystem: fileSystem, identity: identity)
    }

    /// Opens the live segments without a gap, and gives back the files of retired ones.
    private func openSegments(
        _ names: [String],
        _ metadata: Metadata,
        _ free: FreeFiles
    ) throws(LogError) -> [Segment] {
        var generations: [UInt64] = []
        for generation in names.compactMap(Segment.generation(of:)).sorted() {
            if generation < metadata.firstGeneration {
                // Its retirement was durable, the removal of its name was not.
                try fileSystem.remove("\(directory)/\(Segment.name(of: generation))")
            } else {
                generations.append(generation)
            }
        }
        if generations.isEmpty, metadata.mark.generation == 0 {
            try free.fill(to: 1)
            return [try create(generation: 1, previousEnd: 0, from: free.take())]
        }
        let last = max(generations.last ?? 0, metadata.mark.generation)
        var segments: [Segment] = []
        for (position, generation) in (metadata.firstGeneration...last).enumerated() {
            guard position < generations.count, generations[position] == generation else {
                throw .corrupted(
                    file: "\(directory)/\(Segment.name(of: generation))",
                    offset: 0,
                    reason: "the segment is missing"
                )
            }
            let segment = try Segment.open(
                generation: generation,
                in: directory,
                fileSystem: fileSystem,
                identity: identity,
                scratch: scratch
            )
            segments.append(segment)
        }
        return segments
    }

    private func create(
        generation: UInt64,
        previousEnd: UInt64,
        from free: FreeFiles.File?
    ) throws(LogError) -> Segment {
        guard let free else { throw .diskFull(file: directory) }
        let header = SegmentHeader(
            generation: generation,
            segmentBytes: UInt64(configuration.segmentBytes),
            previousEnd: previousEnd,
            batchBytesMax: UInt64(configuration.batchBytesMax),
            isReused: free.isReused,
            identity: identity
        )
        return try Segment.create(
            from: free,
            header: header,
            in: directory,
            fileSystem: fileSystem,
            scratch: scratch
        )
    }

    private func scan(_ parts: inout Parts) throws(LogError) {
        let mark = parts.metadata.current.mark
        var scan = SegmentScan(firstGeneration: parts.metadata.current.firstGeneration)
        for (segment, next) in zip(parts.segments, parts.segments.dropFirst()) {
            try scan.readClosed(segment, end: next.header.previousEnd)
        }
        if let last = parts.segments.last {
            parts.report.tornTail = try scan.readLast(last, mark: mark)
        }
        parts.groups = try scan.settled(directory: directory)
        parts.report.batches = scan.batches
        parts.report.bytes = scan.bytes
    }

    /// Makes durable what was found: after a crash of the process alone it may stand in the page
    /// cache only, and from here on it counts as acknowledged.
    private func settle(_ parts: inout Parts, isNew: Bool) throws(LogError) {
        guard let last = parts.segments.last else { return }
        if parts.report.tornTail != nil { observer?(.tailCut, .begin) }
        try last.file.synchronize()
        try fileSystem.synchronizeDirectory(directory)
        if parts.report.tornTail != nil { observer?(.tailCut, .end) }
        let mark = LogPosition(generation: last.generation, offset: last.end)
        for _ in 0..<(isNew ? 2 : 1) {
            try parts.metadata.write(
                firstGeneration: parts.metadata.current.firstGeneration,
                mark: mark
            )
        }
        do {
            try parts.free.fill(to: configuration.reserveSegments)
        } catch {
            // A full disk does not keep a node down: it can read, vote and compact.
            guard case .diskFull = error else { throw error }
        }
    }
}
