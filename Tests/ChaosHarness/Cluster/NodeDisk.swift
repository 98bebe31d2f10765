import Foundation
import ProcessSupport

/// What one node's disk is told to do, through `Tests/Interposer/disk.c`.
final class NodeDisk: Sendable {
    struct Condition: Hashable, Sendable {
        var isFull = false
        var failsSyncs = false
        var syncDelayMilliseconds = 0

        /// As the interposer reads it.
        var bytes: [UInt8] {
            let mode = isFull ? UInt8(ascii: "f") : failsSyncs ? UInt8(ascii: "e") : 0
            let late = UInt32(clamping: syncDelayMilliseconds)
            return [mode, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: late >> ($0 * 8)) }
        }
    }

    let path: String

    init(path: String) throws {
        self.path = path
        try Data(Condition().bytes).write(to: URL(filePath: path))
    }

    /// Whether a sync has failed since the last condition was set.
    var hasFailedSync: Bool {
        get throws {
            let bytes = try Data(contentsOf: URL(filePath: path))
            return bytes.count > 1 && bytes[1] != 0
        }
    }

    /// In place: nodes have the file mapped.
    func set(_ condition: Condition) throws {
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.write(contentsOf: Data(condition.bytes))
        try file.close()
    }
}
