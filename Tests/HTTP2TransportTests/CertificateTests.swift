import HTTP2Transport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The authority, the files it is written to, and what it refuses.
@Suite struct CertificateTests {
    @Test func keyFileIsPrivateAndNeverOverwritten() throws {
        var template = Array("/tmp/casecluster-pem-XXXXXX".utf8CString)
        let made = mkdtemp(&template)
        let directory = String(cString: try #require(made))
        defer {
            unlink("\(directory)/key.pem")
            rmdir(directory)
        }
        let authority = try CertificateAuthority.make(commonName: "a", days: 1)
        let path = "\(directory)/key.pem"
        try PEMFiles.write(key: authority.keyPEM, to: path)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(throws: TransportError.file(path: path, errno: EEXIST)) {
            try PEMFiles.write(key: authority.keyPEM, to: path)
        }
        _ = try CertificateAuthority(
            certificatePEM: authority.certificatePEM,
            keyPEM: authority.keyPEM
        )
    }

    @Test(
        arguments: [
            ("", ["a"], [], [], 1, "common name"),
            ("a\u{0}b", ["a"], [], [], 1, "common name"),
            (String(repeating: "x", count: 65), [], [], [], 1, "common name"),
            ("a", ["a,DNS:evil"], [], [], 1, "DNS name"),
            ("a", ["-a"], [], [], 1, "DNS name"),
            ("a", [""], [], [], 1, "DNS name"),
            ("a", ["a"], ["1.2.3"], [], 1, "IP address"),
            ("a", ["a"], ["localhost"], [], 1, "IP address"),
            ("a", ["a"], [], ["no uri"], 1, "URI"),
            ("a", ["a"], [], [], 0, "days"),
            ("a", ["a"], [], [], 4_000, "days"),
        ] as [(String, [String], [String], [String], Int, String)]
    )
    func badRequests(
        name: String,
        dns: [String],
        addresses: [String],
        uris: [String],
        days: Int,
        field: String
    ) throws {
        let authority = try CertificateAuthority.make(commonName: "a", days: 1)
        #expect(throws: TransportError.badRequest(field: field)) {
            try authority.issue(
                CertificateRequest(
                    commonName: name,
                    dnsNames: dns,
                    addresses: addresses,
                    uris: uris,
                    usage: .both,
                    days: days
                )
            )
        }
    }

    @Test func foreignKeyIsRefused() throws {
        let one = try CertificateAuthority.make(commonName: "one", days: 1)
        let two = try CertificateAuthority.make(commonName: "two", days: 1)
        #expect(throws: TransportError.self) {
            try CertificateAuthority(certificatePEM: one.certificatePEM, keyPEM: two.keyPEM)
        }
        #expect(throws: TransportError.self) {
            try TLSContext(
                .server(certificate: .bytes(one.certificatePEM), key: .bytes(two.keyPEM))
            )
        }
        #expect(throws: TransportError.self) {
            try TLSContext(.client(roots: .bytes(Array("no PEM".utf8))))
        }
        #expect(throws: TransportError.file(path: "/does/not/exist", errno: ENOENT)) {
            try TLSContext(.client(roots: .file("/does/not/exist")))
        }
    }

    /// The same key, names and uses; only how long it is valid, and the serial number, are others.
    @Test func aRenewedCertificateDiffersInItsValidityAlone() throws {
        let authority = try CertificateAuthority.make(commonName: "a", days: 1)
        let issued = try authority.issue(
            CertificateRequest(commonName: "leaf", dnsNames: ["leaf"], usage: .both, days: 1)
        )
        let renewed = try authority.renew(certificatePEM: issued.certificatePEM, days: 9)
        func validity(_ certificate: [UInt8]) throws -> CertificateValidity {
            let context = try TLSContext(
                .client(
                    roots: .bytes(authority.certificatePEM),
                    certificate: .bytes(certificate),
                    key: .bytes(issued.keyPEM)
                )
            )
            return try #require(context.validities.first)
        }
        let (before, after) = (try validity(issued.certificatePEM), try validity(renewed))
        #expect(after.subject == before.subject)
        #expect((7...9).contains((after.notAfter - before.notAfter) / 86_400))
        let other = try CertificateAuthority.make(commonName: "a", days: 1)
        #expect(throws: TransportError.badCertificate("this authority has not signed it")) {
            try other.renew(certificatePEM: issued.certificatePEM, days: 1)
        }
        #expect(throws: TransportError.badRequest(field: "days")) {
            try authority.renew(certificatePEM: issued.certificatePEM, days: 0)
        }
    }

    /// What an authority has signed before its renewal is good for those who trust the renewed one.
    @Test func aRenewedAuthorityIsTheSameOne() throws {
        let authority = try CertificateAuthority.make(commonName: "a", days: 1)
        let issued = try authority.issue(
            CertificateRequest(commonName: "leaf", dnsNames: ["leaf"], usage: .both, days: 1)
        )
        let renewed = try authority.renewed(days: 9)
        #expect(renewed.certificatePEM != authority.certificatePEM)
        #expect(renewed.keyPEM == authority.keyPEM)
        _ = try renewed.renew(certificatePEM: issued.certificatePEM, days: 1)
    }

    /// A reader finds the old file or the new one, whatever a renewal before has left behind.
    @Test func aCertificateIsReplacedWhole() throws {
        let folder = try PEMFolder()
        try folder.write("old", to: folder.certificate)
        try folder.write("left by a cut", to: folder.certificate + ".new")
        try PEMFiles.replace(certificate: Array("new".utf8), at: folder.certificate)
        var status = stat()
        #expect(stat(folder.certificate, &status) == 0)
        #expect(status.st_size == 3)
        #expect(stat(folder.certificate + ".new", &status) != 0)
    }

    @Test func aLeafIsNoAuthority() throws {
        let authority = try CertificateAuthority.make(commonName: "a", days: 1)
        let leaf = try authority.issue(
            CertificateRequest(commonName: "leaf", dnsNames: ["leaf"], usage: .server, days: 1)
        )
        #expect(throws: TransportError.self) {
            try CertificateAuthority(certificatePEM: leaf.certificatePEM, keyPEM: leaf.keyPEM)
        }
    }
}
