import CaseProtocol
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import ReplicationLog
import ServiceLifecycle
import SwiftProtobuf
import Testing

@testable import CaseNode

/// A whole node in this process, and a client of it that knows nothing but the wire.
final class RunningNode: Sendable {
    let node: Node
    private let client: RPCClient
    private let services: ServiceGroup
    private let serving: Task<Void, any Error>

    /// Starts on the directory; plain text, a free port, two shards.
    static func start(
        _ path: String,
        files: any LogFileSystem = POSIXFileSystem(),
        _ change: (inout NodeConfiguration) -> Void = { _ in }
    ) async throws -> RunningNode {
        var configuration = NodeConfiguration()
        configuration.dataDirectory = path
        configuration.plaintext = true
        configuration.listenPort = 0
        configuration.shardCount = 2
        change(&configuration)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let node = try await Node.start(configuration, logFiles: files, logger: logger)
        return try RunningNode(node, logger)
    }

    private init(_ node: Node, _ logger: Logger) throws {
        self.node = node
        let target = try #require(RPCTarget(node.address))
        client = RPCClient(
            RPCClient.Configuration(targets: [target]),
            group: NIOSingletons.posixEventLoopGroup
        )
        services = ServiceGroup(services: [node], logger: logger)
        serving = Task { [services] in try await services.run() }
    }

    func stop() async throws {
        await client.shutdown()
        await services.triggerGracefulShutdown()
        try await serving.value
    }

    func adminToken() throws -> String {
        try String(contentsOfFile: node.adminTokenPath, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Calls a method; a refusal comes as `Refused`.
    func call<Response: Message>(
        _ method: String,
        _ request: some Message,
        token: String,
        seconds: Int64 = 20,
        _ type: Response.Type = Response.self
    ) async throws -> Response {
        let reply = try await reply(method, request, token: token, seconds: seconds)
        return try Response(serializedBytes: reply.message)
    }

    /// The same with what goes beside the messages.
    func reply(
        _ method: String,
        _ request: some Message,
        token: String,
        metadata: RPCMetadata = [:],
        seconds: Int64 = 20
    ) async throws -> RPCReply {
        do {
            return try await client.unary(
                "/casecluster.v1.\(method)",
                try request.serializedBytes(),
                metadata: (["authorization": "Bearer \(token)"] as RPCMetadata).merging(metadata),
                deadline: .now() + .seconds(seconds)
            )
        } catch let status as RPCStatus {
            throw try Refused(status)
        }
    }

    func watch(_ request: PBWatchRequest, token: String) throws -> RPCClientStream {
        client.serverStream(
            "/casecluster.v1.Cases/Watch",
            try request.serializedBytes(),
            metadata: ["authorization": "Bearer \(token)"]
        )
    }
}

/// A call's error with its detail.
struct Refused: Error {
    let code: RPCStatusCode
    let message: String
    let detail: PBErrorDetail

    init(_ status: RPCStatus) throws {
        code = status.code
        message = status.message
        let bytes = status.metadata.bytes("casecluster-error-bin") ?? []
        detail = try PBErrorDetail(serializedBytes: bytes)
    }
}

extension RunningNode {
    /// Adds a principal and gives its token.
    func add(_ name: String, _ role: PBRole, teams: [String] = []) async throws -> String {
        try await addVia(try adminToken(), name, role, teams: teams)
    }

    /// The same with an admin's token of whichever node founded the cluster.
    func addVia(
        _ admin: String,
        _ name: String,
        _ role: PBRole,
        teams: [String] = []
    ) async throws -> String {
        let put = PBPutPrincipalRequest.with {
            $0.principal = PBPrincipal.with {
                $0.name = name
                $0.role = role
                $0.teams = teams
                if role == .requester { $0.addresses = ["\(name)@example.com"] }
            }
        }
        _ = try await call("Directory/PutPrincipal", put, token: admin, PBDirectoryReceipt.self)
        let issue = PBIssueTokenRequest.with { $0.principal = name }
        let issued = try await call(
            "Directory/IssueToken",
            issue,
            token: admin,
            PBIssueTokenResponse.self
        )
        return issued.secret
    }

    func create(
        _ message: String,
        token: String,
        key: String = "",
        seconds: Int64 = 20,
        _ change: (inout PBCreateRequest) -> Void = { _ in }
    ) async throws -> PBReceipt {
        var request = PBCreateRequest.with {
            $0.message = message
            $0.idempotencyKey = key
            $0.requester.name = "Anna"
        }
        change(&request)
        return try await call("Cases/Create", request, token: token, seconds: seconds)
    }

    func execute(
        _ id: String,
        _ action: PBExecuteRequest.OneOf_Action,
        token: String
    ) async throws -> PBReceipt {
        let request = PBExecuteRequest.with {
            $0.caseID = id
            $0.action = action
        }
        return try await call("Cases/Execute", request, token: token)
    }
}
