import ClusterPrimitives
import NIOCore
import Synchronization

/// Asks each of the threads that everything depends on for a sign of life, and says who owes one.
///
/// Each has at most one question open, however often it is asked: a thread that hangs for hours costs no memory.
final class Pulse: Sendable {
    /// One thread: its name, and a way to have it answer.
    struct Beat: Sendable {
        let name: String
        let ask: @Sendable (_ answer: @escaping @Sendable () -> Void) -> Void
    }

    private let beats: [Beat]
    /// When the open question was asked, by the monotonic clock in milliseconds, by beat.
    private let askedAt: Mutex<[Int64?]>

    init(_ beats: [Beat]) {
        self.beats = beats
        askedAt = Mutex(Array(repeating: nil, count: beats.count))
    }

    /// The event loops, and the thread that writes and syncs the log.
    convenience init(loops: any EventLoopGroup, log: LogWriter, meters: NodeMeters) {
        var beats = loops.makeIterator().enumerated().map { index, loop in
            Beat(name: "event loop \(index)") { answer in
                let asked = NodeMeters.now()
                loop.execute {
                    meters.loopDelay.observe(nanoseconds: NodeMeters.now() - asked)
                    answer()
                }
            }
        }
        beats.append(Beat(name: "log writer") { answer in log.segmentBytes { _ in answer() } })
        self.init(beats)
    }

    /// Asks whoever owes no answer.
    func ask() {
        let now = SystemClock.monotonicMilliseconds()
        let due = askedAt.withLock { asked in
            let due = asked.indices.filter { asked[$0] == nil }
            for index in due { asked[index] = now }
            return due
        }
        for index in due {
            beats[index].ask { [self] in askedAt.withLock { $0[index] = nil } }
        }
    }

    /// Who owes an answer, and for how long, in milliseconds.
    var owing: [(name: String, milliseconds: Int64)] {
        let now = SystemClock.monotonicMilliseconds()
        let asked = askedAt.withLock { $0 }
        return zip(beats, asked).compactMap { beat, asked in
            asked.map { (beat.name, max(0, now - $0)) }
        }
    }
}
