import CaseClient
import Foundation

/// One look at the whole cluster: what some node knows of it, and what each node says of itself.
struct TopSample: Sendable {
    let status: ClusterStatus
    /// By node id; nil where the node did not answer.
    let loads: [UInt64: NodeLoad]

    /// Time for each node's answer, at most: one that stands still must not hold up the view of the others.
    static let answerMax = Duration.seconds(1)
}

/// Looks at a cluster again and again, over one connection to each node.
actor TopWatcher {
    private let configuration: CaseClientConfiguration
    private let client: CaseClient
    private var clients: [String: CaseClient] = [:]

    /// `client` asks any node; `configuration` is what connections to the others are made with.
    init(_ client: CaseClient) {
        self.client = client
        configuration = client.configuration
    }

    /// Looks once.
    func look() async throws -> TopSample {
        let status = try await client.clusterStatus()
        var asked: [(UInt64, CaseClient)] = []
        for node in status.nodes where !node.address.isEmpty {
            asked.append((node.nodeID, try self.client(of: node.address)))
        }
        let loads = try await withThrowingTaskGroup(of: (UInt64, NodeLoad?).self) { group in
            for (id, client) in asked { group.addTask { (id, try await Self.load(client)) } }
            var loads: [UInt64: NodeLoad] = [:]
            for try await (id, load) in group { loads[id] = load }
            return loads
        }
        return TopSample(status: status, loads: loads)
    }

    /// Nil where the node gives no answer; a missing right is the caller's to know.
    private static func load(_ client: CaseClient) async throws -> NodeLoad? {
        do {
            return try await client.nodeLoad(
                options: CaseCallOptions(deadline: TopSample.answerMax)
            )
        } catch  where [.permissionDenied, .unauthenticated].contains(error.code) {
            throw error
        } catch {
            return nil
        }
    }

    private func client(of address: String) throws -> CaseClient {
        if let known = clients[address] { return known }
        var configuration = configuration
        configuration.endpoints = [try CaseEndpoint(address)]
        let new = try CaseClient(configuration)
        clients[address] = new
        return new
    }

    /// Closes what was opened.
    func shutdown() async {
        for client in clients.values { await client.shutdown() }
        clients = [:]
    }
}
