import CaseModel
import ClusterPrimitives

// The shard map: where replicas should be, and where they are.
extension SystemState {
    private func checkReplicas(_ nodes: [NodeID], field: String) throws(SystemRefusal) {
        guard nodes.count <= SystemLimits.replicasMax else {
            throw .tooMany(field: field, limit: UInt32(SystemLimits.replicasMax))
        }
        for (position, node) in nodes.enumerated() {
            guard memberTable[node]?.isActive == true else {
                throw .notFound(field: field, id: "\(node)")
            }
            guard !nodes[..<position].contains(node) else {
                throw .invalid(field: field, reason: "names node \(node) twice")
            }
        }
    }

    mutating func place(_ targets: [ShardTarget]) throws(SystemRefusal) -> String {
        guard targets.count <= SystemLimits.placementsPerCommandMax else {
            throw .tooMany(
                field: "targets",
                limit: UInt32(SystemLimits.placementsPerCommandMax)
            )
        }
        var named = ShardSet()
        for target in targets {
            guard placement(of: target.shard) != nil else {
                throw .notFound(field: "targets.shard", id: "\(target.shard)")
            }
            guard !named.contains(target.shard) else {
                throw .invalid(
                    field: "targets.shard",
                    reason: "names shard \(target.shard) twice"
                )
            }
            named.insert(target.shard)
            guard !target.nodes.isEmpty else {
                throw .invalid(field: "targets.nodes", reason: "takes one or more")
            }
            try checkReplicas(target.nodes, field: "targets.nodes")
        }
        var changed = false
        for target in targets {
            var placement = shardMap[Int(target.shard.rawValue)]
            guard placement.target != target.nodes else { continue }
            placement.target = target.nodes
            store(.shard(placement))
            changed = true
        }
        if changed { meta.mapVersion += 1 }
        return ""
    }

    mutating func report(
        _ shard: ShardID,
        _ voters: [NodeID],
        _ learners: [NodeID],
        _ configurationIndex: LogIndex
    ) throws(SystemRefusal) -> String {
        guard var placement = placement(of: shard) else {
            throw .notFound(field: "shard", id: "\(shard)")
        }
        guard !voters.isEmpty else {
            throw .invalid(field: "voters", reason: "takes one or more")
        }
        guard configurationIndex > placement.configurationIndex else { return "\(shard)" }
        try checkReplicas(voters + learners, field: "voters")
        let changed = placement.voters != voters || placement.learners != learners
        placement.voters = voters
        placement.learners = learners
        placement.configurationIndex = configurationIndex
        store(.shard(placement))
        if changed { meta.mapVersion += 1 }
        return "\(shard)"
    }
}
