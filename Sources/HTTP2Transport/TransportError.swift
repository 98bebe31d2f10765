import NIOPosix

/// What can go wrong below the calls. Every case says what the caller should do.
public enum TransportError: Error, Equatable, Sendable {
    /// A PEM file can't be read or written. Check the path and its rights.
    case file(path: String, errno: Int32)
    /// A certificate or key does not parse, or they don't belong together. Mend the files.
    case badCertificate(String)
    /// A name or number in a certificate request is not one. Mend the field.
    case badRequest(field: String)
    /// libcrypto or libssl said no; its own words. Not to be retried.
    case openSSL(String)
    /// TCP did not come about; the system's words. Retry with a pause, or elsewhere.
    case unreachable(String)
    /// TLS did not come about (trust, name, protocol, ALPN). Retrying changes nothing by itself.
    case handshakeFailed(String)
    /// The peer took longer than `HTTP2Limits.handshakeTime` to shake hands.
    case handshakeTimeout
    /// Something was written before TLS was ready: a fault of the handlers above.
    case notReady
    /// The peer broke HTTP/2; nghttp2's words. The connection is closed.
    case protocolViolation(String)
    /// The peer used up a budget that honest peers never come near. The connection is closed.
    case abusive(String)
    /// No answer to a keepalive ping within its time. Connect again.
    case keepaliveTimeout
    /// The peer reads nothing although there is something to send. The connection is closed.
    case writeStalled
    /// The connection can't open more streams (GOAWAY, or its ids are used up). Use another one.
    case draining
    /// As many streams as the peer allows are open. Wait for one to end.
    case streamLimit(Int)
    /// A stream's or a connection's outbound queue is full, in bytes. Slow down.
    case outboundQueueFull(limitBytes: Int)
    /// The stream or the connection is gone.
    case closed
}

extension TransportError {
    /// Why a connection did not come about.
    public init(connecting error: any Error) {
        self =
            switch error {
            case let error as TransportError: error
            case let error as NIOConnectionError: .unreachable(Self.words(of: error))
            default: .unreachable("\(error)")
            }
    }

    /// What the system said: of each address that was tried, or else of the name.
    private static func words(of error: NIOConnectionError) -> String {
        var reasons = error.connectionErrors.map { failure in
            "\(failure.target.ipAddress ?? error.host): \(failure.error)"
        }
        if reasons.isEmpty, let name = error.dnsAError ?? error.dnsAAAAError {
            reasons = ["\(name)"]
        }
        return "\(error.host):\(error.port): \(reasons.joined(separator: "; "))"
    }
}
