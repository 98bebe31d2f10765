import CaseProtocol
import ClusterPrimitives
import Foundation
import RPC

/// Who this node is to others, and whom it believes.
struct PeerHandshake: Sendable {
    /// The cluster's id, 16 bytes.
    let cluster: [UInt8]
    /// This node.
    let node: NodeID
    /// The cluster's name in certificates.
    let token: String
    /// The other side's certificate must name it. Off only for plain text on loopback.
    let requiresCertificate: Bool

    /// What this node says first.
    func hello(to peer: NodeID) -> PBPeerHello {
        PBPeerHello.with {
            $0.clusterID = Data(cluster)
            $0.from = node.rawValue
            $0.to = peer.rawValue
            $0.versionNewest = PeerLimits.versionNewest
            $0.versionOldest = PeerLimits.versionOldest
        }
    }

    /// Checks what a caller says of itself against its certificate.
    /// - Returns: who it is.
    /// - Throws: a status that says what does not fit; never retry unchanged.
    func check(caller hello: PBPeerHello, _ peer: RPCPeer) throws(RPCStatus) -> NodeID {
        let from = try check(hello)
        guard !requiresCertificate || PeerName.names(from, in: token, peer.identity) else {
            throw RPCStatus(
                .permissionDenied,
                "the certificate does not name \(PeerName.of(from, in: token))"
            )
        }
        return from
    }

    /// Checks the answer of the node that was called; its certificate was checked while connecting.
    func check(answer hello: PBPeerHello, of peer: NodeID) throws(RPCStatus) {
        guard try check(hello) == peer else {
            throw RPCStatus(
                .failedPrecondition,
                "node \(hello.from) answers in node \(peer)'s place"
            )
        }
    }

    private func check(_ hello: PBPeerHello) throws(RPCStatus) -> NodeID {
        guard Array(hello.clusterID) == cluster else {
            throw RPCStatus(.failedPrecondition, "node \(hello.from) is of another cluster")
        }
        guard hello.to == node.rawValue else {
            throw RPCStatus(.failedPrecondition, "this is node \(node), not \(hello.to)")
        }
        guard hello.from != 0, hello.from != node.rawValue else {
            throw RPCStatus(.invalidArgument, "from: \(hello.from) is no other node")
        }
        guard hello.versionOldest <= PeerLimits.versionNewest,
            hello.versionNewest >= PeerLimits.versionOldest
        else {
            throw RPCStatus(
                .failedPrecondition,
                "node \(hello.from) speaks versions \(hello.versionOldest) to "
                    + "\(hello.versionNewest), this one \(PeerLimits.versionOldest) to "
                    + "\(PeerLimits.versionNewest): upgrade one node after the other"
            )
        }
        return NodeID(hello.from)
    }
}
