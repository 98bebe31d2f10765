import NIOCore

/// Every bound of one HTTP/2 connection, with its unit and its reason.
///
/// The defaults suit a node that speaks to some hundred clients and a handful of peers.
public struct HTTP2Limits: Sendable {
    /// Streams that a peer may have open at once; a handler that still runs counts although its
    /// stream was reset. Why: the protocol's default is unlimited.
    public var concurrentStreamsMax = 256

    /// Bytes of one header list, counted as the protocol does (name + value + 32 a field).
    public var headerListBytesMax = 16 * 1024

    /// Bytes that a peer may send on one stream before the reader has taken some.
    public var streamWindowBytes = 256 * 1024

    /// Bytes that a peer may send on one connection before they were received here.
    public var connectionWindowBytes = 4 * 1024 * 1024

    /// Bytes received and not yet taken by their readers, over all streams of a connection; past
    /// it one stream at a time gets credit for more. What is held at most is this and a window a
    /// stream.
    public var inboundHeldBytesMax = 64 * 1024 * 1024

    /// Bytes that wait to be sent on one stream. Above the longest message.
    public var streamOutboundBytesMax = 16 * 1024 * 1024

    /// Bytes that wait to be sent on one connection, over all streams.
    public var connectionOutboundBytesMax = 64 * 1024 * 1024

    /// Bytes gathered for one write to the socket. Large enough to pay for the system call.
    public var writeBatchBytes = 64 * 1024

    /// Resets that this side has to send because of the peer's faults: at once, and per second.
    /// Why: a peer that provokes resets makes work and keeps its stream count low.
    public var sentResetsBurst = 200
    /// Provoked resets allowed again per second.
    public var sentResetsPerSecond = 20

    /// Resets that a peer may send: at once, and per second (enforced by nghttp2).
    public var receivedResetsBurst = 1_000
    /// Received resets allowed again per second.
    public var receivedResetsPerSecond = 100

    /// Frames without use (PING, SETTINGS, PRIORITY, empty DATA): at once, and per second. Below
    /// nghttp2's own 1,000 of queued acknowledgements, so that the peer is told why it is cut off.
    public var idleFramesBurst = 500
    /// Frames without use allowed again per second.
    public var idleFramesPerSecond = 100

    /// Time for TLS and the HTTP/2 preface. Why: a silent connection costs memory.
    public var handshakeTime: TimeAmount = .seconds(10)

    /// A connection without streams is drained after this time; nil keeps it.
    public var idleTime: TimeAmount? = .minutes(10)

    /// Nothing received for so long: send a PING; nil sends none.
    public var keepaliveInterval: TimeAmount? = .seconds(20)

    /// Time that the answer to a PING may take before the connection counts as dead.
    public var keepaliveTimeout: TimeAmount = .seconds(10)

    /// Bytes are waiting and the socket or the stream's window took none for so long: give up.
    public var writeStallTime: TimeAmount = .seconds(30)

    /// Time for the last bytes of a connection that is being closed to reach the socket.
    public var closeTime: TimeAmount = .seconds(2)

    /// Between the two GOAWAYs of a drain when the peer doesn't answer the PING between them.
    public var drainNoticeTime: TimeAmount = .seconds(1)

    /// How often the times above are looked at; they are kept to this much.
    public var tickInterval: TimeAmount = .milliseconds(250)

    /// The defaults.
    public init() {}
}
