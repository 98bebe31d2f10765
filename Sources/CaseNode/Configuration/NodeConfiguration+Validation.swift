import ClusterPrimitives
import RPC

extension NodeConfiguration {
    /// Checks what options mean together.
    func validate() throws(ConfigurationError) {
        if dataDirectory.isEmpty { throw fault("data-directory", "must not be empty") }
        if plaintext, !Self.isLoopback(listenHost) {
            throw fault("plaintext", "is for loopback addresses alone; \(listenHost) needs TLS")
        }
        if plaintext, !certificatePath.isEmpty || !clientRootsPath.isEmpty {
            throw fault("plaintext", "contradicts --certificate")
        }
        if certificatePath.isEmpty != keyPath.isEmpty {
            throw fault(
                certificatePath.isEmpty ? "certificate" : "key",
                "a certificate and its key go together"
            )
        }
        try validatePeers()
    }

    private func validatePeers() throws(ConfigurationError) {
        let files = [
            ("peer-certificate", peerCertificatePath), ("peer-key", peerKeyPath),
            ("peer-roots", peerRootsPath),
        ]
        if hasPeerTLS, let missing = files.first(where: { $0.1.isEmpty }) {
            throw fault(missing.0, "peer certificate, key and roots go together")
        }
        guard !initialMembers.isEmpty else { return }
        guard nodeID > 0 else { throw fault("node-id", "goes with --initial-members") }
        guard let own = ownMember else {
            throw fault("initial-members", "does not name this node, \(nodeID)")
        }
        guard !hasPeerTLS else { return try validateAdvertised() }
        guard plaintext else {
            throw fault(
                "peer-certificate",
                "nodes speak to each other with certificates (casectl tls init, casectl tls node), "
                    + "or with --plaintext on loopback"
            )
        }
        let hosts = initialMembers.compactMap { RPCTarget($0.peerAddress)?.host }
        let reach = hosts + [peerHost(of: own)]
        if let other = reach.first(where: { !Self.isLoopback($0) }) {
            throw fault("plaintext", "is for loopback addresses alone; \(other) needs TLS")
        }
    }

    private func validateAdvertised() throws(ConfigurationError) {
        let isAny = ["0.0.0.0", "::"].contains(listenHost)
        if isAny, advertise.isEmpty {
            throw fault("advertise", "\(listenHost) is nowhere to send clients to")
        }
    }

    private func fault(_ option: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(option: option, reason: reason)
    }

    static func isLoopback(_ host: String) -> Bool {
        ["::1", "localhost"].contains(host) || host.hasPrefix("127.")
    }
}

extension NodeConfiguration {
    /// Links to other nodes are encrypted, and both sides prove who they are.
    var hasPeerTLS: Bool {
        !(peerCertificatePath.isEmpty && peerKeyPath.isEmpty && peerRootsPath.isEmpty)
    }

    /// This node in the list of founders.
    var ownMember: InitialMember? { initialMembers.first { $0.id == NodeID(UInt64(nodeID)) } }

    /// What clients are told to connect to.
    var clientAddress: String {
        if !advertise.isEmpty { return advertise }
        return RPCTarget(host: listenHost, port: listenPort).description
    }

    /// Where the listener for peers is bound.
    func peerHost(of member: InitialMember) -> String {
        if !peerListenHost.isEmpty { return peerListenHost }
        // A node that only this machine can reach listens for nobody else either.
        return Self.isLoopback(listenHost)
            ? RPCTarget(member.peerAddress)?.host ?? listenHost : listenHost
    }
}
