import CaseClient

/// What two samples say together: rates, and the state as of the later one.
struct TopFigures: Sendable {
    /// One node.
    struct Node: Sendable {
        let id: UInt64
        let address: String
        /// Nil where it did not answer.
        let load: NodeLoad?
        /// Since the sample before; nil without one, or where the node has started anew since.
        let rates: Rates?
        /// Groups that it leads.
        let leads: Int
    }

    /// What a node did in a second, and how long it took on average.
    struct Rates: Sendable {
        let calls: Double
        let commands: Double
        let commitMilliseconds: Double?
        let syncs: Double
        let syncMilliseconds: Double?
        /// Of one processor, in percent.
        let processorPercent: Double

        init?(_ old: NodeLoad, _ new: NodeLoad) {
            guard new.clockNs > old.clockNs, new.uptimeMs >= old.uptimeMs, new.calls >= old.calls
            else { return nil }
            let seconds = Double(new.clockNs - old.clockNs) / 1e9
            func rate(_ old: UInt64, _ new: UInt64) -> Double { Double(new &- old) / seconds }
            func mean(_ count: UInt64, _ nanoseconds: UInt64) -> Double? {
                count == 0 ? nil : Double(nanoseconds) / Double(count) / 1e6
            }
            calls = rate(old.calls, new.calls)
            commands = rate(old.commands, new.commands)
            commitMilliseconds = mean(new.commits &- old.commits, new.commitNs &- old.commitNs)
            syncs = rate(old.syncs, new.syncs)
            syncMilliseconds = mean(new.syncs &- old.syncs, new.syncNs &- old.syncNs)
            processorPercent = rate(old.processorMs, new.processorMs) / 10
        }
    }

    /// One replication group, by the word of its leader where that answers.
    struct Group: Sendable {
        let group: UInt32
        let leader: UInt64
        let term: UInt64
        let commitIndex: UInt64
        /// Entries that whoever is furthest behind lacks; nil while no leader answers.
        let lag: UInt64?
        /// Who that is; 0 while nobody lacks anything.
        let laggard: UInt64
        let commitsPerSecond: Double?
        /// Bytes of the largest replica.
        let storeBytes: UInt64

        var name: String { group == 0 ? "system" : "shard \(group - 1)" }
    }

    let status: ClusterStatus
    let nodes: [Node]
    let groups: [Group]

    init(_ sample: TopSample, after old: TopSample?) {
        status = sample.status
        let held = sample.loads.mapValues { load in
            Dictionary(load.groups.map { ($0.group, $0) }) { first, _ in first }
        }
        nodes = sample.status.nodes.map { node in
            let load = sample.loads[node.nodeID]
            let before = old?.loads[node.nodeID]
            return Node(
                id: node.nodeID,
                address: node.address,
                load: load,
                rates: load.flatMap { load in before.flatMap { Rates($0, load) } },
                leads: held[node.nodeID]?.values.count { $0.leads } ?? 0
            )
        }
        groups = sample.status.groups.map { known in
            let replicas = sample.loads.values.flatMap(\.groups).filter { $0.group == known.group }
            return Group(known, replicas, Self.pace(of: known.group, sample, old))
        }
    }

    /// Commits of a group in a second, by a node that was asked both times.
    private static func pace(_ group: UInt32, _ new: NodeLoad, _ old: NodeLoad) -> Double? {
        guard let before = old.groups.first(where: { $0.group == group }),
            let now = new.groups.first(where: { $0.group == group }),
            new.clockNs > old.clockNs, now.commitIndex >= before.commitIndex
        else { return nil }
        let seconds = Double(new.clockNs - old.clockNs) / 1e9
        return Double(now.commitIndex - before.commitIndex) / seconds
    }

    private static func pace(
        of group: UInt32,
        _ sample: TopSample,
        _ old: TopSample?
    ) -> Double? {
        let paces = sample.loads.compactMap { id, load in
            old?.loads[id].flatMap { pace(group, load, $0) }
        }
        return paces.max()
    }
}

extension TopFigures.Group {
    fileprivate init(_ known: ClusterGroup, _ replicas: [GroupLoad], _ pace: Double?) {
        let leading = replicas.filter(\.leads).max { $0.term < $1.term }
        let newest = leading ?? replicas.max { $0.term < $1.term }
        group = known.group
        // Who answers for the group says so itself; else what the others believe.
        leader = newest?.leader ?? known.leader
        term = newest?.term ?? known.term
        commitIndex = newest?.commitIndex ?? known.commitIndex
        let last = leading?.lags.max { $0.entries < $1.entries }
        lag = leading.map { _ in last?.entries ?? 0 }
        laggard = (last?.entries ?? 0) > 0 ? last?.nodeID ?? 0 : 0
        commitsPerSecond = pace
        storeBytes = replicas.map(\.storeBytes).max() ?? 0
    }
}
