import CaseClient
import Foundation
import ProcessSupport
import Testing

/// Goal: `casectl cluster top` shows three real nodes as they are, live in a terminal and as samples elsewhere.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct TopTests {
    private struct Sample: Decodable {
        struct Node: Decodable {
            let node_id: UInt64
            let answers: Bool
            let objections: [String]
            let leads: Int
            let commands_per_second: Double?
            let calls_per_second: Double?
            let disk_free_bytes: UInt64?
        }
        struct Group: Decodable {
            let group: UInt32
            let leader: UInt64?
            let lag_entries: UInt64?
            let store_bytes: UInt64
        }
        let nodes: [Node]
        let groups: [Group]

        /// Each group's leader was one while it was asked.
        var hasEveryLeader: Bool {
            nodes.reduce(0) { $0 + $1.leads } == groups.count
                && groups.allSatisfy { $0.leader != nil && $0.lag_entries != nil }
        }
    }

    /// What `Python/terminal.py` prints.
    private struct Seen: Decodable {
        let status: Int32
        let wasShown: Bool
        let pages: Int
        let begins: String
        let ends: String
        let isRestored: Bool
        let errors: String
    }

    private func environment(_ nodes: ThreeNodes) throws -> [String: String] {
        [
            "CASECTL_SERVER": nodes.options.map { "127.0.0.1:\($0.port)" }.joined(separator: ","),
            "CASECTL_TOKEN": try nodes.adminToken,
        ]
    }

    private func top(_ nodes: ThreeNodes, _ arguments: String...) async throws -> Command.Outcome {
        try await Command.run(
            "casectl",
            ["cluster", "top"] + arguments,
            environment: try environment(nodes)
        )
    }

    @Test func samplesSayWhatTheNodesDo() async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "4"])
        let load = try await nodes.load(
            CommentLoad.Size(workers: 8, evenlyOver: 4)
        )
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 50)
        var samples: [Sample] = []
        // Who leads may change while the nodes are asked one after the other.
        repeat {
            let shown = try await top(
                nodes,
                "--output",
                "json",
                "--count",
                "2",
                "--interval",
                "1s"
            )
            #expect(shown.status == 0, "\(shown.errors)")
            samples = try shown.output.split(separator: "\n").map {
                try JSONDecoder().decode(Sample.self, from: Data($0.utf8))
            }
        } while !samples.allSatisfy(\.hasEveryLeader)
        #expect(samples.count == 2)
        for sample in samples {
            #expect(sample.nodes.map(\.node_id) == [1, 2, 3])
            #expect(sample.nodes.allSatisfy { $0.answers && $0.objections.isEmpty })
            #expect(sample.nodes.reduce(0) { $0 + $1.leads } == 5)
            #expect(sample.nodes.reduce(0) { $0 + ($1.commands_per_second ?? 0) } > 0)
            #expect(sample.nodes.allSatisfy { ($0.disk_free_bytes ?? 0) > 0 })
            #expect(sample.groups.map(\.group) == [0, 1, 2, 3, 4])
            #expect(sample.groups.allSatisfy { $0.leader != nil && $0.lag_entries != nil })
            #expect(sample.groups.allSatisfy { $0.store_bytes > 0 })
        }
        load.stop()
        await running.value
        // A node that is gone is shown as one.
        try await nodes.kill(2)
        let rest = try await top(nodes, "--once", "--interval", "100ms")
        #expect(rest.status == 0, "\(rest.errors)")
        #expect(rest.output.contains("NO ANSWER"), "\(rest.output)")
        #expect(rest.output.contains("1 of the nodes do not answer"), "\(rest.output)")
        let refused = try await Command.run(
            "casectl",
            ["cluster", "top", "--once"],
            environment: try environment(nodes).merging(["CASECTL_TOKEN": "nobody"]) { $1 }
        )
        #expect(refused.status == 77)
        await load.client.shutdown()
        #expect(try await nodes.stopAll() == [0, 0])
    }

    @Test(arguments: ["q", "^C"])
    func aTerminalIsDrawnAnewAndGivenBack(key: String) async throws {
        let nodes = try await ThreeNodes.start(arguments: ["--shards", "4"])
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Python/terminal.py").path(percentEncoded: false)
        let casectl = NodeProcess.programs.appending(path: "casectl").path(percentEncoded: false)
        let run = try await Command.run(
            "/usr/bin/env",
            ["python3", script, key, "shard 3", casectl, "cluster", "top", "--interval", "300ms"],
            environment: try environment(nodes)
        )
        let seen = try JSONDecoder().decode(Seen.self, from: Data(run.output.utf8))
        #expect(seen.status == 0 && seen.errors.isEmpty, "\(seen)")
        #expect(seen.wasShown && seen.pages >= 2, "\(seen)")
        #expect(seen.begins.hasPrefix("\u{1B}[?1049h"), "\(seen)")
        #expect(seen.ends.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"), "\(seen)")
        #expect(seen.isRestored, "\(seen)")
        #expect(try await nodes.stopAll() == [0, 0, 0])
    }
}
