import NIOCore

/// Every bound of calls, with its unit and its reason. `HTTP2Limits` has those of connections.
public struct RPCLimits: Sendable {
    /// Bytes of one received message. Longer ones are refused with RESOURCE_EXHAUSTED unread.
    public var messageBytesMax = 4 * 1024 * 1024

    /// Bytes that a writer holds before it is no longer writable: some round trips' worth.
    public var writerHighWaterBytes = 256 * 1024

    /// Bytes below which a writer that was not writable is so again.
    public var writerLowWaterBytes = 64 * 1024

    /// Bytes that a writer holds at most. A writer that goes on regardless has a consumer too slow
    /// to be served: the call ends with RESOURCE_EXHAUSTED.
    public var writerQueueBytesMax = 8 * 1024 * 1024

    /// Time that a call's single request message may take to arrive. Why: a slow sender holds one
    /// of its connection's streams.
    public var requestTime: TimeAmount = .seconds(30)

    /// Connections that a server has at once; further ones are closed.
    public var connectionsMax = 4_096

    /// Calls that wait in a client for a connection or a free stream.
    public var pendingCallsMax = 16_384

    /// Times that a client sends one call, counting those that were certainly not processed.
    public var attemptsMax = 3

    /// The defaults.
    public init() {}
}
