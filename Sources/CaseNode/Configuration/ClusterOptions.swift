import ClusterPrimitives
import CoordinatorCore
import RPC

extension NodeOption {
    /// What a node is told of the others.
    static let cluster: [NodeOption] = [
        number(
            "node-id",
            "id",
            \.nodeID,
            0...Int(UInt32.max),
            "this node's id; 0: what the data directory says, or 1 for a new cluster of one"
        ),
        NodeOption(
            name: "initial-members",
            unit: "ID=HOST:PORT,...",
            help: "the one, three or five nodes that found the cluster together, "
                + "each with the address at which the others reach it; empty: this node alone",
            render: { InitialMembers.render($0.initialMembers) },
            apply: { configuration, value in
                do throws(InitialMembers.Fault) {
                    configuration.initialMembers = try InitialMembers.parse(value)
                    return nil
                } catch {
                    return error.reason
                }
            }
        ),
        NodeOption(
            name: "join",
            unit: "ID=HOST:PORT,...",
            help:
                "members of a running cluster to join and this node itself, each with the address at "
                + "which the others reach it, as `casectl node join` prints it; counts on the first start",
            render: { InitialMembers.render($0.join) },
            apply: { configuration, value in
                do throws(InitialMembers.Fault) {
                    configuration.join = try InitialMembers.list(value)
                    return nil
                } catch {
                    return error.reason
                }
            }
        ),
        NodeOption(
            name: "cluster-id",
            unit: "32 digits",
            help: "the cluster to join, as `casectl cluster status` shows it; goes with --join",
            render: { $0.clusterID },
            apply: { configuration, value in
                guard value.isEmpty || Hex.decode(value)?.count == ClusterFounding.idBytes else {
                    return "takes \(2 * ClusterFounding.idBytes) hexadecimal digits"
                }
                configuration.clusterID = value
                return nil
            }
        ),
        NodeOption(
            name: "cluster-token",
            unit: "name",
            help: "tells clusters apart; stands in the nodes' certificates as node-ID.NAME",
            render: { $0.clusterToken },
            apply: { configuration, value in
                guard PeerName.isToken(value) else {
                    return "takes 1 to \(PeerName.tokenCharactersMax) of a-z, 0-9 and -"
                }
                configuration.clusterToken = value
                return nil
            }
        ),
        text(
            "peer-listen-host",
            "address",
            \.peerListenHost,
            "the address that other nodes reach it at; empty: listen-host"
        ),
        number(
            "peer-listen-port",
            "port",
            \.peerListenPort,
            0...65_535,
            "the port that other nodes reach it at; 0: the one that initial-members or join names, "
                + "for a node alone a free one, kept from then on"
        ),
        NodeOption(
            name: "advertise",
            unit: "host:port",
            help: "where clients are told to reach it; empty: listen-host and listen-port",
            render: { $0.advertise },
            apply: { configuration, value in
                guard value.isEmpty || RPCTarget(value) != nil else { return "is not HOST:PORT" }
                configuration.advertise = value
                return nil
            }
        ),
        text(
            "peer-certificate",
            "PEM file",
            \.peerCertificatePath,
            "the certificate that names this node to the others (casectl tls node)"
        ),
        text("peer-key", "PEM file", \.peerKeyPath, "the peer certificate's key"),
        text(
            "peer-roots",
            "PEM file",
            \.peerRootsPath,
            "the roots that signed the other nodes' certificates"
        ),
        text(
            "admin-token-file",
            "path",
            \.adminTokenPath,
            "the first admin's token, the same on every founding node; empty: one is made"
        ),
    ]
}
