import ClusterPrimitives

/// Segment files that hold nothing: retired ones, and new ones filled with zeros.
///
/// Writing into them needs neither space nor metadata, so a batch's sync is one flush of data. They
/// are also the reserve: the last `reserveSegments` of them are not for entries.
///
/// Rejected: reserving space without writing zeros; the first sync of each fresh extent would then
/// go through the file system's journal.
final class FreeFiles {
    struct File: Equatable {
        var name: String
        /// Held an earlier generation.
        var isReused: Bool
    }

    /// Bytes of zeros that one step writes. 1 MiB: a fraction of a millisecond beside a sync.
    static let stepBytes = 1 << 20
    private static let prefix = "free-"
    private static let zeroedSuffix = ".zero"
    private static let reusedSuffix = ".used"

    private let fileSystem: any LogFileSystem
    private let directory: String
    private let segmentBytes: UInt64
    /// Files to have: the reserve, and one that is ready for the next roll.
    let wanted: Int
    /// Files to keep: one more, so that a segment that retires just after its successor's successor
    /// was made ready is used again all the same.
    private var keptMax: Int { wanted + 1 }
    private(set) var files: [File] = []
    private var nextNumber: UInt64 = 1
    private var building: (name: String, file: any LogFile, filled: UInt64)?
    private lazy var zeros = RawBuffer(count: Self.stepBytes)

    init(fileSystem: any LogFileSystem, directory: String, configuration: LogConfiguration) {
        self.fileSystem = fileSystem
        self.directory = directory
        segmentBytes = UInt64(configuration.segmentBytes)
        wanted = configuration.reserveSegments + 1
    }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    static func isFreeFile(_ name: String) -> Bool {
        number(of: name) != nil
    }

    private static func number(of name: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(zeroedSuffix) || name.hasSuffix(reusedSuffix)
        else { return nil }
        return UInt64(name.dropFirst(prefix.count).dropLast(zeroedSuffix.count))
    }

    /// Takes over what an earlier life left; removes what has another size.
    func adopt(_ names: [String]) throws(LogError) {
        for name in names.sorted() {
            guard let number = Self.number(of: name) else { continue }
            nextNumber = max(nextNumber, number + 1)
            let file = try fileSystem.open(path(name))
            let size = try file.size()
            file.close()
            if size == segmentBytes, files.count < keptMax {
                files.append(File(name: name, isReused: name.hasSuffix(Self.reusedSuffix)))
            } else {
                try fileSystem.remove(path(name))
            }
        }
    }

    /// Gives a retired segment's file back; removes it if enough are there.
    func give(back name: String, bytes: UInt64) throws(LogError) {
        guard bytes == segmentBytes, files.count < keptMax else {
            try fileSystem.remove(path(name))
            return
        }
        let free = "\(Self.prefix)\(nextNumber)\(Self.reusedSuffix)"
        nextNumber += 1
        try fileSystem.rename(path(name), to: path(free))
        files.append(File(name: free, isReused: true))
    }

    /// Takes the one that is ready longest.
    func take() -> File? { files.isEmpty ? nil : files.removeFirst() }

    /// Makes files until `count` are there.
    func fill(to count: Int) throws(LogError) {
        while files.count < count { try step() }
    }

    /// One step towards another file. `LogError.diskFull` if there is no space; nothing is left
    /// behind.
    func step() throws(LogError) {
        do {
            try advance()
        } catch {
            if let broken = building {
                building = nil
                broken.file.close()
                // Not after another error than a full disk: the log stops there, and starts by
                // cleaning.
                if case .diskFull = error { try fileSystem.remove(path(broken.name + ".new")) }
            }
            throw error
        }
    }

    private func advance() throws(LogError) {
        if building == nil {
            let name = "\(Self.prefix)\(nextNumber)\(Self.zeroedSuffix)"
            nextNumber += 1
            building = (name, try fileSystem.create(path(name + ".new")), 0)
            try building?.file.preallocate(bytes: segmentBytes)
        }
        guard let (name, file, filled) = building else { return }
        let count = min(UInt64(Self.stepBytes), segmentBytes - filled)
        try file.write(zeros.slice(0, Int(count)), at: filled)
        building?.filled += count
        guard filled + count == segmentBytes else { return }
        try file.synchronize()
        file.close()
        building = nil
        try fileSystem.rename(path(name + ".new"), to: path(name))
        files.append(File(name: name, isReused: false))
    }

    func close() {
        building?.file.close()
        building = nil
    }
}
