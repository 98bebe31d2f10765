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
        "operations-listen-host": "10.0.0.2", "operations-listen-port": "off",
        "plaintext": "true", "certificate": "c.pem", "key": "k.pem", "client-roots": "r.pem",
        "shards": "1024", "log-segment-bytes": "131072", "checkpoint-entries": "16",
        "checkpoint-milliseconds": "100", "retained-log-bytes": "65536", "in-flight-per-shard": "1",
        "store-threads": "64",
        "loop-threads": "64", "log-level": "trace", "phase-report": "phases", "node-id": "2",
        "initial-members": "1=10.0.0.1:7500,2=10.0.0.2:7500,3=case3.example.com:7500",
        "join": "1=10.0.0.1:7500,2=10.0.0.2:7500",
        "cluster-id": "000102030405060708090a0b0c0d0e0f", "cluster-token": "north-1",
        "peer-listen-host": "0.0.0.0", "peer-listen-port": "7500",
        "advertise": "case2.example.com:7400", "peer-certificate": "p.pem", "peer-key": "p.key",
        "peer-roots": "ca.pem", "admin-token-file": "first.token",
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
        ("operations-listen-port", "65536"), ("operations-listen-port", "on"),
        ("plaintext", "yes"), ("log-level", "loud"), ("log-segment-bytes", "1"),
        ("checkpoint-entries", "1"), ("checkpoint-milliseconds", "99"), ("store-threads", "0"),
        ("loop-threads", "65"), ("in-flight-per-shard", "0"), ("node-id", "-1"),
        ("initial-members", "1=a:1,2=b:2"), ("initial-members", "1=a:1,1=b:2,3=c:3"),
        ("initial-members", "1=a:1,2=a:1,3=c:3"), ("initial-members", "0=a:1"),
        ("initial-members", "1=a"), ("initial-members", "1"), ("cluster-token", "North"),
        ("join", "1=a"), ("join", "1=a:1,1=b:1"), ("cluster-id", "00"), ("cluster-token", ""),
        ("cluster-token", "-a"), ("advertise", "here"),
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

    private static let three = "1=127.0.0.1:7501,2=127.0.0.1:7502,3=127.0.0.1:7503"
    private static let far = "1=10.0.0.1:7501,2=10.0.0.2:7501,3=10.0.0.3:7501"
    private static let peerFiles = [
        "peer-certificate": "p.pem", "peer-key": "p.key", "peer-roots": "ca.pem",
    ]

    @Test func nodesSpeakPlainTextOnLoopbackAlone() throws {
        func option(_ flags: [String: String]) -> String? {
            do {
                _ = try load(flags: flags)
                return nil
            } catch { return error.option }
        }
        let near = ["initial-members": Self.three, "node-id": "1"]
        let far = ["initial-members": Self.far, "node-id": "1"]
        let plain = ["plaintext": "true"]
        #expect(option(near) == "peer-certificate")
        #expect(option(near.merging(plain) { $1 }) == nil)
        #expect(option(far.merging(plain) { $1 }) == "plaintext")
        #expect(
            option(near.merging(plain) { $1 }.merging(["peer-listen-host": "0.0.0.0"]) { $1 })
                == "plaintext"
        )
        #expect(option(far.merging(Self.peerFiles) { $1 }) == nil)
        #expect(option(near.merging(["node-id": "4"]) { $1 }) == "initial-members")
        #expect(option(["initial-members": Self.three]) == "node-id")
        for (name, _) in Self.peerFiles {
            let files = Self.peerFiles.filter { $0.key != name }
            #expect(option(far.merging(files) { $1 }) == name)
        }
        let everywhere = far.merging(Self.peerFiles) { $1 }.merging(["listen-host": "0.0.0.0"]) {
            $1
        }
        #expect(option(everywhere) == "advertise")
        #expect(option(everywhere.merging(["advertise": "a.example.com:1"]) { $1 }) == nil)
    }

    /// All founders come to one id by themselves, and to another for any other list or name.
    @Test func aListMakesOneCluster() throws {
        let members = try InitialMembers.parse(Self.three)
        let turned = "3=127.0.0.1:7503,1=127.0.0.1:7501,2=127.0.0.1:7502"
        #expect(try InitialMembers.parse(turned) == members)
        #expect(InitialMembers.render(members) == Self.three)
        let id = InitialMembers.clusterID(token: "a", members)
        #expect(id.count == 16 && InitialMembers.clusterID(token: "a", members) == id)
        #expect(InitialMembers.clusterID(token: "b", members) != id)
        let other = try InitialMembers.parse(Self.far)
        #expect(InitialMembers.clusterID(token: "a", other) != id)
    }
}
