import COpenSSL

/// Keys, certificates and rules, loaded once and shared by all connections.
///
/// `@unchecked Sendable`: an SSL_CTX is only read after `init`, and OpenSSL locks its own caches.
public final class TLSContext: @unchecked Sendable {
    /// Which end of the connection it is for.
    public let role: HTTP2Handler.Role
    private let context: OpaquePointer

    /// Loads the files; nothing is read later.
    ///
    /// - Throws: `.file`, `.badCertificate` (also when key and certificate don't belong together),
    ///   `.openSSL`.
    public init(_ configuration: TLSConfiguration) throws(TransportError) {
        OpenSSLErrors.clear()
        role = configuration.role
        guard let made = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method())
        else { throw .openSSL(OpenSSLErrors.take()) }
        context = made
        // From here on `deinit` frees it, also when a line below throws.
        guard shim_SSL_CTX_tls13_only(context) == 1 else { throw .openSSL(OpenSSLErrors.take()) }
        shim_SSL_CTX_release_buffers(context)
        // No resumption: connections are long, and a ticket would outlive a withdrawn trust.
        SSL_CTX_set_num_tickets(context, 0)
        try loadIdentity(configuration)
        try loadRoots(configuration)
        if role == .server { Self.selectHTTP2(context) }
    }

    deinit { SSL_CTX_free(context) }

    private func loadIdentity(_ configuration: TLSConfiguration) throws(TransportError) {
        guard let certificate = configuration.certificate, let key = configuration.key else {
            guard role == .client, configuration.certificate == nil, configuration.key == nil else {
                throw .badCertificate("a certificate and its key are needed together")
            }
            return
        }
        let chain = try PEM.certificates(try certificate.read())
        defer { for link in chain { X509_free(link) } }
        let privateKey = try PEM.key(try key.read())
        defer { EVP_PKEY_free(privateKey) }
        guard SSL_CTX_use_certificate(context, chain[0]) == 1,
            SSL_CTX_use_PrivateKey(context, privateKey) == 1,
            SSL_CTX_check_private_key(context) == 1
        else { throw .badCertificate(OpenSSLErrors.take()) }
        for link in chain.dropFirst() where shim_SSL_CTX_add1_chain_cert(context, link) != 1 {
            throw .badCertificate(OpenSSLErrors.take())
        }
    }

    private func loadRoots(_ configuration: TLSConfiguration) throws(TransportError) {
        let wantsRoots = role == .client || configuration.clients != .none
        guard wantsRoots else { return }
        guard let roots = configuration.roots else {
            throw .badCertificate("roots are needed to verify the other side")
        }
        let certificates = try PEM.certificates(try roots.read())
        defer { for root in certificates { X509_free(root) } }
        let store = SSL_CTX_get_cert_store(context)
        for root in certificates {
            guard X509_STORE_add_cert(store, root) == 1 else {
                throw .badCertificate(OpenSSLErrors.take())
            }
            if role == .server { SSL_CTX_add_client_CA(context, root) }
        }
        var mode = SSL_VERIFY_PEER
        if configuration.clients == .required { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        SSL_CTX_set_verify(context, mode, nil)
    }

    /// The protocol list of ALPN: a length byte and "h2".
    static let protocols: [UInt8] = [2, 0x68, 0x32]

    private static func selectHTTP2(_ context: OpaquePointer) {
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenBytes, offered, offeredBytes, _ in
                guard let offered, let chosen, let chosenBytes else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                var index = 0
                while index < Int(offeredBytes) {
                    let count = Int(offered[index])
                    guard index + 1 + count <= Int(offeredBytes) else { break }
                    if count == 2, offered[index + 1] == 0x68, offered[index + 2] == 0x32 {
                        // Points into the peer's hello, as OpenSSL asks.
                        chosen.pointee = offered + index + 1
                        chosenBytes.pointee = 2
                        return SSL_TLSEXT_ERR_OK
                    }
                    index += 1 + count
                }
                return SSL_TLSEXT_ERR_ALERT_FATAL
            },
            nil
        )
    }

    /// A new connection's state; `serverName` is what a client verifies: a DNS name or an address.
    func makeConnection(serverName: String?) throws(TransportError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let ssl = SSL_new(context) else { throw .openSSL(OpenSSLErrors.take()) }
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
