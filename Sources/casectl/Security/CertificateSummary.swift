import COpenSSL
import Foundation

/// What people want to know of a certificate. For looking only: nothing is trusted because of it.
struct CertificateSummary {
    let subject: String
    let issuer: String
    let names: [String]
    let notBefore: Int64
    let notAfter: Int64
    let isAuthority: Bool
    let fingerprint: String

    /// A PEM file is shorter than this, in bytes.
    static let fileBytesMax = 1 << 20

    /// Every certificate of a PEM file, at least one.
    static func read(_ path: String) throws(Failure) -> [CertificateSummary] {
        let text = try Files.read(path, bytesMax: fileBytesMax)
        ERR_clear_error()
        guard let bio = BIO_new_mem_buf(text, Int32(clamping: text.count)) else {
            throw Failure(.internalError, "libcrypto gave no buffer")
        }
        defer { BIO_free(bio) }
        var found: [CertificateSummary] = []
        while let certificate = PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) {
            defer { X509_free(certificate) }
            found.append(CertificateSummary(certificate))
        }
        ERR_clear_error()
        guard !found.isEmpty else { throw Failure(.badInput, "\(path): no certificate in it") }
        return found
    }

    private init(_ certificate: OpaquePointer) {
        subject = Self.commonName(X509_get_subject_name(certificate))
        issuer = Self.commonName(X509_get_issuer_name(certificate))
        notBefore = Self.instant(X509_get0_notBefore(certificate))
        notAfter = Self.instant(X509_get0_notAfter(certificate))
        isAuthority = X509_check_ca(certificate) > 0
        names = Self.names(certificate)
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let hashed = X509_digest(certificate, EVP_sha256(), &digest, &count)
        fingerprint = hashed == 1 && count == 32 ? Hexadecimal.text(digest) : ""
    }

    var text: String {
        var lines = FieldLines()
        lines.add("subject", subject)
        lines.add("issuer", issuer)
        lines.add("names", names.joined(separator: ", "))
        lines.add("valid from", Times.text(notBefore))
        lines.add("valid until", Times.text(notAfter))
        lines.add("authority", isAuthority ? "yes" : "no")
        lines.add("sha256", fingerprint)
        return lines.text
    }

    var json: JSONValue {
        .object([
            .init("subject", .string(subject)),
            .init("issuer", .string(issuer)),
            .init("names", .array(names.map { .string($0) })),
            .init("not_before", Times.json(notBefore)),
            .init("not_after", Times.json(notAfter)),
            .init("authority", .bool(isAuthority)),
            .init("sha256", .string(fingerprint)),
        ])
    }

    private static func commonName(_ name: OpaquePointer?) -> String {
        guard let name else { return "" }
        let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(name, index),
            let value = X509_NAME_ENTRY_get_data(entry)
        else { return "" }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, value)
        guard count >= 0, let text else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self)
    }

    /// Milliseconds since 1970; 0 for what is no time.
    private static func instant(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var broken = tm()
        guard ASN1_TIME_to_tm(time, &broken) == 1 else { return 0 }
        return Int64(timegm(&broken)) * 1_000
    }

    private static func names(_ certificate: OpaquePointer) -> [String] {
        guard let names = shim_X509_alternative_names(certificate) else { return [] }
        defer { shim_names_free(names) }
        var found: [String] = []
        for index in 0..<max(0, shim_names_count(names)) {
            var bytes: UnsafePointer<UInt8>?
            var count: Int32 = 0
            let kind = shim_names_get(names, index, &bytes, &count)
            let raw = [UInt8](UnsafeBufferPointer(start: bytes, count: Int(max(0, count))))
            if kind == GEN_IPADD {
                found.append(address(raw))
            } else if kind == GEN_DNS || kind == GEN_URI {
                found.append(String(decoding: raw, as: UTF8.self))
            }
        }
        return found
    }

    private static func address(_ raw: [UInt8]) -> String {
        guard raw.count == 4 || raw.count == 16 else { return Hexadecimal.text(raw) }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = raw.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, raw, &text, socklen_t(text.count)) != nil else {
            return Hexadecimal.text(raw)
        }
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }
}
