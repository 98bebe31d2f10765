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
        let (option, members) =
            join.isEmpty ? ("initial-members", initialMembers) : ("join", join)
        guard join.isEmpty == clusterID.isEmpty else {
            throw fault(join.isEmpty ? "join" : "cluster-id", "--join and --cluster-id go together")
        }
        if members.isEmpty, plaintext, !Self.isLoopback(peerHostAlone) {
            throw fault("plaintext", "is for loopback addresses alone; \(peerHostAlone) needs TLS")
        }
        guard !members.isEmpty else { return }
        guard join.isEmpty || initialMembers.isEmpty else {
            throw fault(
                "join",
                "contradicts --initial-members: a node founds a cluster or joins one"
            )
        }
        guard nodeID > 0 else { throw fault("node-id", "goes with --\(option)") }
        guard let own = ownMember else {
            throw fault(option, "does not name this node, \(nodeID)")
        }
        guard join.isEmpty || join.count > 1 else {
            throw fault("join", "names no node of the cluster but this one")
        }
        guard !hasPeerTLS else { return try validateAdvertised() }
        guard plaintext else {
            throw fault(
                "peer-certificate",
                "nodes speak to each other with certificates (casectl tls init, casectl tls node), "
                    + "or with --plaintext on loopback"
            )
        }
        let hosts = members.compactMap { RPCTarget($0.peerAddress)?.host }
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

    /// This node in the list of founders, or of those that it joins.
    var ownMember: InitialMember? {
        (initialMembers + join).first { $0.id == NodeID(UInt64(nodeID)) }
    }

    /// What clients are told to connect to.
    var clientAddress: String {
        if !advertise.isEmpty { return advertise }
        return RPCTarget(host: listenHost, port: listenPort).description
    }

    /// Where an only node listens for others: an address that it can be told to use. Of a node that listens
    /// everywhere that is the one it advertises, else this machine's own.
    var peerHostAlone: String {
        if !peerListenHost.isEmpty { return peerListenHost }
        guard ["0.0.0.0", "::"].contains(listenHost) else { return listenHost }
        return RPCTarget(advertise)?.host ?? "127.0.0.1"
    }

    /// Where the listener for peers is bound.
    func peerHost(of member: InitialMember) -> String {
        if !peerListenHost.isEmpty { return peerListenHost }
        // A node that only this machine can reach listens for nobody else either.
        return Self.isLoopback(listenHost)
            ? RPCTarget(member.peerAddress)?.host ?? listenHost : listenHost
    }
}
