import ArgumentParser
import CaseNode

/// The flags. One for each row of `NodeOption.all`, checked by a test; their meaning, unit and default
/// come from there.
struct NodeFlags: ParsableArguments {
    @Option(
        help: "A YAML or JSON file with any of the options below. (environment: CASENODE_CONFIG)"
    )
    var config: String?

    @Option(help: NodeFlags.help("data-directory")) var dataDirectory: String?
    @Option(help: NodeFlags.help("listen-host")) var listenHost: String?
    @Option(help: NodeFlags.help("listen-port")) var listenPort: String?
    @Option(help: NodeFlags.help("operations-listen-host")) var operationsListenHost: String?
    @Option(help: NodeFlags.help("operations-listen-port")) var operationsListenPort: String?
    @Flag(help: NodeFlags.help("plaintext")) var plaintext = false
    @Option(help: NodeFlags.help("certificate")) var certificate: String?
    @Option(help: NodeFlags.help("key")) var key: String?
    @Option(help: NodeFlags.help("client-roots")) var clientRoots: String?
    @Option(help: NodeFlags.help("shards")) var shards: String?
    @Option(help: NodeFlags.help("node-id")) var nodeId: String?
    @Option(help: NodeFlags.help("initial-members")) var initialMembers: String?
    @Option(help: NodeFlags.help("join")) var join: String?
    @Option(help: NodeFlags.help("cluster-id")) var clusterId: String?
    @Option(help: NodeFlags.help("cluster-token")) var clusterToken: String?
    @Option(help: NodeFlags.help("peer-listen-host")) var peerListenHost: String?
    @Option(help: NodeFlags.help("peer-listen-port")) var peerListenPort: String?
    @Option(help: NodeFlags.help("advertise")) var advertise: String?
    @Option(help: NodeFlags.help("peer-certificate")) var peerCertificate: String?
    @Option(help: NodeFlags.help("peer-key")) var peerKey: String?
    @Option(help: NodeFlags.help("peer-roots")) var peerRoots: String?
    @Option(help: NodeFlags.help("admin-token-file")) var adminTokenFile: String?
    @Option(help: NodeFlags.help("log-segment-bytes")) var logSegmentBytes: String?
    @Option(help: NodeFlags.help("checkpoint-entries")) var checkpointEntries: String?
    @Option(help: NodeFlags.help("checkpoint-milliseconds")) var checkpointMilliseconds: String?
    @Option(help: NodeFlags.help("retained-log-bytes")) var retainedLogBytes: String?
    @Option(help: NodeFlags.help("in-flight-per-shard")) var inFlightPerShard: String?
    @Option(help: NodeFlags.help("store-threads")) var storeThreads: String?
    @Option(help: NodeFlags.help("loop-threads")) var loopThreads: String?
    @Option(help: NodeFlags.help("log-level")) var logLevel: String?
    @Option(help: NodeFlags.help("phase-report")) var phaseReport: String?

    /// By option name, only what was given.
    var values: [String: String] {
        var values: [String: String] = [:]
        values["data-directory"] = dataDirectory
        values["listen-host"] = listenHost
        values["listen-port"] = listenPort
        values["operations-listen-host"] = operationsListenHost
        values["operations-listen-port"] = operationsListenPort
        values["plaintext"] = plaintext ? "true" : nil
        values["certificate"] = certificate
        values["key"] = key
        values["client-roots"] = clientRoots
        values["shards"] = shards
        values["node-id"] = nodeId
        values["initial-members"] = initialMembers
        values["join"] = join
        values["cluster-id"] = clusterId
        values["cluster-token"] = clusterToken
        values["peer-listen-host"] = peerListenHost
        values["peer-listen-port"] = peerListenPort
        values["advertise"] = advertise
        values["peer-certificate"] = peerCertificate
        values["peer-key"] = peerKey
        values["peer-roots"] = peerRoots
        values["admin-token-file"] = adminTokenFile
        values["log-segment-bytes"] = logSegmentBytes
        values["checkpoint-entries"] = checkpointEntries
        values["checkpoint-milliseconds"] = checkpointMilliseconds
        values["retained-log-bytes"] = retainedLogBytes
        values["in-flight-per-shard"] = inFlightPerShard
        values["store-threads"] = storeThreads
        values["loop-threads"] = loopThreads
        values["log-level"] = logLevel
        values["phase-report"] = phaseReport
        return values
    }

    private static func help(_ name: String) -> ArgumentHelp {
        guard let option = NodeOption.all.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is not in the table of options")
        }
        let value = option.defaultValue.isEmpty ? "none" : option.defaultValue
        return ArgumentHelp(
            "\(option.help). (default: \(value); environment: \(option.environmentName))",
            valueName: option.unit.replacing(" ", with: "-")
        )
    }
}
