import CaseClient
import ClusterPrimitives
import Foundation

/// Three real nodes of one cluster on loopback.
final class ThreeNodes: Sendable {
    let directory: TemporaryDirectory
    let options: [NodeProcess.Options]
    private let running: Locked<[NodeProcess?]>

    /// Starts all three: none of them listens before a quorum of them is there.
    static func start(arguments: [String] = []) async throws -> ThreeNodes {
        let nodes = try ThreeNodes(arguments: arguments)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<3 { group.addTask { try await nodes.start(index) } }
            try await group.waitForAll()
        }
        return nodes
    }

    private init(arguments: [String]) throws {
        directory = try TemporaryDirectory()
        let members = (1...3).map { "\($0)=127.0.0.1:\(freePort())" }.joined(separator: ",")
        options = (1...3).map { [directory] id in
            NodeProcess.Options(
                dataDirectory: "\(directory.path)/node-\(id)",
                port: freePort(),
                arguments: ["--node-id", "\(id)", "--initial-members", members] + arguments
            )
        }
        running = Locked([nil, nil, nil])
    }

    /// Starts the node at an index (its id is one more).
    func start(_ index: Int) async throws {
        let node = try await NodeProcess.start(options[index])
        running.withLock { $0[index] = node }
    }

    /// Whether the node at an index runs.
    func isRunning(_ index: Int) -> Bool { running.withLock { $0[index] != nil } }

    func node(_ index: Int) throws -> NodeProcess {
        guard let node = running.withLock({ $0[index] }) else { throw NotRunning(index: index) }
        return node
    }

    struct NotRunning: Error { let index: Int }

    /// `kill -9`.
    func kill(_ index: Int) async throws {
        try await node(index).kill()
        running.withLock { $0[index] = nil }
    }

    /// Stops a node in peace.
    func stop(_ index: Int) async throws -> Int32 {
        let status = try await node(index).stop()
        running.withLock { $0[index] = nil }
        return status
    }

    /// Ends what runs.
    func stopAll() async throws -> [Int32] {
        var statuses: [Int32] = []
        for index in 0..<3 where running.withLock({ $0[index] != nil }) {
            statuses.append(try await stop(index))
        }
        return statuses
    }

    /// The first admin's token, which the founding node has.
    var adminToken: String {
        get throws {
            let paths = options.map { $0.dataDirectory + "/admin.token" }
            let found = paths.filter { FileManager.default.fileExists(atPath: $0) }
            guard found.count == 1 else { throw TokenFiles(paths: found) }
            return try String(contentsOfFile: found[0], encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    struct TokenFiles: Error { let paths: [String] }

    /// A client of all three that begins with one of them, or of that one alone.
    func client(
        token: String,
        first: Int = 0,
        alone: Bool = false,
        deadline: Duration = .seconds(20)
    ) throws -> CaseClient {
        let all = options.map { CaseEndpoint(host: "127.0.0.1", port: $0.port) }
        let turned = Array(all[first...] + all[..<first])
        return try CaseClient(
            CaseClientConfiguration(
                endpoints: alone ? [all[first]] : turned,
                token: token,
                deadline: deadline
            )
        )
    }

    /// Adds a supervisor, who may create and read, and gives its token.
    func supervisor(_ admin: CaseClient) async throws -> String {
        var sam = Principal()
        sam.name = "sam"
        sam.role = .supervisor
        sam.teams = ["default"]
        _ = try await admin.put(sam)
        return try await admin.issueToken(for: "sam").secret
    }

    /// The index of the node that leads most shards, as the node at `index` knows.
    func leaderOfMost(askedAt index: Int, _ token: String) async throws -> Int {
        let client = try client(token: token, first: index, alone: true)
        let status = try await client.clusterStatus()
        await client.shutdown()
        var counts = [0, 0, 0]
        for group in status.groups where (1...3).contains(group.leader) {
            counts[Int(group.leader) - 1] += 1
        }
        return counts.indices.max { counts[$0] < counts[$1] } ?? 0
    }

    /// Waits until all replicas have applied the same, and gives their checksums by node.
    func checksums(_ token: String) async throws -> [[ShardChecksum]] {
        while true {
            var found: [[ShardChecksum]] = []
            for index in 0..<3 {
                let client = try client(token: token, first: index, alone: true)
                found.append(try await client.checksums())
                await client.shutdown()
            }
            let applied = found.map { $0.map(\.appliedIndex) }
            if applied.allSatisfy({ $0 == applied[0] }) { return found }
        }
    }
}
