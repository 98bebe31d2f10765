import ArgumentParser
import CaseClient

/// The cluster itself.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "The state of the cluster.",
        subcommands: [Status.self, TopCommand.self, Nights.self]
    )

    /// `cluster status`.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Show nodes and replication groups, as the answering node knows them."
        )

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let status = try await session.client.clusterStatus()
                try session.show(status.json, status.text)
            }
        }
    }

    /// `cluster nights`.
    struct Nights: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "nights",
            abstract: "Show nightly archive runs, the latest first."
        )

        @Option(help: "At most this many, up to 100.")
        var count: UInt32 = 10

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let nights = try await session.client.nights(count: count)
                var table = Table("NIGHT", "BOUNDARY", "SHARDS DONE", "FINISHED")
                for night in nights {
                    table.add(
                        "\(night.number)",
                        Times.text(night.boundary),
                        "\(night.shardsDone)",
                        night.finished ? "yes" : "no"
                    )
                }
                try session.show(rows: nights.map(\.json), table)
            }
        }
    }
}

extension ClusterNight {
    var json: JSONValue {
        .object([
            .init("number", .unsigned(number)),
            .init("boundary", Times.json(boundary)),
            .init("shards_done", .unsigned(UInt64(shardsDone))),
            .init("finished", .bool(finished)),
        ])
    }
}

extension ClusterStatus {
    var text: String {
        var lines = FieldLines()
        lines.add("cluster", clusterID)
        lines.add("version", version)
        lines.add("answered by", "node \(nodeID), up \(uptimeMs / 1_000) s")
        lines.add("coordinator", coordinator == 0 ? "unknown" : "node \(coordinator)")
        lines.add("incarnation", "\(incarnation)")
        lines.add("shards", "\(shardCount)")
        lines.add("directory", "version \(directoryVersion)")
        lines.add("log", "\(logBytes) bytes")
        var members = Table("NODE", "ADDRESS", "PEER ADDRESS", "ALIVE", "LEADS")
        for node in nodes {
            let leads = groups.count { $0.leader == node.nodeID }
            members.add(
                "\(node.nodeID)",
                node.address,
                node.peerAddress,
                node.alive ? "yes" : "NO",
                "\(leads) of \(groups.count)"
            )
        }
        var replicas = Table(
            "GROUP",
            "LEADER",
            "TERM",
            "COMMIT",
            "APPLIED",
            "LAG",
            "CHECKPOINT",
            "VOTERS",
            "LEARNERS",
            "CASES",
            "NEXT DUE"
        )
        for group in groups {
            // What is elsewhere is known by its members alone.
            let own: (UInt64) -> String = { group.held ? "\($0)" : "" }
            replicas.add(
                group.group == 0 ? "system" : "shard \(group.group - 1)",
                group.leader == 0 ? "unknown" : "\(group.leader)",
                own(group.term),
                own(group.commitIndex),
                own(group.appliedIndex),
                own(group.commitIndex - min(group.appliedIndex, group.commitIndex)),
                own(group.checkpointIndex),
                Self.list(group.voters),
                Self.list(group.learners),
                group.group == 0 ? "" : own(group.casesByStatus.reduce(0, &+)),
                Times.text(group.nextDueAt)
            )
        }
        return [lines.text, members.text, replicas.text].joined(separator: "\n")
    }

    var json: JSONValue {
        .object([
            .init("cluster_id", .string(clusterID)),
            .init("node_id", .unsigned(nodeID)),
            .init("version", .string(version)),
            .init("uptime_ms", .unsigned(uptimeMs)),
            .init("coordinator", coordinator == 0 ? .null : .unsigned(coordinator)),
            .init("incarnation", .unsigned(incarnation)),
            .init("shard_count", .unsigned(UInt64(shardCount))),
            .init("directory_version", .unsigned(directoryVersion)),
            .init("log_bytes", .unsigned(logBytes)),
            .init("nodes", .array(nodes.map(Self.json))),
            .init("groups", .array(groups.map(Self.json))),
        ])
    }

    private static func list(_ nodes: [UInt64]) -> String {
        nodes.map { "\($0)" }.joined(separator: " ")
    }

    private static func json(_ node: ClusterNode) -> JSONValue {
        .object([
            .init("node_id", .unsigned(node.nodeID)),
            .init("address", .string(node.address)),
            .init("peer_address", .string(node.peerAddress)),
            .init("alive", .bool(node.alive)),
        ])
    }

    private static func json(_ group: ClusterGroup) -> JSONValue {
        .object([
            .init("group", .unsigned(UInt64(group.group))),
            .init("leader", group.leader == 0 ? .null : .unsigned(group.leader)),
            .init("term", .unsigned(group.term)),
            .init("commit_index", .unsigned(group.commitIndex)),
            .init("applied_index", .unsigned(group.appliedIndex)),
            .init("checkpoint_index", .unsigned(group.checkpointIndex)),
            .init("time", Times.json(group.time)),
            .init("next_due_at", Times.json(group.nextDueAt)),
            .init("cases_by_status", .array(group.casesByStatus.map { .unsigned($0) })),
            .init("voters", .array(group.voters.map { .unsigned($0) })),
            .init("learners", .array(group.learners.map { .unsigned($0) })),
            .init("held", .bool(group.held)),
        ])
    }
}
