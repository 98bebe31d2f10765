import Foundation
import HTTP2Transport

/// A folder with a server's certificate, its key and the roots; gone with the object.
final class PEMFolder {
    let path: String
    var certificate: String { path + "/node.pem" }
    var key: String { path + "/node.key" }
    var roots: String { path + "/ca.pem" }

    init() throws {
        path = NSTemporaryDirectory() + "casecluster-pem-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // The system clears what is temporary.
        }
    }

    /// What this authority has signed for `node.test`.
    func put(_ authority: CertificateAuthority) throws {
        let request = CertificateRequest(
            commonName: "node",
            dnsNames: ["node.test"],
            usage: .both,
            days: 1
        )
        let issued = try authority.issue(request)
        try Data(issued.certificatePEM).write(to: URL(filePath: certificate))
        try Data(issued.keyPEM).write(to: URL(filePath: key))
        try Data(authority.certificatePEM).write(to: URL(filePath: roots))
    }

    func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }
}
