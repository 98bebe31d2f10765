import COpenSSL

/// The bytes that a configuration's sources hold: what tells whether files have changed.
struct TLSMaterial: Equatable, Sendable {
    let certificate: [UInt8]
    let key: [UInt8]
    let roots: [UInt8]

    init(_ configuration: TLSConfiguration) throws(TransportError) {
        certificate = try configuration.certificate?.read() ?? []
        key = try configuration.key?.read() ?? []
        roots = try configuration.roots?.read() ?? []
    }
}

extension TLSContext {
    /// One generation of keys and certificates.
    ///
    /// `@unchecked Sendable`: an SSL_CTX is only read after `init`, and OpenSSL locks its own caches.
    final class Loaded: @unchecked Sendable {
        let material: TLSMaterial
        let context: OpaquePointer

        init(
            _ configuration: TLSConfiguration,
            _ material: TLSMaterial
        ) throws(TransportError) {
            self.material = material
            OpenSSLErrors.clear()
            let method =
                configuration.role == .server ? TLS_server_method() : TLS_client_method()
            guard let made = SSL_CTX_new(method) else { throw .openSSL(OpenSSLErrors.take()) }
            context = made
            // From here on `deinit` frees it, also when a line below throws.
            guard shim_SSL_CTX_tls13_only(context) == 1 else {
                throw .openSSL(OpenSSLErrors.take())
            }
            shim_SSL_CTX_release_buffers(context)
            // No resumption: connections are long, and a ticket would outlive a withdrawn trust.
            SSL_CTX_set_num_tickets(context, 0)
            try loadIdentity(configuration)
            try loadRoots(configuration)
            if configuration.role == .server { Self.selectHTTP2(context) }
        }

        deinit { SSL_CTX_free(context) }

        private func loadIdentity(_ configuration: TLSConfiguration) throws(TransportError) {
            guard configuration.certificate != nil, configuration.key != nil else {
                guard configuration.role == .client, configuration.certificate == nil,
                    configuration.key == nil
                else {
                    throw .badCertificate("a certificate and its key are needed together")
                }
                return
            }
            let chain = try PEM.certificates(material.certificate)
            defer { for link in chain { X509_free(link) } }
            let privateKey = try PEM.key(material.key)
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
            let wantsRoots = configuration.role == .client || configuration.clients != .none
            guard wantsRoots else { return }
            guard configuration.roots != nil else {
                throw .badCertificate("roots are needed to verify the other side")
            }
            let certificates = try PEM.certificates(material.roots)
            defer { for root in certificates { X509_free(root) } }
            let store = SSL_CTX_get_cert_store(context)
            for root in certificates {
                guard X509_STORE_add_cert(store, root) == 1 else {
                    throw .badCertificate(OpenSSLErrors.take())
                }
                if configuration.role == .server { SSL_CTX_add_client_CA(context, root) }
            }
            var mode = SSL_VERIFY_PEER
            if configuration.clients == .required { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
            SSL_CTX_set_verify(context, mode, nil)
        }

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
    }
}
