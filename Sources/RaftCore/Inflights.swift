import ClusterPrimitives

/// The appends that were sent to one follower and not yet answered: a window, bounded by count and
/// bytes.
///
/// Why both: many small messages fill a receiver's queue, few large ones its memory and the link.
struct Inflights: Hashable, Sendable {
    private struct Sent: Hashable {
        var last: LogIndex
        var bytes: UInt64
    }

    private var sent: [Sent] = []
    /// Where the window begins in `sent`; what is before it was answered.
    private var head = 0
    private(set) var bytes: UInt64 = 0
    private let countMax: Int
    private let bytesMax: UInt64

    /// An empty window.
    init(countMax: Int, bytesMax: UInt64) {
        precondition(countMax > 0, "a window without room would never let anything through")
        self.countMax = countMax
        self.bytesMax = bytesMax
    }

    var count: Int { sent.count - head }

    /// Whether nothing more may be sent. The last message may overshoot the bytes: one larger than
    /// the window would otherwise never leave.
    var isFull: Bool { count >= countMax || bytes >= bytesMax }

    /// Notes a message whose last entry is `last`.
    mutating func add(last: LogIndex, bytes added: UInt64) {
        assert(!isFull, "the sender asks before it sends")
        assert(count == 0 || last >= sent[sent.count - 1].last, "messages are sent in order")
        sent.append(Sent(last: last, bytes: added))
        bytes += added
    }

    /// Forgets every message up to `index`: an answer covers those before it.
    mutating func free(through index: LogIndex) {
        while head < sent.count, sent[head].last <= index {
            bytes -= sent[head].bytes
            head += 1
        }
        if head == sent.count {
            sent.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head * 2 > sent.count {
            sent.removeFirst(head)
            head = 0
        }
    }

    /// Forgets all.
    mutating func reset() {
        sent.removeAll()
        head = 0
        bytes = 0
    }
}
