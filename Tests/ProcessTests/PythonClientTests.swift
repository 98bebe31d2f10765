import CaseClient
import Foundation
import ProcessSupport
import Testing

/// Goal: who has only the committed .proto files and gRPC's own library can use a node.
/// Method: a Python script compiles them, and does what a first integration does; what it saw is
/// checked here. Needs a Python with `grpcio` and `grpcio-tools`, named by CASECLUSTER_PYTHON.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["CASECLUSTER_PYTHON"] != nil,
        "CASECLUSTER_PYTHON names no Python with grpcio and grpcio-tools"
    ),
    .timeLimit(.minutes(2))
)
struct PythonClientTests {
    private struct Failure: Decodable, Equatable {
        var code: String
        var message: String
        var hasDetail: Bool
        var kind: String
        var field: String
        var currentVersion: UInt64
        var refused: Bool
    }

    private struct Report: Decodable {
        let health: [String: String]
        let startsWithHeartbeat: Bool
        let caseID: String
        let sameReceipt: Bool
        let title: String
        let status: String
        let priority: String
        let version: UInt64
        let texts: [String]
        let seen: [[Word]]
        let errors: [String: Failure]
    }

    /// A text or a number.
    private struct Word: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                text = try container.decode(String.self)
            } catch {
                text = String(try container.decode(UInt64.self))
            }
        }
    }

    private static let here = URL(filePath: #filePath).deletingLastPathComponent()

    @Test(arguments: [true, false])
    func worksFromTheProtoFilesAlone(hasTLS: Bool) async throws {
        let directory = try TemporaryDirectory()
        let node = try await NodeProcess.start(
            NodeProcess.Options(
                dataDirectory: directory.path + "/data",
                port: freePort(),
                arguments: ["--shards", "4"],
                hasTLS: hasTLS
            )
        )
        let admin = try node.client(token: try node.adminToken)
        try await admin.put(
            Principal.with {
                $0.name = "python"
                $0.role = .agent
                $0.teams = [Cast.team]
            }
        )
        let token = try await admin.issueToken(for: "python").secret
        let report = try await run(node, token: token)
        try check(report)
        // What was done over there is here.
        let found = try await node.client(token: token).get(report.caseID)
        #expect(found.requester.name == "Ödla" && found.version == report.version)
        #expect(await node.stop() == 0)
    }

    private func run(_ node: NodeProcess, token: String) async throws -> Report {
        let python = try #require(ProcessInfo.processInfo.environment["CASECLUSTER_PYTHON"])
        let protocolFolder = Self.here.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Protocol").path(percentEncoded: false)
        let script = Self.here.appending(path: "Python/client.py").path(percentEncoded: false)
        let authority = node.options.hasTLS ? [node.options.authorityPath] : []
        let outcome = try await Command.run(
            python,
            [script, protocolFolder, "127.0.0.1:\(node.options.port)"] + authority,
            environment: ["CASECLUSTER_TOKEN": token]
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    }

    private func check(_ report: Report) throws {
        #expect(
            report.health == [
                "": "SERVING", "casecluster.v1.Cases": "SERVING",
                "casecluster.v1.Nothing": "NOT_FOUND",
            ]
        )
        #expect(report.startsWithHeartbeat)
        #expect(report.sameReceipt)
        #expect(report.title == "Räksmörgåsen")
        #expect(report.status == "CASE_STATUS_OPEN" && report.priority == "PRIORITY_HIGH")
        #expect(report.texts == ["går inte att öppna 🦐", "Vi tittar på det."])
        let seen = report.seen.map { $0.map(\.text) }
        #expect(seen == [["create-as-owner", "1"], ["comment", "2"]])
        for (name, failure) in report.errors.sorted(by: { $0.key < $1.key }) {
            #expect(failure.hasDetail && !failure.message.isEmpty, "\(name): \(failure)")
        }
        func expect(_ name: String, _ code: String, _ kind: String, _ field: String) throws {
            let failure = try #require(report.errors[name])
            #expect(
                [failure.code, failure.kind, failure.field] == [code, kind, field],
                "\(name): \(failure)"
            )
        }
        try expect("stranger", "UNAUTHENTICATED", "unauthenticated", "authorization")
        try expect("badID", "INVALID_ARGUMENT", "invalid-request", "case_id")
        try expect("noMessage", "INVALID_ARGUMENT", "invalid-request", "message")
        try expect("stale", "ABORTED", "stale-version", "expected_version")
        try expect("keyReused", "ALREADY_EXISTS", "key-reused", "idempotency_key")
        try expect("wrongStatus", "FAILED_PRECONDITION", "wrong-status", "accept")
        #expect(report.errors["stale"]?.currentVersion == 2)
        #expect(report.errors["wrongStatus"]?.refused == true)
    }
}
