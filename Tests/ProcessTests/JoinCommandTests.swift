import CaseClient
import Foundation
import ProcessSupport
import Testing

/// Goal: who types what the help says, on a node that was started with no options, gets three nodes.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct JoinCommandTests {
    private struct Entry: Decodable {
        let cluster_id: String
        let join: String
    }

    private struct Status: Decodable {
        struct Group: Decodable { let voters: [UInt64] }
        let groups: [Group]
    }

    private let directory: TemporaryDirectory
    private let first: NodeProcess.Options

    init() throws {
        directory = try TemporaryDirectory()
        first = NodeProcess.Options(
            dataDirectory: directory.path + "/node-1",
            port: freePort(),
            hasTLS: true
        )
    }

    private func casectl(_ arguments: String...) async throws -> Command.Outcome {
        try await Command.run(
            "casectl",
            arguments,
            environment: environment
        )
    }

    @Test func aNodeWithoutOptionsTakesTwoOthersIn() async throws {
        let tls = first.dataDirectory + "/tls"
        var nodes = [try await NodeProcess.start(first)]
        let client = try nodes[0].client(token: try nodes[0].adminToken)
        let sam = try await supervisor(client)
        await client.shutdown()
        let reader = try nodes[0].client(token: sam)
        var new = NewCase()
        new.message = "before anybody came"
        new.requester.name = "Anna"
        let receipt = try await reader.create(new)
        for id in 2...3 {
            let made = try await casectl("tls", "node", "--directory", tls, "--id", "\(id)")
            #expect(made.status == 0, "\(made.errors)")
            let address = "127.0.0.1:\(freePort())"
            let join = ["node", "join", "--id", "\(id)", "--peer-address", address]
            let asked = try await Command.run(
                "casectl",
                join + ["--no-wait", "--output", "json"],
                environment: environment
            )
            #expect(asked.status == 0, "\(asked.errors)")
            let entry = try JSONDecoder().decode(Entry.self, from: Data(asked.output.utf8))
            nodes.append(
                try await NodeProcess.start(
                    NodeProcess.Options(
                        dataDirectory: "\(directory.path)/node-\(id)",
                        port: freePort(),
                        arguments: [
                            "--node-id", "\(id)", "--cluster-id", entry.cluster_id, "--join",
                            entry.join, "--certificate", "\(tls)/node-\(id).pem", "--key",
                            "\(tls)/node-\(id).key", "--peer-certificate", "\(tls)/node-\(id).pem",
                            "--peer-key", "\(tls)/node-\(id).key", "--peer-roots", "\(tls)/ca.pem",
                        ],
                        hasTLS: true
                    )
                )
            )
            // The same command again goes on watching, and ends when all is there.
            let done = try await Command.run("casectl", join, environment: environment)
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("node \(id) holds all 17 groups"), "\(done.output)")
        }
        let shown = try await casectl("cluster", "status", "--output", "json")
        let status = try JSONDecoder().decode(Status.self, from: Data(shown.output.utf8))
        #expect(status.groups.map(\.voters) == Array(repeating: [1, 2, 3], count: 17))
        #expect(try await reader.get(receipt.caseID).version == 1)
        await reader.shutdown()
        // Started again as it was the first time, it finds the others by itself.
        #expect(await nodes[0].stop() == 0)
        nodes[0] = try await NodeProcess.start(first)
        let again = try nodes[0].client(token: sam)
        #expect(try await again.get(receipt.caseID).version == 1)
        await again.shutdown()
        for node in nodes { #expect(await node.stop() == 0) }
    }

    private func supervisor(_ admin: CaseClient) async throws -> String {
        var sam = Principal()
        sam.name = "sam"
        sam.role = .supervisor
        sam.teams = ["default"]
        _ = try await admin.put(sam)
        return try await admin.issueToken(for: "sam").secret
    }

    private var environment: [String: String] {
        [
            "CASECTL_SERVER": "127.0.0.1:\(first.port)", "CASECTL_CA": first.authorityPath,
            "CASECTL_TOKEN_FILE": first.dataDirectory + "/admin.token",
        ]
    }
}
