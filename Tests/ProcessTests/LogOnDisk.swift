import ClusterPrimitives
import Foundation

/// A replication log's files, read by hand as `Protocol/log.md` describes them.
struct LogOnDisk {
    let folder: String

    init(dataDirectory: String) { folder = dataDirectory + "/log" }

    /// Everything before it is durable, and was perhaps acknowledged.
    struct Mark: Equatable {
        let generation: UInt64
        let offset: Int
    }

    static func segmentName(_ generation: UInt64) -> String {
        let digits = String(generation)
        return String(repeating: "0", count: 20 - digits.count) + digits + ".log"
    }

    func path(_ name: String) -> String { folder + "/" + name }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path(name))))
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(filePath: path(name)))
    }

    /// The mark in the slot that was written last.
    func mark() throws -> Mark {
        let bytes = try bytes("log.meta")
        func number(_ offset: Int) -> UInt64 {
            bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let slot = number(16) > number(4_096 + 16) ? 0 : 4_096
        return Mark(generation: number(slot + 32), offset: Int(number(slot + 40)))
    }

    /// The segment that is written to.
    func lastSegment() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return names.filter { $0.hasSuffix(".log") }.max() ?? ""
    }

    /// Where each batch of a piece of a segment ends, counted from the piece's start.
    static func batchEnds(_ bytes: [UInt8]) -> [Int] {
        var ends: [Int] = []
        var offset = 0
        while offset + 32 <= bytes.count {
            let length = bytes[offset + 8..<offset + 12].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length > 0 else { break }
            offset += length
            ends.append(offset)
        }
        return ends
    }

    /// Where the batches of a segment end. Not where its zeros begin: a batch may end with zeros.
    static func end(of segment: [UInt8]) -> Int {
        let first = 4_096
        return first + (batchEnds(Array(segment[first...])).last ?? 0)
    }
}

/// Copies a data directory, so that each start has one of its own.
func copyDirectory(_ from: String, _ to: String) throws {
    if FileManager.default.fileExists(atPath: to) { try FileManager.default.removeItem(atPath: to) }
    try FileManager.default.copyItem(atPath: from, toPath: to)
}
