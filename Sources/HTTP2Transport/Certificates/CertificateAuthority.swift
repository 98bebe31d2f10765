import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a certificate is to be used for.
public enum CertificateUsage: Sendable {
    /// A server that clients verify.
    case server
    /// A client that servers verify.
    case client
    /// A node: both, for it serves clients and calls its peers.
    case both
}

/// Whom a certificate is to name, and for how long.
public struct CertificateRequest: Sendable {
    /// The subject's common name, 1 to 64 characters.
    public var commonName: String
    /// DNS names to verify against; `*.` may lead one.
    public var dnsNames: [String] = []
    /// IP addresses to verify against, as text.
    public var addresses: [String] = []
    /// URIs, such as a node's id.
    public var uris: [String] = []
    /// What it is for.
    public var usage: CertificateUsage
    /// Valid for so many days from now on, 1 to 3,650.
    public var days: Int

    /// A request; names are checked when it is issued.
    public init(
        commonName: String,
        dnsNames: [String] = [],
        addresses: [String] = [],
        uris: [String] = [],
        usage: CertificateUsage,
        days: Int
    ) {
        self.commonName = commonName
        self.dnsNames = dnsNames
        self.addresses = addresses
        self.uris = uris
        self.usage = usage
        self.days = days
    }
}

/// A certificate and its key, in PEM.
public struct IssuedCertificate: Sendable {
    /// The certificate.
    public let certificatePEM: [UInt8]
    /// Its private key, without a passphrase: keep it in a file of mode 0600.
    public let keyPEM: [UInt8]
}

/// A certificate authority for one cluster: P-256 keys, X.509 version 3, made by libcrypto.
///
/// A cluster's own authority is what its nodes trust, and nothing else; so a node's certificate
/// says "belongs to this cluster". The authority's key is needed to add nodes only.
public struct CertificateAuthority: Sendable {
    /// The authority's certificate: the `roots` of every node and client.
    public let certificatePEM: [UInt8]
    /// Its private key. Keep it off the nodes.
    public let keyPEM: [UInt8]

    /// Takes an authority that was made before.
    ///
    /// - Throws: `.badCertificate` when the two don't parse or don't belong together.
    public init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TransportError) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        try withParsed { certificate, key throws(TransportError) in
            guard X509_check_private_key(certificate, key) == 1, X509_check_ca(certificate) == 1
            else {
                throw .badCertificate("not a certificate authority, or not its key")
            }
        }
    }

    /// Makes a new authority that signs itself.
    ///
    /// - Throws: `.badRequest` naming the field.
    public static func make(
        commonName: String,
        days: Int
    ) throws(TransportError) -> CertificateAuthority {
        let key = try X509Builder.makeKey()
        defer { EVP_PKEY_free(key) }
        let builder = try X509Builder(commonName: commonName, key: key, days: days)
        try builder.setIssuer(nil)
        try builder.addExtension(NID_basic_constraints, "critical,CA:TRUE,pathlen:0", issuer: nil)
        try builder.addExtension(NID_key_usage, "critical,keyCertSign,cRLSign", issuer: nil)
        try builder.addExtension(NID_subject_key_identifier, "hash", issuer: nil)
        try builder.sign(with: key)
        return try CertificateAuthority(
            certificatePEM: try builder.pem(),
            keyPEM: try X509Builder.pem(key: key)
        )
    }

    /// Makes a key and signs a certificate for it.
    ///
    /// - Throws: `.badRequest` naming the field; `.openSSL`.
    public func issue(_ request: CertificateRequest) throws(TransportError) -> IssuedCertificate {
        try withParsed { authority, authorityKey throws(TransportError) in
            let key = try X509Builder.makeKey()
            defer { EVP_PKEY_free(key) }
            let builder = try X509Builder(
                commonName: request.commonName,
                key: key,
                days: request.days
            )
            try builder.setIssuer(authority)
            try builder.addExtension(NID_basic_constraints, "critical,CA:FALSE", issuer: authority)
            try builder.addExtension(NID_key_usage, "critical,digitalSignature", issuer: authority)
            let usage =
                switch request.usage {
                case .server: "serverAuth"
                case .client: "clientAuth"
                case .both: "serverAuth,clientAuth"
                }
            try builder.addExtension(NID_ext_key_usage, usage, issuer: authority)
            try builder.addExtension(NID_subject_key_identifier, "hash", issuer: authority)
            try builder.addExtension(NID_authority_key_identifier, "keyid", issuer: authority)
            try builder.addNames(request)
            try builder.sign(with: authorityKey)
            return IssuedCertificate(
                certificatePEM: try builder.pem(),
                keyPEM: try X509Builder.pem(key: key)
            )
        }
    }

    /// Signs a certificate of this authority again, for so many days from now on: the same key, names and
    /// uses, so that nothing but the one file changes.
    ///
    /// - Throws: `.badCertificate` where this authority did not sign it; `.badRequest` for days out of range.
    public func renew(certificatePEM: [UInt8], days: Int) throws(TransportError) -> [UInt8] {
        try withParsed { authority, authorityKey throws(TransportError) in
            let found = try PEM.certificates(certificatePEM)
            defer { for certificate in found { X509_free(certificate) } }
            guard X509_verify(found[0], authorityKey) == 1 else {
                OpenSSLErrors.clear()
                throw .badCertificate("this authority has not signed it")
            }
            let builder = try X509Builder(renewing: found[0], days: days)
            try builder.sign(with: authorityKey)
            return try builder.pem()
        }
    }

    /// The authority with a certificate for so many days from now on. Its key stays: whatever it has signed
    /// is as good as before for those who trust the new certificate.
    ///
    /// - Throws: `.badRequest` for days out of range.
    public func renewed(days: Int) throws(TransportError) -> CertificateAuthority {
        try CertificateAuthority(
            certificatePEM: try renew(certificatePEM: certificatePEM, days: days),
            keyPEM: keyPEM
        )
    }

    private func withParsed<Result>(
        _ body: (_ certificate: OpaquePointer, _ key: OpaquePointer) throws(TransportError) ->
            Result
    ) throws(TransportError) -> Result {
        let certificates = try PEM.certificates(certificatePEM)
        defer { for certificate in certificates { X509_free(certificate) } }
        let key = try PEM.key(keyPEM)
        defer { EVP_PKEY_free(key) }
        return try body(certificates[0], key)
    }
}
