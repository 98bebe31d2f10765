import Glibc
import ReplicationLog
import Synchronization

/// How often each phase of the log began and ended, in a small shared file that outlives a `kill -9`: a crash
/// test reads from it in which phase the process was.
///
/// The file holds two little-endian 64-bit counters for each phase, begun and ended, in the order of
/// `LogPhase.allCases`, then the same two for the stores' checkpoints.
final class PhaseReport: @unchecked Sendable {
    // @unchecked: the mapping never moves, each counter is written by one thread (the log's, the checkpoints').
    private let counters: UnsafeMutablePointer<UInt64>
    private let count = (LogPhase.allCases.count + 1) * 2

    /// Maps the file, made anew; without it the report stays in memory.
    init(path: String) {
        let bytes = count * MemoryLayout<UInt64>.size
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        if descriptor >= 0, ftruncate(descriptor, off_t(bytes)) == 0,
            let mapping = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            mapping != MAP_FAILED
        {
            counters = mapping.bindMemory(to: UInt64.self, capacity: count)
        } else {
            counters = .allocate(capacity: count)
            counters.initialize(repeating: 0, count: count)
        }
        if descriptor >= 0 { close(descriptor) }
    }

    func observe(_ phase: LogPhase, _ edge: LogPhaseEdge) {
        guard let position = LogPhase.allCases.firstIndex(of: phase) else { return }
        counters[position * 2 + (edge == .begin ? 0 : 1)] += 1
    }

    func observeCheckpoint(_ edge: LogPhaseEdge) {
        counters[LogPhase.allCases.count * 2 + (edge == .begin ? 0 : 1)] += 1
    }
}
