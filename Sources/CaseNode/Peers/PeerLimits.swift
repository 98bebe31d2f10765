import HTTP2Transport
import NIOCore
import RPC

/// Every bound of what nodes say to each other, with its unit and its reason.
enum PeerLimits {
    /// The version of the nodes' service that this program speaks at most.
    static let versionNewest: UInt32 = 1
    /// The version that it speaks at least.
    static let versionOldest: UInt32 = 1

    /// Bytes of messages in one frame, unless one message alone has more: some milliseconds of a gigabit
    /// link, so that heartbeats behind it are in time.
    static let frameBytesMax = 1 << 20
    /// Bytes of messages with entries that wait for one peer; more are dropped, and Raft sends them again.
    /// Two replicas' worth of what Raft has in flight: a peer that is further behind is not waiting for these.
    static let outboxBytesMax = 32 << 20
    /// Bytes kept free for messages without entries, so that a flood of entries never costs a heartbeat.
    static let outboxReserveBytes = 1 << 20
    /// Bytes of one message on the wire: a frame, or the largest entry, and room for what stands around it.
    static let messageBytesMax = 16 << 20

    /// The first pause before a link is opened again, in milliseconds; it doubles.
    static let reconnectMillisecondsMin: Int64 = 50
    /// The longest pause: half an election's time, so that a node that is back is heard in time.
    static let reconnectMillisecondsMax: Int64 = 500
    /// Time for the other side's hello, in milliseconds: then the link is opened anew.
    static let helloMillisecondsMax: Int64 = 3_000
    /// Time for TCP to connect, in seconds: an unreachable machine answers nothing.
    static let connectSeconds: Int64 = 1
    /// Silence after which the transport asks whether the peer is there, and time for the answer, in seconds:
    /// a machine that vanished is noticed within the sum.
    static let keepaliveSeconds: Int64 = 1

    /// Snapshots that a node sends at a time, and takes at a time: more would only slow each other down.
    static let snapshotsMax = 2
    /// Bytes of one chunk of a snapshot.
    static let chunkBytes = 256 << 10
    /// Time for one whole snapshot, in seconds: 10 GB at 10 MB/s, with room.
    static let snapshotSeconds: Int64 = 1_800

    /// The bounds of connections between nodes.
    static var http2: HTTP2Limits {
        var limits = HTTP2Limits()
        limits.streamWindowBytes = 4 << 20
        limits.connectionWindowBytes = 16 << 20
        limits.streamOutboundBytesMax = 2 * messageBytesMax
        // What clients of one node have in flight may all be forwarded to another.
        limits.concurrentStreamsMax = 4_096
        limits.idleTime = nil
        limits.keepaliveInterval = .seconds(keepaliveSeconds)
        limits.keepaliveTimeout = .seconds(2 * keepaliveSeconds)
        return limits
    }

    /// The bounds of calls between nodes.
    static var rpc: RPCLimits {
        var limits = RPCLimits()
        limits.messageBytesMax = messageBytesMax
        limits.writerQueueBytesMax = 2 * messageBytesMax
        limits.writerHighWaterBytes = frameBytesMax
        limits.writerLowWaterBytes = frameBytesMax / 2
        return limits
    }
}
