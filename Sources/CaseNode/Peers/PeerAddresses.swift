import ClusterPrimitives
import RPC

/// Where this node listens for others when it starts, and where those are that it knows of.
struct PeerAddresses {
    /// Other nodes, by id.
    let others: [NodeID: String]
    /// Where others reach this one; nil for an only node, which finds out when it listens.
    let own: String?
    /// Where to bind.
    let listenHost: String
    /// 0 for any free one.
    let listenPort: Int
    /// There are no others, as far as this node knows.
    let isAlone: Bool
    /// The port was not asked for, and nobody relies on it.
    let mayTakeAnotherPort: Bool

    /// What the members on record say, else what the node is told.
    /// - Throws: where there are others, and none of it names this node.
    init(_ parts: NodeAssembly) throws(ConfigurationError) {
        let (configuration, node) = (parts.configuration, parts.directory.nodeID)
        var addresses: [NodeID: String] = [:]
        for member in configuration.initialMembers + configuration.join {
            addresses[member.id] = member.peerAddress
        }
        let known = parts.knownMembers
        if known.count > 1 {
            for member in known { addresses[member.id] = member.peerAddress }
        }
        isAlone = addresses.isEmpty
        guard !isAlone else {
            guard !parts.directory.isJoiner else {
                throw ConfigurationError(
                    option: "join",
                    reason:
                        "this node has not been taken in yet: give --join and --cluster-id again"
                )
            }
            others = [:]
            own = nil
            listenHost = configuration.peerHostAlone
            let recorded = known.first { $0.peerAddress != $0.clientAddress }
            let port = recorded.flatMap { RPCTarget($0.peerAddress)?.port }
            listenPort = configuration.peerListenPort > 0 ? configuration.peerListenPort : port ?? 0
            mayTakeAnotherPort = configuration.peerListenPort == 0
            return
        }
        guard let own = addresses[node], let target = RPCTarget(own) else {
            throw ConfigurationError(option: "initial-members", reason: "does not name this node")
        }
        addresses[node] = nil
        others = addresses
        self.own = own
        listenHost = configuration.peerHost(of: InitialMember(id: node, peerAddress: own))
        listenPort = configuration.peerListenPort > 0 ? configuration.peerListenPort : target.port
        mayTakeAnotherPort = false
    }
}
