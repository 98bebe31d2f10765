/// What a server asks of the certificates of its clients.
public enum ClientVerification: Sendable {
    /// Asks for none.
    case none
    /// Verifies one if the client has one.
    case optional
    /// Refuses clients without a valid one.
    case required
}

/// What one side of TLS 1.3 with ALPN `h2` needs.
public struct TLSConfiguration: Sendable {
    /// Which end of the connection.
    public var role: HTTP2Handler.Role
    /// The own certificate, followed by its chain; nil for a client without one.
    public var certificate: PEMSource?
    /// The key of `certificate`.
    public var key: PEMSource?
    /// Whom to trust; a server needs them only when it verifies clients.
    public var roots: PEMSource?
    /// Server: what it asks of its clients.
    public var clients: ClientVerification

    /// A server, by default without a look at its clients.
    public static func server(
        certificate: PEMSource,
        key: PEMSource,
        clientRoots: PEMSource? = nil,
        clients: ClientVerification = .none
    ) -> TLSConfiguration {
        TLSConfiguration(
            role: .server,
            certificate: certificate,
            key: key,
            roots: clientRoots,
            clients: clients
        )
    }

    /// A client that verifies the server's certificate and name; with a certificate of its own for
    /// mutual TLS.
    public static func client(
        roots: PEMSource,
        certificate: PEMSource? = nil,
        key: PEMSource? = nil
    ) -> TLSConfiguration {
        TLSConfiguration(
            role: .client,
            certificate: certificate,
            key: key,
            roots: roots,
            clients: .none
        )
    }
}
