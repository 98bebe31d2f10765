import CNghttp2
import NIOCore

/// What a stream tells its user; always on the connection's event loop.
public protocol HTTP2StreamDelegate: AnyObject {
    /// A header list came: the head, or the trailers after a body.
    func received(_ headers: HTTP2Headers, on stream: HTTP2Stream)
    /// A piece of the body; the memory is valid during the call only. The delegate owes
    /// `stream.grantCredit` and `stream.releaseHeld` for its bytes.
    func received(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream)
    /// The peer's side of the stream has ended.
    func receivedEnd(on stream: HTTP2Stream)
    /// So many bytes of the outbound queue were laid into frames.
    func sent(_ bytes: Int, on stream: HTTP2Stream)
    /// `stream.deadline` has passed; it is nil again.
    func deadlineReached(on stream: HTTP2Stream)
    /// The end. Nothing is called afterwards.
    func closed(_ end: HTTP2StreamEnd, on stream: HTTP2Stream)
}

/// The way from streams to their connection, which is cut when the connection leaves its pipeline.
///
/// Why not weak references: an object that has any counts all its references in a table beside it, some fifty times a
/// call. Confined to the connection's event loop.
final class ConnectionLink {
    /// From `handlerAdded` to `handlerRemoved`.
    var handler: HTTP2Handler?
}

/// One stream of a connection. Confined to the connection's event loop.
///
/// Invariants: `outboundBytes` is the sum of what `outbound` holds; nothing is queued after
/// `finish`; the session holds a pointer to the stream only while the handler's table owns it.
public final class HTTP2Stream {
    /// The stream's number on the wire.
    public internal(set) var id: Int32
    /// The connection; nil when the stream is closed.
    public var connection: HTTP2Handler? { link?.handler }
    private var link: ConnectionLink?
    /// The user; dropped when the stream is closed.
    public internal(set) var delegate: (any HTTP2StreamDelegate)?
    /// When `deadlineReached` is called; kept to a few milliseconds.
    public internal(set) var deadline: NIODeadline?
    /// Bytes that wait to be sent.
    public internal(set) var outboundBytes = 0

    enum Finish {
        case open
        case endStream
        case trailers(StaticHeaders, HTTP2Headers)
        case done
    }

    struct Chunk {
        let bytes: [UInt8]
        let startsMessage: Bool
    }

    var outbound = CircularBuffer<Chunk>(initialCapacity: 2)
    var frontOffset = 0
    var finish = Finish.open
    /// The read callback found nothing; `resume_data` is due when there is something.
    var isDeferred = false
    var hasResponded = false
    var isWireClosed = false
    var isWorkFinished = false
    var wasSent = false
    var resetCode: HTTP2ErrorCode?
    /// Of the header list that is being received.
    var pendingHeaders = HTTP2Headers()
    var pendingHeaderBytes = 0
    /// Received, and not yet released by the delegate.
    public internal(set) var heldBytes = 0
    /// Granted by the delegate, and not given to the peer because too much is held.
    var withheldCredit = 0
    /// When the outbound queue last shrank; nil while it is empty.
    var lastProgress: NIODeadline?

    init(id: Int32, connection: HTTP2Handler) {
        self.id = id
        link = connection.link
    }

    /// The stream counts no more.
    func leaveConnection() { link = nil }

    /// Whether the queue may be cut without leaving half a message on the wire.
    var isAtMessageBoundary: Bool {
        guard let front = outbound.first else { return true }
        return frontOffset == 0 && front.startsMessage
    }

    /// Copies queued bytes into `target`; gives the number copied.
    func dequeue(into target: UnsafeMutableRawBufferPointer) -> Int {
        var copied = 0
        while copied < target.count, let front = outbound.first {
            let count = min(target.count - copied, front.bytes.count - frontOffset)
            front.bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[copied..<copied + count])
                    .copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: source[frontOffset..<frontOffset + count]
                        )
                    )
            }
            copied += count
            frontOffset += count
            if frontOffset == front.bytes.count {
                outbound.removeFirst()
                frontOffset = 0
            }
        }
        outboundBytes -= copied
        assert(outboundBytes >= 0)
        assert(outboundBytes > 0 || outbound.isEmpty)
        return copied
    }
}
