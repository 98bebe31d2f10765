import ClusterPrimitives
import NIOCore

/// What one process of the cluster is told when it starts. Cluster-wide settings (reopen window, night,
/// zone) are not here: they are replicated, and changed with `casectl settings set`.
public struct NodeConfiguration: Equatable, Sendable {
    /// Where the node lives.
    public var dataDirectory = "./casenode-data"
    /// The address that clients reach it at.
    public var listenHost = "127.0.0.1"
    /// The port that clients reach it at; 0 takes a free one.
    public var listenPort = 7400
    /// The address that probes and metrics are served on, over plain HTTP/1.1.
    public var operationsListenHost = "127.0.0.1"
    /// The port that probes and metrics are served on.
    public var operationsListenPort = OperationsPort.derived
    /// No TLS. Refused unless `listenHost` is a loopback address.
    public var plaintext = false
    /// PEM files; empty: the node makes a certificate authority and a certificate in its data directory.
    public var certificatePath = ""
    /// The certificate's key.
    public var keyPath = ""
    /// Roots that client certificates are checked against; empty asks for none.
    public var clientRootsPath = ""
    /// This node's id; 0: what the data directory says, or 1 for a new cluster of one node.
    public var nodeID = 0
    /// The nodes that found the cluster together, this one among them; empty: this one alone, without peers.
    public var initialMembers: [InitialMember] = []
    /// The members of a cluster to join, and this node, each with its peer address; empty: joins nothing.
    public var join: [InitialMember] = []
    /// The id of the cluster to join, 32 hexadecimal digits.
    public var clusterID = ""
    /// Tells clusters apart: nodes and certificates of another name are refused.
    public var clusterToken = "casecluster"
    /// The address that other nodes reach it at; empty: `listenHost`.
    public var peerListenHost = ""
    /// The port that other nodes reach it at; 0: the one that `initialMembers` names for this node.
    public var peerListenPort = 0
    /// `host:port` that clients are told; empty: `listenHost` and `listenPort`.
    public var advertise = ""
    /// PEM file; names this node (`PeerName`). Needed for peers unless everything is plain text on loopback.
    public var peerCertificatePath = ""
    /// The peer certificate's key.
    public var peerKeyPath = ""
    /// Roots that other nodes' certificates are checked against.
    public var peerRootsPath = ""
    /// A file with the first admin's token; empty: the founding node makes one.
    public var adminTokenPath = ""
    /// Shards of a new cluster; fixed from then on.
    public var shardCount = 16
    /// Size of a log segment in bytes.
    public var logSegmentBytes = 64 << 20
    /// Entries applied to a shard since its last checkpoint that start the next one.
    public var checkpointEntries = 20_000
    /// Time after which whatever was applied is checkpointed, in milliseconds: bounds what a start replays.
    public var checkpointMilliseconds = 30_000
    /// Bytes of log that all replicas together keep in memory behind their checkpoints, for followers that lag:
    /// one that is further behind gets a snapshot.
    public var retainedLogBytes = 128 << 20
    /// Commands in flight per shard; more are refused with RESOURCE_EXHAUSTED.
    public var inFlightPerShardMax = 4_096
    /// Threads that run SQLite; shards are spread over them.
    public var storeThreads = Self.threadsDefault
    /// Threads that run event loops.
    public var loopThreads = Self.threadsDefault
    /// The least important level that is logged.
    public var logLevel = "info"
    /// A file into which phases of the log and the checkpoints are counted, for crash tests; empty for none.
    public var phaseReportPath = ""

    /// Half the cores for the event loops and half for SQLite, which are about equally busy. More threads than
    /// cores only pass work back and forth; more than eight of either have nothing left to spread.
    static var threadsDefault: Int { min(8, max(1, System.coreCount / 2)) }

    /// The defaults.
    public init() {}
}

/// Why a configuration can't be used: which option, from where, and what is wrong.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The option's name, as the flag without its dashes.
    public let option: String
    /// What is wrong.
    public let reason: String

    /// Names an option and its fault.
    public init(option: String, reason: String) {
        self.option = option
        self.reason = reason
    }

    /// For people.
    public var description: String { "--\(option): \(reason)" }
}

/// One option of `casenode`: the one table that flags, environment, file and documentation share.
public struct NodeOption: Sendable {
    /// The flag without dashes, and the key in a file: `listen-port`.
    public let name: String
    /// The value's unit or form, for help.
    public let unit: String
    /// What it is for.
    public let help: String
    /// Its value in a configuration, as text.
    public let render: @Sendable (NodeConfiguration) -> String
    /// Sets it from text; nil if the text is fine, otherwise what is wrong.
    public let apply: @Sendable (inout NodeConfiguration, String) -> String?

