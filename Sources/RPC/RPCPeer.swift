import HTTP2Transport
import NIOCore

/// Who is at the other end of a call's connection.
public struct RPCPeer: Sendable {
    /// Whom its verified certificate names; nil without mutual TLS.
    public let identity: PeerIdentity?
    /// Its socket address as text.
    public let address: String
    /// Whether the address is of this machine.
    public let isLoopback: Bool
    /// Whether the connection is secured.
    public let isEncrypted: Bool

    init(identity: PeerIdentity?, address: SocketAddress?, isEncrypted: Bool) {
        self.identity = identity
        self.isEncrypted = isEncrypted
        let ip = address?.ipAddress ?? ""
        self.address = address.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "unknown"
        isLoopback = ip.hasPrefix("127.") || ip == "::1" || ip.hasPrefix("::ffff:127.")
    }
}
