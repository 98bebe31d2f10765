import CaseClient
import ClusterPrimitives
import Foundation
import Glibc
import ProcessSupport

/// Three real nodes of one cluster on loopback.
final class ThreeNodes: Sendable {
    /// What a start adds to a node's environment, by its data directory.
    typealias Environment = @Sendable (_ dataDirectory: String) throws -> [String: String]

    static let indices = 0..<3
    let directory: TemporaryDirectory
    let options: [NodeProcess.Options]
    private let environment: Environment
    private let running: Locked<[NodeProcess?]>

    /// Starts all three: none of them listens before a quorum of them is there.
    static func start(
        arguments: [String] = [],
        environment: @escaping Environment = { _ in [:] }
    ) async throws -> ThreeNodes {
        let nodes = try ThreeNodes(arguments: arguments, environment: environment)
        try await nodes.startAll()
        return nodes
    }

    private init(arguments: [String], environment: @escaping Environment) throws {
        directory = try TemporaryDirectory()
        self.environment = environment
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

    // MARK: Starts and ends

    /// Starts the node at an index (its id is one more) and does not wait for it.
    func begin(_ index: Int) throws {
        var options = options[index]
        try FileManager.default.createDirectory(
            atPath: options.dataDirectory,
            withIntermediateDirectories: true
        )
        options.environment = try environment(options.dataDirectory)
        let node = try NodeProcess.begin(options)
        running.withLock { $0[index] = node }
    }

    /// Starts the node at an index, and waits until it listens.
    func start(_ index: Int) async throws {
        try begin(index)
        do {
            try await node(index).untilItListens()
        } catch {
            running.withLock { $0[index] = nil }
            throw error
        }
    }

    /// Starts all three together.
    func startAll() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in Self.indices { group.addTask { try await self.start(index) } }
            try await group.waitForAll()
        }
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

    /// `kill -9` of all that run, at once.
    func killAll() async {
        let all = running.withLock { running in
            defer { running = [nil, nil, nil] }
            return running.compactMap { $0 }
        }
        for node in all { node.signal(SIGKILL) }
        for node in all { _ = await node.exit() }
    }

    /// Waits for the end of a node that somebody else kills.
    func awaitEnd(_ index: Int) async throws -> Int32 {
        let status = try await node(index).exit()
        running.withLock { $0[index] = nil }
        return status
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
        for index in Self.indices where isRunning(index) { statuses.append(try await stop(index)) }
        return statuses
    }

    // MARK: Clients

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
        deadline: Duration = .seconds(20),
        retry: CaseRetryPolicy = CaseRetryPolicy()
    ) throws -> CaseClient {
        let all = options.map { CaseEndpoint(host: "127.0.0.1", port: $0.port) }
        let turned = Array(all[first...] + all[..<first])
        return try CaseClient(
            CaseClientConfiguration(
                endpoints: alone ? [all[first]] : turned,
                token: token,
                deadline: deadline,
                retry: retry
            )
        )
    }
}
