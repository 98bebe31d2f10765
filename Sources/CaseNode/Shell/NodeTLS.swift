import Foundation
import Glibc
import HTTP2Transport

/// The node's certificate: given, or made on the first start with an authority of its own.
enum NodeTLS {
    /// A certificate's validity in days: two years, as public authorities used to give.
    static let certificateDays = 730
    /// The authority's validity in days.
    static let authorityDays = 3_650

    /// Loads what the configuration names, or what stands in the data directory, which is made if missing.
    static func context(
        _ configuration: NodeConfiguration,
        _ directory: DataDirectory
    ) throws -> TLSContext? {
        if configuration.plaintext { return nil }
        var certificate = configuration.certificatePath
        var key = configuration.keyPath
        if certificate.isEmpty {
            try makeIfMissing(directory.tlsPath, host: configuration.listenHost)
            certificate = directory.tlsPath + "/node.pem"
            key = directory.tlsPath + "/node.key"
        }
        let roots = configuration.clientRootsPath
        return try TLSContext(
            .server(
                certificate: .file(certificate),
                key: .file(key),
                clientRoots: roots.isEmpty ? nil : .file(roots),
                clients: roots.isEmpty ? .none : .required
            )
        )
    }

    static func makeIfMissing(_ path: String, host: String) throws {
        guard access(path + "/node.pem", F_OK) != 0 else { return }
        // Made beside and moved into place whole: a first start that is cut short begins anew.
        let temporary = path + ".new"
        let files = FileManager.default
        if files.fileExists(atPath: temporary) { try files.removeItem(atPath: temporary) }
        try files.createDirectory(
            atPath: temporary,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        let authority = try CertificateAuthority.make(
            commonName: "CaseCluster local authority",
            days: authorityDays
        )
        let request = CertificateRequest(
            commonName: "casenode",
            dnsNames: ["localhost"] + (isAddress(host) ? [] : [host]),
            addresses: Array(Set(["127.0.0.1", "::1"] + (isAddress(host) ? [host] : []))).sorted(),
            uris: [],
            usage: .both,
            days: certificateDays
        )
        let issued = try authority.issue(request)
        try PEMFiles.write(certificate: authority.certificatePEM, to: temporary + "/ca.pem")
        try PEMFiles.write(key: authority.keyPEM, to: temporary + "/ca.key")
        try PEMFiles.write(certificate: issued.certificatePEM, to: temporary + "/node.pem")
        try PEMFiles.write(key: issued.keyPEM, to: temporary + "/node.key")
        guard rename(temporary, path) == 0 else {
            throw DataDirectoryError.io(path: path, reason: String(cString: strerror(errno)))
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }
}
