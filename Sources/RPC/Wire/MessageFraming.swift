import HTTP2Transport

/// The frame of one message: a flag, its length in four bytes, its bytes.
enum MessageFrame {
    static let prefixBytes = 5
    /// Up to here a copy is cheaper than a second piece in the queue.
    private static let joinedBytesMax = 16_384

    /// The pieces to queue for one message.
    static func pieces(_ message: [UInt8]) -> (first: [UInt8], second: [UInt8]?) {
        precondition(message.count <= Int(UInt32.max), "a length has four bytes")
        let joins = message.count <= joinedBytesMax
        let first = [UInt8](
            unsafeUninitializedCapacity: prefixBytes + (joins ? message.count : 0)
        ) { memory, count in
            let length = UInt32(message.count)
            memory[0] = 0
            memory[1] = UInt8(truncatingIfNeeded: length >> 24)
            memory[2] = UInt8(truncatingIfNeeded: length >> 16)
            memory[3] = UInt8(truncatingIfNeeded: length >> 8)
            memory[4] = UInt8(truncatingIfNeeded: length)
            count = prefixBytes
            if joins, !message.isEmpty {
                message.withUnsafeBytes { source in
                    UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(memory)[prefixBytes...]
                    ).copyMemory(from: source)
                }
                count += message.count
            }
        }
        return (first, joins ? nil : message)
    }

    /// Queues one message on a stream.
    static func write(_ message: [UInt8], to stream: HTTP2Stream) throws(TransportError) {
        let (first, second) = pieces(message)
        try stream.write(first, startsMessage: true)
        if let second { try stream.write(second, startsMessage: false) }
    }
}

/// Cuts a body into messages. A value; it keeps at most one message that is not whole.
///
/// Invariant: memory follows the bytes that came, not the length that was promised.
struct MessageDeframer: Sendable {
    private let messageBytesMax: Int
    private var prefix: [UInt8] = []
    private var expected: Int?
    private var message: [UInt8] = []

    init(messageBytesMax: Int) { self.messageBytesMax = messageBytesMax }

    /// Whether the body may end here.
    var isAtBoundary: Bool { expected == nil && prefix.isEmpty }

    /// Takes bytes and gives each message that they complete.
    ///
    /// - Throws: RESOURCE_EXHAUSTED for a message that is too long, INTERNAL for a flag that is not
    ///   known or a compressed message, for no compression was agreed on.
    mutating func append(
        _ bytes: UnsafeRawBufferPointer,
        _ deliver: ([UInt8]) -> Void
    ) throws(RPCStatus) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if expected == nil {
                let count = min(MessageFrame.prefixBytes - prefix.count, rest.count)
                prefix.append(contentsOf: rest.prefix(count))
                rest = rest.dropFirst(count)
                guard prefix.count == MessageFrame.prefixBytes else { return }
                try readPrefix()
            }
            guard let length = expected else { return }
            let count = min(length - message.count, rest.count)
            message.append(contentsOf: rest.prefix(count))
            rest = rest.dropFirst(count)
            guard message.count == length else { return }
            let whole = message
            message = []
            expected = nil
            deliver(whole)
        }
        assert(message.count <= messageBytesMax)
    }

    private mutating func readPrefix() throws(RPCStatus) {
        let length = prefix[1...].reduce(0) { $0 << 8 | Int($1) }
        let flag = prefix[0]
        prefix.removeAll(keepingCapacity: true)
        guard flag == 0 else {
            throw RPCStatus(
                .internalError,
                flag == 1 ? "a compressed message without an agreed encoding" : "bad frame flag"
            )
        }
        guard length <= messageBytesMax else {
            throw RPCStatus(
                .resourceExhausted,
                "a message of \(length) bytes; the limit is \(messageBytesMax)"
            )
        }
        expected = length
        message.reserveCapacity(min(length, 65_536))
    }
}
