import CaseClient
import CaseNode
import Foundation
import Glibc
import ProcessSupport
import Testing

/// Goal: a node starts with nothing said, stops cleanly when asked, and refuses by name what it can't
/// use, without touching it.
/// Method: the program itself, with its exit code, its words and the directory before and after.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct StartTests {
    static let configurationCode: Int32 = 78

    // MARK: With nothing said

    @Test func noFlagsMakeAWholeClusterOnLoopback() async throws {
        let directory = try TemporaryDirectory()
        // Other tests and programs may have the default port; then this one thing is said.
        let isDefaultFree = isFree(port: 7_400)
        let port = isDefaultFree ? 7_400 : freePort()
        let output = Pipe()
        var options = ChildProcess.Options(
            NodeProcess.programs.appending(path: "casenode").path(percentEncoded: false),
            [],
            environment: Command.environment.merging(
                isDefaultFree ? [:] : ["CASENODE_LISTEN_PORT": String(port)]
            ) { $1 }
        )
        options.directory = directory.path
        options.output = output.fileHandleForWriting.fileDescriptor
        options.errors = ChildProcess.nowhere
        let process = try ChildProcess.start(options)
        output.fileHandleForWriting.closeFile()
        defer { process.signal(SIGKILL) }
        let words = lines(2, of: output.fileHandleForReading)
        #expect(words.first == "casenode listens on 127.0.0.1:\(port), TLS", "\(words)")
        let data = directory.path + "/casenode-data"
        let tokenPath = data + "/admin.token"
        // The second line says where the token stands, as seen from where it was started.
        #expect(words.last == "admin token: ./casenode-data/admin.token", "\(words)")
        let mode = try FileManager.default.attributesOfItem(atPath: tokenPath)[.posixPermissions]
        #expect(mode as? Int == 0o600)

        let token = try String(contentsOfFile: tokenPath, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let endpoint = CaseEndpoint(host: "127.0.0.1", port: port)
        let client = try CaseClient(
            CaseClientConfiguration(
                endpoints: [endpoint],
                security: .tls(roots: data + "/tls/ca.pem"),
                token: token
            )
        )
        let status = try await client.clusterStatus()
        #expect(status.shardCount == 16 && status.nodes.count == 1)
        #expect(try await client.put(Team.with { $0.name = "first" }) > 0)
        // Who speaks plain text to it, or does not know its authority, gets nothing.
        let plain = try CaseClient(
            CaseClientConfiguration(endpoints: [endpoint], token: token, retry: .none)
        )
        #expect(
            await refusal { () async throws(CaseClientError) in
                try await plain.clusterStatus()
            } != nil
        )
        process.signal(SIGTERM)
        #expect(await process.end() == 0)
    }

    private func isFree(port: Int) -> Bool {
        do {
            _ = try RawSocket(port: port)
            return false
        } catch {
            return error.errno == ECONNREFUSED
        }
    }

    private func lines(_ count: Int, of handle: FileHandle) -> [String] {
        var lines: [String] = []
        var line = Data()
        while lines.count < count, let byte = handle.readData(ofLength: 1).first {
            if byte == UInt8(ascii: "\n") {
                lines.append(String(decoding: line, as: UTF8.self))
                line = Data()
            } else {
                line.append(byte)
            }
        }
        return lines
    }

    // MARK: Asked to stop

    @Test func aStopUnderLoadLosesNothing() async throws {
        let directory = try TemporaryDirectory()
        let options = NodeProcess.Options(
            dataDirectory: directory.path + "/data",
            port: freePort(),
            arguments: ["--shards", "4"]
        )
        var node = try await NodeProcess.start(options)
        let load = try await CommentLoad.prepare(node, workers: 32)
        load.gate.open()
        let running = Task { await load.run() }
        var seconds: [Double] = []
        for _ in 0..<3 {
            await load.advance(by: 150)
            let began = ContinuousClock.now
            #expect(await node.stop() == 0)
            let took = ContinuousClock.now - began
            seconds.append(
                Double(took.components.attoseconds) / 1e18 + Double(took.components.seconds)
            )
            node = try await NodeProcess.start(options)
        }
        await load.advance(by: 32)
        load.stop()
        await running.value
        let verdict = try await load.verify()
        #expect(verdict.isClean, "\(verdict)")
        #expect(await node.stop() == 0)
        let times = seconds.map { String(format: "%.2f", $0) }.joined(separator: ", ")
        print(
            "stops under load after \(times) s; acknowledged \(load.total.acknowledged), all there"
        )
    }

    // MARK: Directories that are not its own

    private func start(
        _ data: String,
        port: Int = 0,
        _ arguments: [String] = []
    ) async throws -> Command.Outcome {
        try await Command.run(
            "casenode",
            [
                "--data-directory", data, "--listen-port", String(port), "--plaintext",
                "--log-level", "error",
            ] + arguments
        )
    }

    /// Starts what must be refused, and must be left as it was.
    private func refuse(_ data: String, _ words: String) async throws {
        let before = try FileTree(data)
        let outcome = try await start(data)
        #expect(outcome.status == Self.configurationCode, "\(outcome)")
        #expect(outcome.errors.contains(words), "\(outcome)")
        #expect(outcome.errors.contains(data), "\(outcome)")
        #expect(before.changes(to: try FileTree(data)) == [], "\(words)")
    }

    @Test func foreignAndNewerDirectoriesAreLeftAlone() async throws {
        let directory = try TemporaryDirectory()
        let foreign = directory.path + "/photos"
        try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
        try Data("sun".utf8).write(to: URL(filePath: foreign + "/holiday.jpg"))
        try await refuse(foreign, "holds files of something else")

        let options = NodeProcess.Options(
            dataDirectory: directory.path + "/data",
            port: freePort(),
            arguments: ["--shards", "1"]
        )
        let node = try await NodeProcess.start(options)
        #expect(await node.stop() == 0)
        let identity = options.dataDirectory + "/identity"
        let text = try String(contentsOfFile: identity, encoding: .utf8)
        func rewrite(_ old: String, _ new: String) throws {
            try #require(text.contains(old))
            try Data(text.replacing(old, with: new).utf8).write(to: URL(filePath: identity))
        }
        try rewrite("format 1", "format 2")
        try await refuse(options.dataDirectory, "run a newer casenode")
        try rewrite("format 1", "shape 1")
        try await refuse(options.dataDirectory, "has no format")
        try rewrite("casecluster data directory", "somebody's directory")
        try await refuse(options.dataDirectory, "holds files of something else")
        // Another cluster's identity: the log says that it is not its own.
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("cluster ") })
        try rewrite(String(line), "cluster 00112233445566778899aabbccddeeff")
        let before = try FileTree(options.dataDirectory)
        let outcome = try await start(options.dataDirectory)
        #expect(outcome.status == Self.configurationCode, "\(outcome)")
        #expect(outcome.errors.contains("is not this node's log"), "\(outcome)")
        #expect(before.changes(to: try FileTree(options.dataDirectory)) == [])
        // The control: its own identity again.
        try Data(text.utf8).write(to: URL(filePath: identity))
        #expect(await (try NodeProcess.start(options)).stop() == 0)
    }

    @Test func aDirectoryInUseIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let options = NodeProcess.Options(
            dataDirectory: directory.path + "/data",
            port: freePort(),
            arguments: ["--shards", "1"]
        )
        let node = try await NodeProcess.start(options)
        let second = try await start(options.dataDirectory)
        #expect(second.status == Self.configurationCode, "\(second)")
        #expect(second.errors.contains("in use by another casenode"), "\(second)")
        let client = try node.client(token: try node.adminToken)
        #expect(try await client.clusterStatus().shardCount == 1)
        // A port in use is not the configuration's fault; the message says which.
        let third = try await start(directory.path + "/other", port: options.port)
        #expect(third.status == 1, "\(third)")
        #expect(third.errors.contains("127.0.0.1:\(options.port)"), "\(third)")
        #expect(await node.stop() == 0)
    }

    // MARK: Configuration

    /// A host that is no loopback address is refused with its name: that shows which source won,
    /// without a node.
    @Test func flagsWinOverTheEnvironmentOverTheFile() async throws {
        let directory = try TemporaryDirectory()
        let yaml = directory.path + "/node.yaml"
        let json = directory.path + "/node.json"
        try Data("listen-host: file.example\nlisten-port: 7499\nplaintext: true\n".utf8)
            .write(to: URL(filePath: yaml))
        try Data(
            #"{"listen-host": "json.example", "listen-port": 7499, "plaintext": true}"#.utf8
        ).write(to: URL(filePath: json))
        let environment = ["CASENODE_LISTEN_HOST": "environment.example"]
        let flag = ["--listen-host", "flag.example"]
        for (arguments, environment, winner) in [
            (["--config", yaml] + flag, environment, "flag.example"),
            (["--config", yaml], environment, "environment.example"),
            (["--config", yaml], [:], "file.example"),
            (["--config", json], [:], "json.example"),
            ([], ["CASENODE_CONFIG": json], "json.example"),
            (["--plaintext"] + flag, environment, "flag.example"),
        ] as [([String], [String: String], String)] {
            let outcome = try await Command.run(
                "casenode",
                arguments,
                environment: environment,
                directory: directory.path
            )
            #expect(outcome.status == Self.configurationCode, "\(arguments): \(outcome)")
            #expect(
                outcome.errors.contains("--plaintext") && outcome.errors.contains(winner),
                "\(arguments): \(outcome)"
            )
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/casenode-data"))
    }

    @Test func aBadValueNamesOptionAndSource() async throws {
        let directory = try TemporaryDirectory()
        let yaml = directory.path + "/node.yaml"
        try Data("shards: many\n".utf8).write(to: URL(filePath: yaml))
        let broken = directory.path + "/broken.json"
        try Data("{\"shards\": ".utf8).write(to: URL(filePath: broken))
        let unknownYAML = directory.path + "/unknown.yaml"
        try Data("# a comment\nshards: 4\n\"listen-prot\": 7401\n".utf8)
            .write(to: URL(filePath: unknownYAML))
        let unknownJSON = directory.path + "/unknown.json"
        try Data("{\"shards\": 4, \"listen_port\": 7401}".utf8)
            .write(to: URL(filePath: unknownJSON))
        let missing = directory.path + "/missing.yaml"
        for (arguments, environment, words) in [
            (["--shards", "0"], [:], ["--shards", "flag", "1 to 1024"]),
            ([], ["CASENODE_LISTEN_PORT": "70000"], ["--listen-port", "environment", "65535"]),
            (["--config", yaml], [:], ["--shards", yaml, "number"]),
            (["--config", broken], [:], ["--config", broken]),
            (["--config", unknownYAML], [:], ["--config", unknownYAML, "listen-prot"]),
            (["--config", unknownJSON], [:], ["--config", unknownJSON, "listen_port"]),
            (["--config", missing], [:], ["--config", missing]),
            (
                [], ["CASENODE_LISTEN_PROT": "7401"],
                ["--config", "environment", "CASENODE_LISTEN_PROT"]
            ),
            (["--log-level", "loud"], [:], ["--log-level", "flag", "critical"]),
            (["--data-directory", ""], [:], ["--data-directory", "empty"]),
            (["--certificate", "c.pem"], [:], ["--key", "together"]),
            (["--plaintext", "--listen-host", "0.0.0.0"], [:], ["--plaintext", "0.0.0.0"]),
            (
                [], ["CASENODE_PLAINTEXT": "perhaps"],
                ["--plaintext", "environment", "true or false"]
            ),
        ] as [([String], [String: String], [String])] {
            let outcome = try await Command.run(
                "casenode",
                arguments,
                environment: environment,
                directory: directory.path
            )
            #expect(
                outcome.status == Self.configurationCode,
                "\(arguments) \(environment): \(outcome)"
            )
            for word in words {
                #expect(outcome.errors.contains(word), "\(arguments) \(environment): \(outcome)")
            }
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/casenode-data"))
    }

    @Test func helpNamesEveryOptionWithItsDefault() async throws {
        let outcome = try await Command.run("casenode", ["--help"])
        #expect(outcome.status == 0)
        // The page is wrapped to its width.
        let words = outcome.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(NodeOption.all.count > 10)
        for option in NodeOption.all {
            let value = option.defaultValue.isEmpty ? "none" : option.defaultValue
            #expect(words.contains("--\(option.name) "), "\(option.name)")
            #expect(
                words.contains("(default: \(value); environment: \(option.environmentName))"),
                "\(option.name)"
            )
        }
        #expect(try await Command.run("casenode", ["--nonsense"]).status == 64)
    }
}