    /// `CASENODE_LISTEN_PORT`.
    public var environmentName: String {
        "CASENODE_"
            + String(
                decoding: name.utf8.map { byte in
                    byte == UInt8(ascii: "-")
                        ? UInt8(ascii: "_")
                        : (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
                },
                as: UTF8.self
            )
    }

    /// The default, as text.
    public var defaultValue: String { render(NodeConfiguration()) }
}

extension NodeOption {
    /// All options, in the order of the help page.
    public static let all: [NodeOption] =
        [
            text("data-directory", "path", \.dataDirectory, "where the node keeps everything"),
            text(
                "listen-host",
                "address",
                \.listenHost,
                "the address that clients reach it at; 0.0.0.0 for all"
            ),
            number(
                "listen-port",
                "port",
                \.listenPort,
                0...65_535,
                "0 takes a free one and prints it"
            ),
            text(
                "operations-listen-host",
                "address",
                \.operationsListenHost,
                "the address that /livez, /readyz and /metrics are served on, in plain HTTP/1.1 "
                    + "and to anybody who reaches it"
            ),
            NodeOption(
                name: "operations-listen-port",
                unit: "port|off",
                help: "the port of /livez, /readyz and /metrics; derived: \(OperationsPort.offset) "
                    + "above --listen-port; 0 takes a free one and prints it; off: none",
                render: { $0.operationsListenPort.description },
                apply: { configuration, value in
                    guard let port = OperationsPort(value) else {
                        return "must be a number from 0 to 65535, off or derived"
                    }
                    configuration.operationsListenPort = port
                    return nil
                }
            ),
            flag("plaintext", \.plaintext, "no TLS; only on a loopback address"),
            text(
                "certificate",
                "PEM file",
                \.certificatePath,
                "the node's certificate; empty: the node makes its own in <data>/tls"
            ),
            text("key", "PEM file", \.keyPath, "the certificate's key"),
            text(
                "client-roots",
                "PEM file",
                \.clientRootsPath,
                "ask clients for certificates that these roots signed"
            ),
            number(
                "shards",
                "count",
                \.shardCount,
                1...ShardID.countMax,
                "shards of a new cluster; fixed from then on"
            ),
        ] + cluster + [
            number(
                "log-segment-bytes",
                "bytes",
                \.logSegmentBytes,
                64 << 10...1 << 30,
                "size of a segment of the replication log"
            ),
            number(
                "checkpoint-entries",
                "entries",
                \.checkpointEntries,
                16...10_000_000,
                "entries applied to a shard that start a checkpoint of its SQLite file"
            ),
            number(
                "checkpoint-milliseconds",
                "milliseconds",
                \.checkpointMilliseconds,
                100...86_400_000,
                "time after which whatever was applied to a shard is checkpointed"
            ),
            number(
                "retained-log-bytes",
                "bytes",
                \.retainedLogBytes,
                64 << 10...16 << 30,
                "log kept in memory for followers that lag, all shards together; "
                    + "four times that at worst, for those that are there"
            ),
            number(
                "in-flight-per-shard",
                "commands",
                \.inFlightPerShardMax,
                1...65_536,
                "commands in flight per shard before clients are told to wait"
            ),
            number("store-threads", "threads", \.storeThreads, 1...64, "threads that run SQLite"),
            number(
                "loop-threads",
                "threads",
                \.loopThreads,
                1...64,
                "threads that run event loops"
            ),
            NodeOption(
                name: "log-level",
                unit: "trace|debug|info|notice|warning|error|critical",
                help: "the least important level that is logged, to standard error",
                render: { $0.logLevel },
                apply: { configuration, value in
                    let levels = [
                        "trace", "debug", "info", "notice", "warning", "error", "critical",
                    ]
                    guard levels.contains(value) else {
                        return "is none of \(levels.joined(separator: ", "))"
                    }
                    configuration.logLevel = value
                    return nil
                }
            ),
            text(
                "phase-report",
                "path",
                \.phaseReportPath,
                "count how often each phase of the log and the checkpoints ran into this file, for crash tests"
            ),
        ]

    typealias Path<Value> = WritableKeyPath<NodeConfiguration, Value> & Sendable

    static func text(
        _ name: String,
        _ unit: String,
        _ path: Path<String>,
        _ help: String
    ) -> NodeOption {
        NodeOption(name: name, unit: unit, help: help, render: { $0[keyPath: path] }) {
            $0[keyPath: path] = $1
            return nil
        }
    }

    static func number(
        _ name: String,
        _ unit: String,
        _ path: Path<Int>,
        _ range: ClosedRange<Int>,
        _ help: String
    ) -> NodeOption {
        NodeOption(name: name, unit: unit, help: help, render: { String($0[keyPath: path]) }) {
            guard let value = Int($1), range.contains(value) else {
                return "must be a number from \(range.lowerBound) to \(range.upperBound)"
            }
            $0[keyPath: path] = value
            return nil
        }
    }

    static func flag(_ name: String, _ path: Path<Bool>, _ help: String) -> NodeOption {
        NodeOption(
            name: name,
            unit: "true|false",
            help: help,
            render: { String($0[keyPath: path]) }
        ) {
            guard let value = Bool($1) else { return "must be true or false" }
            $0[keyPath: path] = value
            return nil
        }
    }
}

extension NodeConfiguration {
    /// Takes each option from the first source that has it.
    /// - Parameter sources: named, the strongest first; each answers an option's text or nil.
    /// - Throws: naming the option, its source and what is wrong with it.
    public init(
        sources: [(name: String, value: (NodeOption) -> String?)]
    ) throws(ConfigurationError) {
        self.init()
        for option in NodeOption.all {
            for source in sources {
                guard let text = source.value(option) else { continue }
                if let fault = option.apply(&self, text) {
                    throw ConfigurationError(
                        option: option.name,
                        reason: "\(fault) (\(source.name))"
                    )
                }
                break
            }
        }
        try validate()
    }
}
