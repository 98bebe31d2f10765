import COpenSSL
import Synchronization

/// Keys, certificates and rules, loaded once and shared by all connections until `reload` finds others.
public final class TLSContext: Sendable {
    /// Which end of the connection it is for.
    public let role: HTTP2Handler.Role
    private let configuration: TLSConfiguration
    private let current: Mutex<Loaded>

    /// Loads the files; nothing is read later, but by `reload`.
    ///
    /// - Throws: `.file`, `.badCertificate` (also when key and certificate don't belong together),
    ///   `.openSSL`.
    public init(_ configuration: TLSConfiguration) throws(TransportError) {
        self.configuration = configuration
        role = configuration.role
        current = Mutex(try Loaded(configuration, TLSMaterial(configuration)))
    }

    /// Reads the files again, and takes what they hold for connections made from now on; those that are
    /// there keep what they were made with. Blocks on the files.
    ///
    /// - Returns: whether the files hold anything else than what was loaded.
    /// - Throws: as `init`; what was loaded before stays in force.
    public func reload() throws(TransportError) -> Bool {
        let material = try TLSMaterial(configuration)
        guard current.withLock({ $0.material != material }) else { return false }
        let loaded = try Loaded(configuration, material)
        current.withLock { $0 = loaded }
        return true
    }

    /// The certificates in use and how long they last: the own one with its chain, then the roots.
    public var validities: [CertificateValidity] {
        let material = current.withLock { $0.material }
        return material.validities(configuration)
    }

    /// The protocol list of ALPN: a length byte and "h2".
    static let protocols: [UInt8] = [2, 0x68, 0x32]

    /// A new connection's state; `serverName` is what a client verifies: a DNS name or an address.
    func makeConnection(serverName: String?) throws(TransportError) -> OpaquePointer {
        OpenSSLErrors.clear()
        // The connection holds a reference of its own to what it was made with.
        let loaded = current.withLock { $0 }
        guard let ssl = SSL_new(loaded.context) else { throw .openSSL(OpenSSLErrors.take()) }
        do {
            try prepare(ssl, serverName: serverName)
        } catch {
            SSL_free(ssl)
            throw error
        }
        return ssl
    }

    private func prepare(_ ssl: OpaquePointer, serverName: String?) throws(TransportError) {
        guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
            throw .openSSL(OpenSSLErrors.take())
        }
        shim_BIO_retry_when_empty(input)
        shim_BIO_retry_when_empty(output)
        SSL_set_bio(ssl, input, output)
        guard role == .client else { return SSL_set_accept_state(ssl) }
        SSL_set_connect_state(ssl)
        guard SSL_set_alpn_protos(ssl, Self.protocols, UInt32(Self.protocols.count)) == 0 else {
            throw .openSSL(OpenSSLErrors.take())
        }
        guard let serverName, !serverName.isEmpty else { throw .badRequest(field: "server name") }
        if IPAddress.bytes(serverName) != nil {
            let parameters = SSL_get0_param(ssl)
            guard X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) == 1 else {
                throw .badRequest(field: "server name")
            }
        } else {
            SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            guard SSL_set1_host(ssl, serverName) == 1,
                shim_SSL_set_server_name(ssl, serverName) == 1
            else { throw .badRequest(field: "server name") }
        }
    }
}
