import ClusterPrimitives
import Foundation
import Glibc

/// Another date for nodes, by libfaketime: their wall clock begins at an instant, runs at the machine's rate and
/// jumps for all of them when it is told to. Their monotonic clock stays the machine's.
package final class FakeClock: Sendable {
    package struct NoLibrary: Error, CustomStringConvertible {
        package let description = "libfaketime is not installed (Debian: libfaketime)"
    }

    /// What the library shares between processes could not be made.
    package struct NotShared: Error, CustomStringConvertible {
        let name: String
        let code: Int32
        package var description: String {
            "libfaketime's semaphore \(name) could not be made: \(String(cString: strerror(code)))"
        }
    }

    private static let sharedMemory = "/dev/shm"
    private let directory: TemporaryDirectory
    private let library: String
    private let timers: Interposer.Library
    /// How far the nodes' clocks are ahead of the machine's, in milliseconds.
    private let shiftMilliseconds: Locked<Int64>
    private let starts = Locked(0)
    private let name = "casecluster-\(UUID().uuidString.prefix(8))"

    package init(startingAt instant: Timestamp) throws {
        library = try Self.library()
        timers = try Interposer.build("timers")
        directory = try TemporaryDirectory()
        shiftMilliseconds = Locked(0)
        try jump(to: instant)
    }

    deinit {
        // What nodes that were killed left.
        for number in 1...max(1, starts.withLock { $0 }) {
            for file in ["sem.\(name)-\(number)", "\(name)-\(number)"] {
                unlink("\(Self.sharedMemory)/\(file)")
            }
        }
    }

    /// What the nodes' clocks show.
    package var now: Timestamp {
        Self.machineTime() + TimeSpan(milliseconds: shiftMilliseconds.withLock { $0 })
    }

    /// All nodes' clocks jump at once, to the whole second at or after `instant`.
    package func jump(to instant: Timestamp) throws {
        let seconds = ((instant - Self.machineTime()).milliseconds + 999) / 1_000
        try shift(milliseconds: seconds * 1_000)
    }

    /// All nodes' clocks are so far ahead of the machine's from now on.
    package func shift(milliseconds: Int64) throws {
        shiftMilliseconds.withLock { $0 = milliseconds }
        let sign = milliseconds < 0 ? "-" : "+"
        let (seconds, rest) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1_000)
        let digits = String(rest + 1_000).dropFirst()
        // In one piece: a node reads it at any moment.
        try Data("\(sign)\(seconds).\(digits)\n".utf8).write(
            to: URL(filePath: path),
            options: .atomic
        )
    }

    /// What gives a node this clock: for one start.
    package func environment() throws -> [String: String] {
        let number = starts.withLock { starts in
            starts += 1
            return starts
        }
        try Self.share("\(name)-\(number)")
        return [
            "LD_PRELOAD": libraries,
            "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
            "FAKETIME_SHARED": "/\(name)-\(number) /\(name)-\(number)",
        ]
    }

    /// Makes the semaphore and the memory that the library keeps for a process and its children.
    ///
    /// Where they are not given, or not there, it makes some by itself, named after the process's number. It adds
    /// them to the environment, which moves that; and the Swift runtime, which finds a program's arguments
    /// beside it, finds none. And where a process of the same number was killed earlier, its semaphore is still
    /// there: the library gives up then, and the program with it.
    private static func share(_ name: String) throws {
        if let code = GNUExtension.makeSemaphore("/\(name)", value: 1) {
            throw NotShared(name: name, code: code)
        }
        // Two counters at zero, and moments of which none is known yet: as the library begins by itself.
        let words: [Int64] = [0, 0] + (0..<32).map { $0 % 2 == 0 ? 0 : -1 }
        let bytes = words.withUnsafeBytes { Data($0) }
        try bytes.write(to: URL(filePath: "\(sharedMemory)/\(name)"))
    }

    /// What has to be preloaded.
    package var libraries: String { "\(timers.path) \(library)" }

    private var path: String { directory.path + "/shift" }

    private static func machineTime() -> Timestamp {
        Timestamp(rawValue: Int64(Date().timeIntervalSince1970 * 1_000))
    }

    /// Debian keeps it in a folder of its own, by the machine's architecture.
    private static func library() throws -> String {
        let root = "/usr/lib"
        for folder in try FileManager.default.contentsOfDirectory(atPath: root) {
            let path = "\(root)/\(folder)/faketime/libfaketimeMT.so.1"
            if FileManager.default.fileExists(atPath: path) { return path }
        }
        throw NoLibrary()
    }
}
