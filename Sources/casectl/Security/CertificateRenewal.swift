import Foundation
import HTTP2Transport

/// Puts certificates that are valid for longer in the place of those that a directory has.
struct CertificateRenewal {
    let directory: String
    let days: Int

    /// A file that was renewed, and until when it is valid in milliseconds since 1970.
    typealias Renewed = (file: String, until: Int64)

    private static let authorityFile = "ca.pem"

    /// The certificates in the directory but the authority's own, in the order of their names.
    func certificates() throws -> [String] {
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            let found = names.filter { $0.hasSuffix(".pem") && $0 != Self.authorityFile }
            guard !found.isEmpty else {
                throw Failure(.notFound, "\(directory): no certificate in it but the authority's")
            }
            return found
        } catch let error as CocoaError {
            throw Failure(.badInput, "\(directory): \(error.localizedDescription)")
        }
    }

    /// Signs all, then writes all.
    func renew(_ files: [String]) throws -> [Renewed] {
        let authority = try authority()
        let own = try CertificateSummary.read(path(Self.authorityFile))
        guard let until = own.first?.notAfter, until > Times.now.rawValue else {
            throw Failure(
                .badInput,
                "\(path(Self.authorityFile)) has expired itself: nothing was written. First "
                    + "casectl tls renew --directory \(directory) --authority"
            )
        }
        let renewed = try files.map { file in
            do {
                let old = try Files.read(path(file), bytesMax: CertificateSummary.fileBytesMax)
                return (file, try authority.renew(certificatePEM: old, days: days))
            } catch let error as TransportError {
                throw Failure(.badInput, "\(path(file)): \(CertificateKit.explain(error))")
            }
        }
        return try renewed.map { try replace($0.0, $0.1) }
    }

    /// The authority's own certificate; its key stays.
    func renewAuthority() throws -> [Renewed] {
        do {
            let renewed = try authority().renewed(days: days)
            return [try replace(Self.authorityFile, renewed.certificatePEM)]
        } catch let error as TransportError {
            throw Failure(.badInput, CertificateKit.explain(error))
        }
    }

    private func authority() throws -> CertificateAuthority {
        do {
            return try CertificateAuthority(
                certificatePEM: try Files.read(
                    path(Self.authorityFile),
                    bytesMax: CertificateSummary.fileBytesMax
                ),
                keyPEM: try Files.read(path("ca.key"), bytesMax: CertificateSummary.fileBytesMax)
            )
        } catch let error as TransportError {
            throw Failure(.badInput, CertificateKit.explain(error))
        }
    }

    private func replace(_ file: String, _ certificate: [UInt8]) throws -> Renewed {
        do {
            try PEMFiles.replace(certificate: certificate, at: path(file))
        } catch {
            throw Failure(.badInput, CertificateKit.explain(error))
        }
        return (file, try CertificateSummary.read(path(file)).first?.notAfter ?? 0)
    }

    private func path(_ file: String) -> String { "\(directory)/\(file)" }
}
