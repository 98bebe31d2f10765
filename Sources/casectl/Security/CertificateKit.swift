import Foundation
import HTTP2Transport

/// The six files that a small cluster of one's own needs.
struct CertificateKit {
    let directory: String

    /// In the order written: the authority's first.
    static let fileNames = [
        "ca.pem", "ca.key", "node.pem", "node.key", "client.pem", "client.key",
    ]

    /// Makes all, then writes all; checks before it begins that nothing is there.
    func write(hosts: [String], days: Int, authority name: String) throws {
        for file in Self.fileNames where FileManager.default.fileExists(atPath: path(file)) {
            throw Failure(
                .badInput,
                "\(path(file)) is there already: nothing was written. Choose another directory, or "
                    + "remove the old files if no node uses them"
            )
        }
        do {
            let authority = try CertificateAuthority.make(commonName: name, days: days)
            let node = try authority.issue(Self.nodeRequest(hosts, days))
            let client = try authority.issue(
                CertificateRequest(commonName: "casecluster-client", usage: .client, days: days)
            )
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
            try PEMFiles.write(certificate: authority.certificatePEM, to: path("ca.pem"))
            try PEMFiles.write(key: authority.keyPEM, to: path("ca.key"))
            try PEMFiles.write(certificate: node.certificatePEM, to: path("node.pem"))
            try PEMFiles.write(key: node.keyPEM, to: path("node.key"))
            try PEMFiles.write(certificate: client.certificatePEM, to: path("client.pem"))
            try PEMFiles.write(key: client.keyPEM, to: path("client.key"))
        } catch let error as TransportError {
            throw Failure(.badInput, Self.explain(error))
        } catch let error as CocoaError {
            throw Failure(.badInput, "\(directory): \(error.localizedDescription)")
        }
    }

    /// Makes one node's certificate with the authority in the directory.
    /// - Returns: the files written.
    func writeNode(id: UInt64, cluster: String, hosts: [String], days: Int) throws -> [String] {
        let files = ["node-\(id).pem", "node-\(id).key"]
        for file in files where FileManager.default.fileExists(atPath: path(file)) {
            throw Failure(.badInput, "\(path(file)) is there already: nothing was written")
        }
        do {
            let authority = try CertificateAuthority(
                certificatePEM: try Files.read(path("ca.pem"), bytesMax: Self.fileBytesMax),
                keyPEM: try Files.read(path("ca.key"), bytesMax: Self.fileBytesMax)
            )
            var request = Self.nodeRequest(hosts, days)
            // What other nodes verify; the hosts are for clients.
            request.dnsNames.append("node-\(id).\(cluster)")
            let node = try authority.issue(request)
            try PEMFiles.write(certificate: node.certificatePEM, to: path(files[0]))
            try PEMFiles.write(key: node.keyPEM, to: path(files[1]))
            return files
        } catch let error as TransportError {
            throw Failure(.badInput, Self.explain(error))
        }
    }

    /// A PEM file of one certificate or key has some hundred bytes; anything above is some other file.
    private static let fileBytesMax = 1 << 16

    private func path(_ file: String) -> String { "\(directory)/\(file)" }

    private static func nodeRequest(_ hosts: [String], _ days: Int) -> CertificateRequest {
        var request = CertificateRequest(commonName: "casecluster-node", usage: .both, days: days)
        request.addresses = hosts.filter(isAddress)
        request.dnsNames = hosts.filter { !isAddress($0) }
        return request
    }

    static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    static func explain(_ error: TransportError) -> String {
        switch error {
        case .file(let path, let number): "\(path): \(String(cString: strerror(number)))"
        case .badRequest(let field): "this can't stand in a certificate: \(field)"
        case .badCertificate(let reason): "no usable certificate: \(reason)"
        default: "\(error)"
        }
    }
}
