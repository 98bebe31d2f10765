import ClusterPrimitives
import HTTP2Transport
import RPC

/// One of the nodes that found a cluster together.
public struct InitialMember: Hashable, Sendable {
    /// Its id, 1 and up.
    public let id: NodeID
    /// Where the other nodes reach it: `host:port`.
    public let peerAddress: String

    /// Puts a member together.
    public init(id: NodeID, peerAddress: String) {
        self.id = id
        self.peerAddress = peerAddress
    }
}

/// Reads and writes `1=host:port,2=host:port,3=host:port`.
enum InitialMembers {
    /// How many nodes may found a cluster. Two or four would stand no more losses than one or three do.
    static let counts: Set<Int> = [0, 1, 3, 5]

    /// A list that can't be one, and why.
    struct Fault: Error {
        let reason: String
    }

    /// Founders, by id, ascending, however they were written.
    static func parse(_ text: String) throws(Fault) -> [InitialMember] {
        let members = try list(text)
        guard counts.contains(members.count) else {
            throw Fault(reason: "names \(members.count) nodes; one, three or five found a cluster")
        }
        return members
    }

    /// By id, ascending, however they were written.
    static func list(_ text: String) throws(Fault) -> [InitialMember] {
        var members: [InitialMember] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1)
            guard sides.count == 2, let id = UInt64(sides[0]), id > 0,
                let target = RPCTarget(String(sides[1]))
            else { throw Fault(reason: "'\(part)' is not ID=HOST:PORT") }
            members.append(InitialMember(id: NodeID(id), peerAddress: target.description))
        }
        guard Set(members.map(\.id)).count == members.count else {
            throw Fault(reason: "names a node twice")
        }
        guard Set(members.map(\.peerAddress)).count == members.count else {
            throw Fault(reason: "names an address twice")
        }
        return members.sorted { $0.id < $1.id }
    }

    static func render(_ members: [InitialMember]) -> String {
        members.map { "\($0.id)=\($0.peerAddress)" }.joined(separator: ",")
    }

    /// The id that all founders of a cluster come to by themselves: token and list decide it.
    static func clusterID(token: String, _ members: [InitialMember]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write("casecluster founding 1")
        writer.write(token)
        writer.write(array: members) { writer, member in
            writer.write(member.id.rawValue)
            writer.write(member.peerAddress)
        }
        return Array(SHA256Digest(hashing: writer.bytes).bytes.prefix(16))
    }
}

/// The name by which a node proves to others who it is: a DNS name in its certificate.
enum PeerName {
    /// Characters of a cluster's name, at most: a DNS label has 63.
    static let tokenCharactersMax = 63

    /// `node-2.casecluster`.
    static func of(_ node: NodeID, in token: String) -> String { "node-\(node).\(token)" }

    /// Whether a verified certificate is this node's, of this cluster.
    static func names(_ node: NodeID, in token: String, _ identity: PeerIdentity?) -> Bool {
        identity?.dnsNames.contains(of(node, in: token)) ?? false
    }

    /// A DNS label in lower case, so that names compare byte by byte.
    static func isToken(_ text: String) -> Bool {
        let isLabel = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-")
        }
        return isLabel && (1...tokenCharactersMax).contains(text.utf8.count)
            && !text.hasPrefix("-") && !text.hasSuffix("-")
    }
}
