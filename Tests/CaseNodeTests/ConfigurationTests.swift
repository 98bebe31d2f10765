import Testing

@testable import CaseNode

@Suite struct ConfigurationTests {
    private func load(
        flags: [String: String] = [:],
        environment: [String: String] = [:],
        file: [String: String] = [:]
    ) throws(ConfigurationError) -> NodeConfiguration {
        try NodeConfiguration(sources: [
            ("flag", { flags[$0.name] }),
            ("environment", { environment[$0.environmentName] }),
            ("node.yaml", { file[$0.name] }),
        ])
    }

    /// A value other than the default for each option; the test below fails for an option without one.
    private static let others: [String: String] = [
        "data-directory": "/data", "listen-host": "10.0.0.1", "listen-port": "7401",
        "plaintext": "true", "certificate": "c.pem", "key": "k.pem", "client-roots": "r.pem",
        "shards": "1024", "log-segment-bytes": "131072", "checkpoint-entries": "16",
        "checkpoint-milliseconds": "100", "in-flight-per-shard": "1", "store-threads": "64",
        "loop-threads": "64", "log-level": "trace", "phase-report": "phases",
    ]

    @Test func everyOptionCanBeSetAndRead() throws {
        for option in NodeOption.all {
            let value = try #require(Self.others[option.name], "no value for \(option.name)")
            var configuration = NodeConfiguration()
            #expect(option.apply(&configuration, value) == nil, "\(option.name)")
            #expect(option.render(configuration) == value, "\(option.name)")
            #expect(option.defaultValue != value, "\(option.name)")
            // The default can be given too.
            #expect(option.apply(&configuration, option.defaultValue) == nil, "\(option.name)")
            #expect(configuration == NodeConfiguration(), "\(option.name)")
        }
        #expect(Set(NodeOption.all.map(\.name)).count == NodeOption.all.count)
        #expect(NodeOption.all.count == Self.others.count)
    }

    @Test func theStrongestSourceWins() throws {
        let environment = ["CASENODE_LISTEN_PORT": "2", "CASENODE_LOG_LEVEL": "debug"]
        let file = ["listen-port": "3", "log-level": "error", "shards": "4"]
        let found = try load(flags: ["listen-port": "1"], environment: environment, file: file)
        #expect(found.listenPort == 1 && found.logLevel == "debug" && found.shardCount == 4)
    }

    @Test(arguments: [
        ("listen-port", "65536"), ("listen-port", "x"), ("shards", "0"), ("shards", "1025"),
        ("plaintext", "yes"), ("log-level", "loud"), ("log-segment-bytes", "1"),
        ("checkpoint-entries", "1"), ("checkpoint-milliseconds", "99"), ("store-threads", "0"),
        ("loop-threads", "65"), ("in-flight-per-shard", "0"),
    ])
    func anErrorNamesOptionAndSource(option: String, value: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try load(file: [option: value])
        }
        let found = try #require(error)
        #expect(found.option == option)
        #expect(found.description.hasPrefix("--\(option): "))
        #expect(found.description.contains("node.yaml"))
    }

    @Test func contradictionsAreRefused() throws {
        func option(_ flags: [String: String]) -> String? {
            do {
                _ = try load(flags: flags)
                return nil
            } catch { return error.option }
        }
        #expect(option(["plaintext": "true", "listen-host": "0.0.0.0"]) == "plaintext")
        #expect(option(["plaintext": "true", "client-roots": "r.pem"]) == "plaintext")
        #expect(option(["certificate": "c.pem"]) == "key")
        #expect(option(["key": "k.pem"]) == "certificate")
        #expect(option(["data-directory": ""]) == "data-directory")
        #expect(option(["plaintext": "true", "listen-host": "::1"]) == nil)
    }
}
