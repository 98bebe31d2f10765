import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Whom a verified certificate names. It exists for verified peers only.
public struct PeerIdentity: Sendable, Hashable {
    /// The subject's common name, if it has one.
    public let commonName: String?
    /// The subject alternative names that are DNS names.
    public let dnsNames: [String]
    /// The subject alternative names that are URIs.
    public let uris: [String]
    /// The subject alternative names that are IP addresses, as text.
    public let addresses: [String]

    /// An identity made by hand, for tests of what decides by it.
    public init(commonName: String?, dnsNames: [String], uris: [String], addresses: [String]) {
        self.commonName = commonName
        self.dnsNames = dnsNames
        self.uris = uris
        self.addresses = addresses
    }

    /// Reads a certificate that stays the caller's.
    init(certificate: OpaquePointer) {
        var dnsNames: [String] = []
        var uris: [String] = []
        var addresses: [String] = []
        if let names = shim_X509_alternative_names(certificate) {
            defer { shim_names_free(names) }
            for index in 0..<max(0, shim_names_count(names)) {
                var bytes: UnsafePointer<UInt8>?
                var count: Int32 = 0
                let kind = shim_names_get(names, index, &bytes, &count)
                let raw = [UInt8](UnsafeBufferPointer(start: bytes, count: Int(max(0, count))))
                // A zero byte inside a name has fooled comparisons before: not a name.
                if kind == GEN_IPADD {
                    if let text = IPAddress.text(raw) { addresses.append(text) }
                } else if !raw.contains(0) {
                    let text = String(decoding: raw, as: UTF8.self)
                    if kind == GEN_DNS { dnsNames.append(text) }
                    if kind == GEN_URI { uris.append(text) }
                }
            }
        }
        self.init(
            commonName: Self.commonName(of: certificate),
            dnsNames: dnsNames,
            uris: uris,
            addresses: addresses
        )
    }

    private static func commonName(of certificate: OpaquePointer) -> String? {
        guard let subject = X509_get_subject_name(certificate) else { return nil }
        let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(subject, index),
            let value = X509_NAME_ENTRY_get_data(entry)
        else { return nil }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, value)
        guard count >= 0, let text else { return nil }
        defer { CRYPTO_free(text, nil, 0) }
        let raw = UnsafeBufferPointer(start: text, count: Int(count))
        return raw.contains(0) ? nil : String(decoding: raw, as: UTF8.self)
    }
}

/// Addresses as certificates hold them: 4 or 16 bytes.
enum IPAddress {
    /// The bytes of an address written as text; nil for anything else.
    static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var sixteen = in6_addr()
        if inet_pton(AF_INET6, text, &sixteen) == 1 {
            return withUnsafeBytes(of: sixteen) { Array($0) }
        }
        return nil
    }

    /// The text of 4 or 16 bytes.
    static func text(_ bytes: [UInt8]) -> String? {
        let family: Int32
        switch bytes.count {
        case 4: family = AF_INET
        case 16: family = AF_INET6
        default: return nil
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }
}
