import CaseClient
import ClusterPrimitives
import Foundation
import ProcessSupport

/// Real nodes that come and go, on loopback in plain text. The first one founds the cluster alone.
final class GrowingCluster: Sendable {
    let directory: TemporaryDirectory
    let arguments: [String]
    private let options = Locked<[UInt64: NodeProcess.Options]>([:])
    private let running = Locked<[UInt64: NodeProcess]>([:])

    private init(arguments: [String]) throws {
        directory = try TemporaryDirectory()
        self.arguments = arguments
    }

    /// One node, a whole cluster.
    static func start(arguments: [String] = ["--shards", "4"]) async throws -> GrowingCluster {
        let cluster = try GrowingCluster(arguments: arguments)
        cluster.plan(1, [])
        try await cluster.start(1)
        return cluster
    }

    /// Five nodes that found a cluster together.
    static func five(arguments: [String]) async throws -> GrowingCluster {
        let cluster = try GrowingCluster(arguments: arguments)
        let members = (1...5).map { "\($0)=127.0.0.1:\(freePort())" }.joined(separator: ",")
        for id in UInt64(1)...5 {
            cluster.plan(id, ["--node-id", "\(id)", "--initial-members", members])
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in UInt64(1)...5 { group.addTask { try await cluster.start(id) } }
            try await group.waitForAll()
        }
        return cluster
    }

    private func plan(_ id: UInt64, _ arguments: [String]) {
        options.withLock {
            $0[id] = NodeProcess.Options(
                dataDirectory: "\(directory.path)/node-\(id)",
                port: freePort(),
                arguments: arguments + self.arguments
            )
        }
    }

    /// Has the cluster take a node in, which then can be started.
    func admit(_ id: UInt64, replacing lost: UInt64 = 0, _ admin: CaseClient) async throws {
        let added = try await admin.addNode(
            id,
            peerAddress: "127.0.0.1:\(freePort())",
            replacing: lost
        )
        let join = added.nodes.filter { $0.nodeID != lost }
            .map { "\($0.nodeID)=\($0.peerAddress)" }.joined(separator: ",")
        plan(id, ["--node-id", "\(id)", "--cluster-id", added.clusterID, "--join", join])
    }

    func start(_ id: UInt64) async throws {
        guard let options = options.withLock({ $0[id] }) else { throw NotThere(id: id) }
        let node = try await NodeProcess.start(options)
        running.withLock { $0[id] = node }
    }

    /// Starts a node again, after a new supervisor has made a case through others in each shard.
    func start(_ id: UInt64, afterUsing others: [UInt64], _ token: String) async throws {
        let admin = try client(others, token: token)
        var supervisor = Principal()
        supervisor.name = "sam"
        supervisor.role = .supervisor
        supervisor.teams = ["default"]
        _ = try await admin.put(supervisor)
        let secret = try await admin.issueToken(for: supervisor.name).secret
        let shards = try await admin.clusterStatus().shardCount
        await admin.shutdown()
        let writer = try client(others, token: secret)
        var written: Set<ShardID> = []
        while written.count < Int(shards) {
            var new = NewCase()
            new.message = "written without node \(id)"
            new.requester.name = "Anna"
            let receipt = try await writer.create(new)
            written.insert(try CaseID(parsing: receipt.caseID).shard)
        }
        await writer.shutdown()
        try await start(id)
    }

    /// Starts a node that is expected to end again without ever listening.
    func startRefused(_ id: UInt64) async throws -> NodeProcess.DidNotStart? {
        do {
            try await start(id)
            return nil
        } catch let error as NodeProcess.DidNotStart {
            return error
        }
    }

    func node(_ id: UInt64) throws -> NodeProcess {
        guard let node = running.withLock({ $0[id] }) else { throw NotThere(id: id) }
        return node
    }

    struct NotThere: Error { let id: UInt64 }

    func kill(_ id: UInt64) async throws {
        try await node(id).kill()
        running.withLock { $0[id] = nil }
    }

    /// Waits for a node to end by itself.
    func exit(_ id: UInt64) async throws -> Int32 {
        let status = try await node(id).exit()
        running.withLock { $0[id] = nil }
        return status
    }

    /// Ends what runs.
    func stopAll() async throws -> [Int32] {
        var statuses: [Int32] = []
        for id in running.withLock({ $0.keys.sorted() }) {
            statuses.append(try await node(id).stop())
            running.withLock { $0[id] = nil }
        }
        return statuses
    }

    func dataDirectory(_ id: UInt64) -> String { "\(directory.path)/node-\(id)" }

    /// Whether a node's disk has anything of a shard, below ten.
    func hasStore(_ id: UInt64, shard: UInt32) -> Bool {
        let store = dataDirectory(id) + "/store"
        let names = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String }
        let isThere = { (word: String) in
            names?.contains { $0.hasPrefix("\(word)-000\(shard)") } ?? false
        }
        return isThere("shard") || isThere("leaving")
    }

    var adminToken: String {
        get throws {
            let paths = options.withLock { $0.values.map { $0.dataDirectory + "/admin.token" } }
            guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) })
            else { throw NotThere(id: 0) }
            return try String(contentsOfFile: path, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// A client of these nodes, or of all that there are.
    func client(
        _ ids: [UInt64] = [],
        token: String,
        attempts: Int = CaseRetryPolicy().attemptsMax,
        deadline: Duration = .seconds(20)
    ) throws -> CaseClient {
        let chosen = options.withLock { options in
            (ids.isEmpty ? options.keys.sorted() : ids).compactMap { options[$0]?.port }
        }
        var configuration = CaseClientConfiguration(
            endpoints: chosen.map { CaseEndpoint(host: "127.0.0.1", port: $0) },
            token: token,
            deadline: deadline
        )
        configuration.retry.attemptsMax = attempts
        return try CaseClient(configuration)
    }

    func admin(_ ids: [UInt64] = []) throws -> CaseClient {
        try client(ids, token: try adminToken)
    }

    /// Waits until a node is what it should be; its steps are awaited by asking, there is no event to hear.
    func waitUntilDone(_ id: UInt64, _ admin: CaseClient) async throws -> NodeProgress {
        while true {
            let progress = try await admin.nodeProgress(id)
            if progress.done { return progress }
        }
    }

    /// The rows' checksums of all replicas, by shard, once those that hold a shard have applied the same.
    func checksums(_ ids: [UInt64]) async throws -> [UInt32: [UInt64: Data]] {
        while true {
            var found: [UInt32: [UInt64: ShardChecksum]] = [:]
            for id in ids {
                let admin = try admin([id])
                for row in try await admin.checksums() { found[row.shard, default: [:]][id] = row }
                await admin.shutdown()
            }
            let isLevel = found.values.allSatisfy { Set($0.values.map(\.appliedIndex)).count == 1 }
            if isLevel { return found.mapValues { $0.mapValues(\.checksum) } }
        }
    }

    /// Whether all replicas of each shard hold the same rows, and there are so many of each.
    func areEqual(_ ids: [UInt64], replicas: Int) async throws -> Bool {
        try await checksums(ids).values.allSatisfy {
            Set($0.values).count == 1 && $0.count == replicas
        }
    }
}
