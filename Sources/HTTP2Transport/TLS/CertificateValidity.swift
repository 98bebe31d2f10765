import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How long a certificate lasts, and where it came from: what an operator has to know in time.
public struct CertificateValidity: Hashable, Sendable {
    /// The file, or "memory".
    public let file: String
    /// The subject's common name.
    public let subject: String
    /// Valid from then on, in seconds since 1970.
    public let notBefore: Int64
    /// Not valid any more after that, in seconds since 1970.
    public let notAfter: Int64
}

extension TLSMaterial {
    /// Everything that was loaded has been parsed before: what does not parse here says nothing.
    func validities(_ configuration: TLSConfiguration) -> [CertificateValidity] {
        Self.validities(certificate, configuration.certificate)
            + Self.validities(roots, configuration.roots)
    }

    private static func validities(
        _ text: [UInt8],
        _ source: PEMSource?
    ) -> [CertificateValidity] {
        guard let source else { return [] }
        do {
            let certificates = try PEM.certificates(text)
            defer { for certificate in certificates { X509_free(certificate) } }
            return certificates.map { CertificateValidity($0, from: source) }
        } catch {
            return []
        }
    }
}

extension CertificateValidity {
    fileprivate init(_ certificate: OpaquePointer, from source: PEMSource) {
        file = source.name
        subject = PeerIdentity(certificate: certificate).commonName ?? ""
        notBefore = Self.seconds(X509_get0_notBefore(certificate))
        notAfter = Self.seconds(X509_get0_notAfter(certificate))
    }

    /// Seconds since 1970; 0 for what is no time.
    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var broken = tm()
        guard ASN1_TIME_to_tm(time, &broken) == 1 else { return 0 }
        return Int64(timegm(&broken))
    }
}
