import CaseProtocol
import ClusterPrimitives
import Foundation
import HTTP2Transport
import ProcessSupport
import ReplicationLog
import Testing

@testable import CaseNode

/// Several nodes of one cluster in this process, with certificates between them.
final class ClusterRig: Sendable {
    let directory: TemporaryDirectory
    let nodes: [RunningNode]

    /// Starts all at once: none of them comes up before a quorum is there. `faults` are those of the nodes' logs.
    static func start(
        _ count: Int = 3,
        shards: Int = 4,
        faults: [FileFaults] = []
    ) async throws -> ClusterRig {
        let directory = try TemporaryDirectory()
        let authority = try CertificateAuthority.make(commonName: "test", days: 1)
        try PEMFiles.write(certificate: authority.certificatePEM, to: directory.path + "/ca.pem")
        var members: [InitialMember] = []
        for id in 1...count {
            let issued = try authority.issue(
                CertificateRequest(
                    commonName: "casecluster-node",
                    dnsNames: [PeerName.of(NodeID(UInt64(id)), in: "rig")],
                    usage: .both,
                    days: 1
                )
            )
            let stem = "\(directory.path)/node-\(id)"
            try PEMFiles.write(certificate: issued.certificatePEM, to: stem + ".pem")
            try PEMFiles.write(key: issued.keyPEM, to: stem + ".key")
            let address = "127.0.0.1:\(freePort())"
            members.append(InitialMember(id: NodeID(UInt64(id)), peerAddress: address))
        }
        let founders = members
        let nodes = try await withThrowingTaskGroup(of: (Int, RunningNode).self) { group in
            for id in 1...count {
                group.addTask {
                    let files: any LogFileSystem =
                        faults.isEmpty ? POSIXFileSystem() : FaultyFileSystem(faults[id - 1])
                    let node = try await start(
                        id,
                        of: founders,
                        in: directory.path,
                        shards: shards,
                        files: files
                    )
                    return (id, node)
                }
            }
            var found: [(Int, RunningNode)] = []
            for try await node in group { found.append(node) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let rig = ClusterRig(directory, nodes, founders, shards)
        try await rig.settle()
        return rig
    }

    /// Waits until every node has links to all others, knows where clients find them, and names the leaders of its
    /// groups, the same ones as the others. A quorum is enough to serve, so a node may be asked before.
    private func settle() async throws {
        let token = try adminToken()
        let addresses = nodes.map { $0.node.address }
        while true {
            var leaders: [UInt32: Set<UInt64>] = [:]
            var isSettled = true
            for index in nodes.indices {
                do {
                    let status = try await status(index, token)
                    isSettled =
                        isSettled && status.nodes.allSatisfy(\.alive)
                        && status.nodes.map(\.address) == addresses
                    let own = status.groups.filter { $0.voters.contains(UInt64(index + 1)) }
                    for group in own { leaders[group.group, default: []].insert(group.leader) }
                } catch let refused as Refused
                    where [.unavailable, .unauthenticated].contains(refused.code)
                {
                    isSettled = false
                }
            }
            if isSettled, leaders.values.allSatisfy({ $0.count == 1 && $0 != [0] }) { return }
        }
    }

    private let members: [InitialMember]
    private let shards: Int

    private init(
        _ directory: TemporaryDirectory,
        _ nodes: [RunningNode],
        _ members: [InitialMember],
        _ shards: Int
    ) {
        self.directory = directory
        self.nodes = nodes
        self.members = members
        self.shards = shards
    }

    /// Starts the node of that id again, which was stopped.
    func restart(_ id: Int) async throws -> RunningNode {
        try await Self.start(id, of: members, in: directory.path, shards: shards)
    }

    private static func start(
        _ id: Int,
        of members: [InitialMember],
        in path: String,
        shards: Int,
        files: any LogFileSystem = POSIXFileSystem()
    ) async throws -> RunningNode {
        try await RunningNode.start("\(path)/data-\(id)", files: files) { configuration in
            configuration.nodeID = id
            configuration.initialMembers = members
            configuration.clusterToken = "rig"
            configuration.peerCertificatePath = "\(path)/node-\(id).pem"
            configuration.peerKeyPath = "\(path)/node-\(id).key"
            configuration.peerRootsPath = "\(path)/ca.pem"
            configuration.shardCount = shards
        }
    }

    /// The first admin's token; exactly one node has it.
    func adminToken() throws -> String {
        let holders = nodes.filter {
            FileManager.default.fileExists(atPath: $0.node.adminTokenPath)
        }
        #expect(holders.count == 1)
        return try #require(holders.first).adminToken()
    }

    func status(_ index: Int, _ token: String) async throws -> PBStatusResponse {
        try await nodes[index].call("Cluster/Status", PBStatusRequest(), token: token)
    }

    func stop() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await node.stop() } }
            try await group.waitForAll()
        }
    }
}
