import CaseClient
import Foundation

/// What `cluster top` shows, for people and for programs.
extension TopFigures {
    /// The page, a newline after each line.
    var text: String {
        let silent = nodes.count { $0.load == nil }
        let behind = groups.reduce(0) { $0 + ($1.lag ?? 0) }
        let headless = groups.count { $0.leader == 0 }
        let rates = nodes.compactMap(\.rates)
        var head =
            "cluster \(status.clusterID.prefix(8))  nodes \(nodes.count - silent)/\(nodes.count)  "
            + "groups \(groups.count)  coordinator "
            + (status.coordinator == 0 ? "none" : "node \(status.coordinator)")
        head += "  calls \(Self.rate(rates.reduce(0) { $0 + $1.calls }, rates.isEmpty))"
        head += "  commands \(Self.rate(rates.reduce(0) { $0 + $1.commands }, rates.isEmpty))"
        var alarms: [String] = []
        if silent > 0 { alarms.append("\(silent) of the nodes do not answer") }
        if headless > 0 { alarms.append("\(headless) groups have no leader") }
        if behind > 0 { alarms.append("replicas lack \(behind) entries") }
        for node in nodes {
            alarms += node.load?.objections.map { "node \(node.id): \($0)" } ?? []
        }
        let warnings = alarms.map { "! " + printable($0, keepLines: false) + "\n" }.joined()
        return head + "\n" + warnings + "\n" + nodeTable.text + "\n" + groupTable.text
    }

    private var nodeTable: Table {
        var table = Table(
            "NODE",
            "ADDRESS",
            "STATE",
            "UP",
            "LEADS",
            "CALLS/S",
            "OPEN",
            "CMDS/S",
            "COMMIT MS",
            "SYNCS/S",
            "SYNC MS",
            "CPU %",
            "MEMORY",
            "LOG",
            "DISK FREE"
        )
        for node in nodes {
            guard let load = node.load else {
                table.add(
                    "\(node.id)",
                    node.address,
                    "NO ANSWER",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    ""
                )
                continue
            }
            let rates = node.rates
            table.add(
                "\(node.id)",
                node.address,
                load.objections.isEmpty ? "ready" : "NOT READY",
                Self.time(load.uptimeMs),
                "\(node.leads)",
                Self.number(rates?.calls),
                "\(load.callsOpen)",
                Self.number(rates?.commands),
                Self.milliseconds(rates?.commitMilliseconds),
                Self.number(rates?.syncs),
                Self.milliseconds(rates?.syncMilliseconds),
                Self.number(rates?.processorPercent),
                Self.bytes(load.residentBytes),
                Self.bytes(load.logBytes),
                Self.bytes(load.diskFreeBytes) + " of " + Self.bytes(load.diskSizeBytes)
            )
        }
        return table
    }

    private var groupTable: Table {
        var table = Table(
            "GROUP",
            "LEADER",
            "TERM",
            "COMMIT",
            "COMMITS/S",
            "LAG",
            "BEHIND",
            "STORE"
        )
        for group in groups {
            table.add(
                group.name,
                group.leader == 0 ? "NONE" : "\(group.leader)",
                "\(group.term)",
                "\(group.commitIndex)",
                Self.number(group.commitsPerSecond),
                group.lag.map { "\($0)" } ?? "unknown",
                group.laggard == 0 ? "" : "node \(group.laggard)",
                Self.bytes(group.storeBytes)
            )
        }
        return table
    }

    /// One sample on one line.
    var json: JSONValue {
        .object([
            .init("cluster_id", .string(status.clusterID)),
            .init(
                "coordinator",
                status.coordinator == 0 ? .null : .unsigned(status.coordinator)
            ),
            .init("nodes", .array(nodes.map(Self.json))),
            .init("groups", .array(groups.map(Self.json))),
        ])
    }

    private static func json(_ node: Node) -> JSONValue {
        let load = node.load
        return .object([
            .init("node_id", .unsigned(node.id)),
            .init("address", .string(node.address)),
            .init("answers", .bool(load != nil)),
            .init("objections", .array((load?.objections ?? []).map { .string($0) })),
            .init("uptime_ms", optional(load?.uptimeMs)),
            .init("leads", .unsigned(UInt64(node.leads))),
            .init("calls_per_second", optional(node.rates?.calls)),
            .init("calls_open", optional(load?.callsOpen)),
            .init("connections", optional(load?.connections)),
            .init("commands_per_second", optional(node.rates?.commands)),
            .init("commit_ms", optional(node.rates?.commitMilliseconds)),
            .init("syncs_per_second", optional(node.rates?.syncs)),
            .init("sync_ms", optional(node.rates?.syncMilliseconds)),
            .init("processor_percent", optional(node.rates?.processorPercent)),
            .init("resident_bytes", optional(load?.residentBytes)),
            .init("log_bytes", optional(load?.logBytes)),
            .init("disk_free_bytes", optional(load?.diskFreeBytes)),
            .init("disk_size_bytes", optional(load?.diskSizeBytes)),
        ])
    }

    private static func json(_ group: Group) -> JSONValue {
        .object([
            .init("group", .unsigned(UInt64(group.group))),
            .init("leader", group.leader == 0 ? .null : .unsigned(group.leader)),
            .init("term", .unsigned(group.term)),
            .init("commit_index", .unsigned(group.commitIndex)),
            .init("commits_per_second", optional(group.commitsPerSecond)),
            .init("lag_entries", optional(group.lag)),
            .init("store_bytes", .unsigned(group.storeBytes)),
        ])
    }

    private static func optional(_ number: UInt64?) -> JSONValue {
        number.map { .unsigned($0) } ?? .null
    }

    private static func optional(_ number: Double?) -> JSONValue {
        number.map { .decimal($0) } ?? .null
    }

    // MARK: Numbers for people

    private static func rate(_ rate: Double, _ isUnknown: Bool) -> String {
        isUnknown ? "-" : number(rate) + "/s"
    }

    static func number(_ number: Double?) -> String {
        guard let number else { return "" }
        return number < 10 && number > 0 ? fixed(number, 1) : fixed(number, 0)
    }

    static func milliseconds(_ number: Double?) -> String { number.map { fixed($0, 1) } ?? "" }

    private static func fixed(_ number: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", number)
    }

    static func time(_ milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1_000
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7_200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3_600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    static func bytes(_ bytes: UInt64) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return fixed(value, unit == 0 || value >= 100 ? 0 : 1) + " " + units[unit]
    }
}
