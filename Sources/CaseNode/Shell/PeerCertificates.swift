import Foundation
import Glibc
import HTTP2Transport

/// How this node proves to others who it is, and whom it believes.
enum PeerCertificates {
    /// What the links are protected by.
    enum Protection {
        /// Plain text: every node is on this machine.
        case none
        case certificates(certificate: PEMSource, key: PEMSource, roots: PEMSource)
    }

    /// What the configuration names; else, on a node that made its own certificates, one that its own authority
    /// signs for it, so that a node alone can take others in without being restarted.
    /// - Returns: nil where this node can't speak to others: it was given a certificate for its clients and none
    ///   for its peers, or its authority's key was taken away.
    static func find(
        _ configuration: NodeConfiguration,
        _ directory: DataDirectory
    ) throws -> Protection? {
        if configuration.hasPeerTLS {
            return .certificates(
                certificate: .file(configuration.peerCertificatePath),
                key: .file(configuration.peerKeyPath),
                roots: .file(configuration.peerRootsPath)
            )
        }
        if configuration.plaintext { return Protection.none }
        guard configuration.certificatePath.isEmpty else { return nil }
        try NodeTLS.makeIfMissing(directory.tlsPath, host: configuration.listenHost)
        let files = Files(directory: directory.tlsPath)
        if access(files.certificate, F_OK) != 0 {
            guard access(files.authorityKey, R_OK) == 0 else { return nil }
            let name = PeerName.of(directory.nodeID, in: configuration.clusterToken)
            try make(files, name: name)
        }
        return .certificates(
            certificate: .file(files.certificate),
            key: .file(files.key),
            roots: .file(files.authority)
        )
    }

    private struct Files {
        let directory: String
        var authority: String { directory + "/ca.pem" }
        var authorityKey: String { directory + "/ca.key" }
        var certificate: String { directory + "/peer.pem" }
        var key: String { directory + "/peer.key" }
    }

    private static func make(_ files: Files, name: String) throws {
        let authority = try CertificateAuthority(
            certificatePEM: Array(try Data(contentsOf: URL(filePath: files.authority))),
            keyPEM: Array(try Data(contentsOf: URL(filePath: files.authorityKey)))
        )
        let issued = try authority.issue(
            CertificateRequest(
                commonName: "casenode",
                dnsNames: [name],
                usage: .both,
                days: NodeTLS.certificateDays
            )
        )
        // The certificate comes last: a start that is cut short makes both anew.
        try DataDirectory.writeDurably(issued.keyPEM, to: files.key, mode: 0o600)
        try DataDirectory.writeDurably(issued.certificatePEM, to: files.certificate, mode: 0o644)
    }
}
