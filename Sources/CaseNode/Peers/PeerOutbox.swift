/// What waits to be sent to one peer: a value, so that its rules can be tested alone.
///
/// Invariants: messages leave in the order they came; `bytes` is the sum of what waits; it never passes
/// `outboxBytesMax + outboxReserveBytes`.
struct PeerOutbox {
    private var messages: [[UInt8]] = []
    private var start = 0
    /// Bytes that wait.
    private(set) var bytes = 0
    /// Messages that found no room, ever.
    private(set) var dropped: UInt64 = 0

    var isEmpty: Bool { start == messages.count }

    /// Takes an encoded message, or drops it and counts it; says whether it was taken. A bulky one carries
    /// entries; the others have a reserve of their own.
    @discardableResult
    mutating func add(_ message: [UInt8], isBulk: Bool) -> Bool {
        let limit = PeerLimits.outboxBytesMax + (isBulk ? 0 : PeerLimits.outboxReserveBytes)
        guard bytes + message.count <= limit else {
            dropped += 1
            return false
        }
        messages.append(message)
        bytes += message.count
        return true
    }

    /// The next frame: as many messages as it holds, at least one; nil when nothing waits.
    mutating func takeFrame() -> [UInt8]? {
        guard !isEmpty else { return nil }
        var end = start
        var size = 0
        while end < messages.count {
            let next = messages[end].count
            guard end == start || size + next <= PeerLimits.frameBytesMax else { break }
            size += next
            end += 1
        }
        let frame = PeerBatch.frame(messages[start..<end])
        start = end
        bytes -= size
        assert(bytes >= 0)
        if isEmpty {
            messages.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1_024 {
            messages.removeFirst(start)
            start = 0
        }
        return frame
    }

    /// Drops all that waits: the peer is away, and Raft will ask anew.
    mutating func clear() {
        dropped += UInt64(messages.count - start)
        messages = []
        start = 0
        bytes = 0
    }
}
