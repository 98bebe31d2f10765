import Foundation
import Glibc
import ReplicationLog

/// The counters that a node keeps of its phases, mapped from the file that outlives it.
final class PhaseFile: @unchecked Sendable {
    // @unchecked: read-only words that another process writes; a torn read is a wrong guess at worst.
    static let names = LogPhase.allCases.map(\.rawValue) + ["store checkpoint"]
    private let words: UnsafePointer<UInt64>
    private let bytes: Int

    /// Nil while the node has not made the file.
    init?(path: String) {
        bytes = Self.names.count * 2 * MemoryLayout<UInt64>.size
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let mapping = mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0),
            mapping != MAP_FAILED
        else { return nil }
        words = UnsafePointer(mapping.bindMemory(to: UInt64.self, capacity: Self.names.count * 2))
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: words), bytes) }

    /// The phase has begun and not ended.
    func isInside(_ phase: Int) -> Bool { words[phase * 2] > words[phase * 2 + 1] }

    /// How often it began.
    func begun(_ phase: Int) -> UInt64 { words[phase * 2] }

    /// All phases that had begun and not ended.
    var inside: [Int] { Self.names.indices.filter(isInside) }
}
