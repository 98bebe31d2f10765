/// The reason in RST_STREAM and GOAWAY; open, for a peer may send any number.
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    public let rawValue: UInt32

    /// Wraps a number from the wire.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No fault: the stream is not needed any more.
    public static let noError = HTTP2ErrorCode(rawValue: 0)
    /// The peer broke the protocol.
    public static let protocolError = HTTP2ErrorCode(rawValue: 1)
    /// This side failed.
    public static let internalError = HTTP2ErrorCode(rawValue: 2)
    /// The peer sent more than its credit.
    public static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    /// Not processed at all: safe to try again.
    public static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    /// Nobody waits for it any more.
    public static let cancel = HTTP2ErrorCode(rawValue: 8)
    /// The peer makes too much load.
    public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
    /// The transport is not good enough.
    public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 12)

    private static let names = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
        "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
        "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]

    /// The protocol's name, or the number.
    public var description: String {
        Int(rawValue) < Self.names.count ? Self.names[Int(rawValue)] : "HTTP2_ERROR_\(rawValue)"
    }
}

/// How a stream ended, with what a caller needs to know before it tries again.
public struct HTTP2StreamEnd: Equatable, Sendable {
    /// `noError` after a regular end.
    public let code: HTTP2ErrorCode
    /// The connection went away under the stream.
    public let isConnectionLost: Bool
    /// The request's headers were given to the socket; false means that the peer saw nothing.
    public let wasSent: Bool
}
