import COpenSSL

/// One X.509 certificate in the making. Frees itself.
final class X509Builder {
    /// A certificate of this cluster lives ten years at most.
    static let daysMax = 3_650
    /// X.520's bound of a common name.
    static let commonNameCharactersMax = 64
    /// Certificates made now are valid from a little earlier, for clocks differ.
    private static let backdateSeconds = 300

    private let certificate: OpaquePointer

    init(commonName: String, key: OpaquePointer, days: Int) throws(TransportError) {
        guard (1...Self.daysMax).contains(days) else { throw .badRequest(field: "days") }
        guard !commonName.isEmpty, commonName.count <= Self.commonNameCharactersMax,
            commonName.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else { throw .badRequest(field: "common name") }
        OpenSSLErrors.clear()
        guard let made = X509_new() else { throw .openSSL(OpenSSLErrors.take()) }
        certificate = made
        try setSerial()
        try setValidity(days: days)
        guard X509_set_version(certificate, 2) == 1, X509_set_pubkey(certificate, key) == 1,
            let subject = X509_get_subject_name(certificate),
            X509_NAME_add_entry_by_NID(
                subject,
                NID_commonName,
                MBSTRING_UTF8,
                Array(commonName.utf8),
                Int32(commonName.utf8.count),
                -1,
                0
            ) == 1
        else { throw .openSSL(OpenSSLErrors.take()) }
    }

    /// A copy to be signed again, with a serial number and a validity of its own.
    init(renewing old: OpaquePointer, days: Int) throws(TransportError) {
        guard (1...Self.daysMax).contains(days) else { throw .badRequest(field: "days") }
        OpenSSLErrors.clear()
        guard let made = X509_dup(old) else { throw .openSSL(OpenSSLErrors.take()) }
        certificate = made
        try setSerial()
        try setValidity(days: days)
    }

    deinit { X509_free(certificate) }

    private func setValidity(days: Int) throws(TransportError) {
        guard X509_gmtime_adj(X509_getm_notBefore(certificate), -Self.backdateSeconds) != nil,
            X509_time_adj_ex(X509_getm_notAfter(certificate), Int32(days), 0, nil) != nil
        else { throw .openSSL(OpenSSLErrors.take()) }
    }

    static func makeKey() throws(TransportError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let key = shim_EVP_P256_key() else { throw .openSSL(OpenSSLErrors.take()) }
        return key
    }

    /// 127 random bits: unguessable, positive and within the 20 bytes that X.509 allows.
    private func setSerial() throws(TransportError) {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&bytes, Int32(bytes.count)) == 1 else {
            throw .openSSL(OpenSSLErrors.take())
        }
        bytes[0] = bytes[0] & 0x7f | 0x40
        guard let number = BN_bin2bn(bytes, Int32(bytes.count), nil) else {
            throw .openSSL(OpenSSLErrors.take())
        }
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil else {
            throw .openSSL(OpenSSLErrors.take())
        }
    }

    /// Nil: the certificate issues itself.
    func setIssuer(_ issuer: OpaquePointer?) throws(TransportError) {
        let name = X509_get_subject_name(issuer ?? certificate)
        guard X509_set_issuer_name(certificate, name) == 1 else {
            throw .openSSL(OpenSSLErrors.take())
        }
    }

    /// `value` is in the syntax of OpenSSL's configuration: constants only, never a caller's text.
    func addExtension(
        _ kind: Int32,
        _ value: String,
        issuer: OpaquePointer?
    ) throws(TransportError) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer ?? certificate, certificate, nil, nil, 0)
        guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else {
            throw .openSSL(OpenSSLErrors.take())
        }
        defer { X509_EXTENSION_free(made) }
        guard X509_add_ext(certificate, made, -1) == 1 else { throw .openSSL(OpenSSLErrors.take()) }
    }

    /// The subject alternative names, built from bytes, so that no text is parsed twice.
    func addNames(_ request: CertificateRequest) throws(TransportError) {
        if request.dnsNames.isEmpty, request.addresses.isEmpty, request.uris.isEmpty { return }
        guard let names = shim_names_new() else { throw .openSSL(OpenSSLErrors.take()) }
        defer { shim_names_free(names) }
        for name in request.dnsNames {
            guard Self.isDNSName(name) else { throw .badRequest(field: "DNS name") }
            try Self.add(names, GEN_DNS, Array(name.utf8))
        }
        for address in request.addresses {
            guard let bytes = IPAddress.bytes(address) else {
                throw .badRequest(field: "IP address")
            }
            try Self.add(names, GEN_IPADD, bytes)
        }
        for uri in request.uris {
            guard Self.isURI(uri) else { throw .badRequest(field: "URI") }
            try Self.add(names, GEN_URI, Array(uri.utf8))
        }
        guard shim_X509_add_names(certificate, names) == 1 else {
            throw .openSSL(OpenSSLErrors.take())
        }
    }

    private static func add(
        _ names: OpaquePointer,
        _ kind: Int32,
        _ bytes: [UInt8]
    ) throws(TransportError) {
        guard shim_names_add(names, kind, bytes, Int32(bytes.count)) == 1 else {
            throw .openSSL(OpenSSLErrors.take())
        }
    }

    /// Labels of letters, digits and hyphens, 1 to 63 each, 253 in all; `*` as the first label.
    static func isDNSName(_ name: String) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for (index, label) in labels.enumerated() {
            if index == 0, label == "*", labels.count > 1 { continue }
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-",
                label.utf8.allSatisfy({
                    (0x30...0x39).contains($0) || (0x41...0x5a).contains($0)
                        || (0x61...0x7a).contains($0) || $0 == 0x2d
                })
            else { return false }
        }
        return true
    }

    /// A scheme and visible ASCII characters.
    static func isURI(_ text: String) -> Bool {
        guard (3...2_048).contains(text.utf8.count), let colon = text.firstIndex(of: ":"),
            colon != text.startIndex
        else { return false }
        return text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    func sign(with key: OpaquePointer) throws(TransportError) {
        guard X509_sign(certificate, key, EVP_sha256()) > 0 else {
            throw .openSSL(OpenSSLErrors.take())
        }
    }

    func pem() throws(TransportError) -> [UInt8] {
        try PEM.text { PEM_write_bio_X509($0, certificate) }
    }

    static func pem(key: OpaquePointer) throws(TransportError) -> [UInt8] {
        try PEM.text { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }
}
