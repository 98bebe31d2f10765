import ClusterPrimitives

/// Spreads replicas over nodes.
public enum Placement {
    /// Every shard on up to `SystemLimits.replicasTarget` nodes: shard `s` begins at node `s`
    /// modulo their number, so that replicas and preferred leaders are spread evenly.
    public static func spread(shardCount: Int, over nodes: [NodeID]) -> [ShardTarget] {
        let sorted = nodes.sorted()
        guard !sorted.isEmpty else { return [] }
        let copies = min(sorted.count, SystemLimits.replicasTarget)
        return (0..<shardCount).map { shard in
            let chosen = (0..<copies).map { sorted[(shard + $0) % sorted.count] }
            assert(Set(chosen).count == copies)
            return ShardTarget(shard: ShardID(UInt16(shard)), nodes: chosen)
        }
    }

    /// Who should vote in the system group: an odd number of nodes, up to
    /// `SystemLimits.systemVotersMax`, those that vote now first. Everybody else learns.
    ///
    /// Why odd: a second voter would only add a node whose loss stops both.
    public static func systemVoters(_ state: SystemState, voting: [NodeID]) -> [NodeID] {
        let eligible = state.nodesForReplicas
        guard !eligible.isEmpty else { return voting }
        let most = min(eligible.count, SystemLimits.systemVotersMax)
        let count = most.isMultiple(of: 2) ? most - 1 : most
        let stay = eligible.filter { voting.contains($0) }
        let others = eligible.filter { !voting.contains($0) }
        return (stay + others).prefix(count).sorted()
    }

    /// The shards whose voters should be elsewhere than their targets say; empty when all is well.
    ///
    /// A node that leaves is replaced by its successor at once. Anything else is moved only while
    /// the shard's voters are where they were to be: a node that is not in a target, and not in what its shard's
    /// leader has reported last, then surely belongs to the shard no more.
    public static func changes(_ state: SystemState) -> [ShardTarget] {
        let eligible = state.nodesForReplicas
        guard !eligible.isEmpty else { return [] }
        var targets = state.shardMap.map { succeeded($0.target, state) }
        var loads = Loads(eligible, targets)
        let isGrown = eligible.count >= SystemLimits.replicasTarget
        for (position, placement) in state.shardMap.enumerated() where isGrown {
            guard targets[position].count < SystemLimits.replicasTarget,
                placement.hasArrived || targets[position].count < placement.target.count
            else { continue }
            targets[position] = loads.fill(targets[position], from: position)
        }
        loads.level(&targets) { state.shardMap[$0].hasArrived }
        return zip(state.shardMap, targets).compactMap { placement, nodes in
            nodes == placement.target || nodes.isEmpty
                ? nil : ShardTarget(shard: placement.shard, nodes: nodes)
        }
    }

    /// A target with successors in the places of those who leave; who has none is left out.
    private static func succeeded(_ target: [NodeID], _ state: SystemState) -> [NodeID] {
        var nodes: [NodeID] = []
        for node in target {
            guard let heir = state.heir(of: node), !nodes.contains(heir) else { continue }
            nodes.append(heir)
        }
        return nodes
    }
}

/// How many replicas each node is to hold.
private struct Loads {
    private let nodes: [NodeID]
    private var counts: [Int]

    init(_ nodes: [NodeID], _ targets: [[NodeID]]) {
        self.nodes = nodes
        counts = nodes.map { node in targets.count { $0.contains(node) } }
    }

    /// Adds the least loaded nodes; of equals those that follow `start`, so that shards begin at
    /// different ones. The result is in that order: who comes first should lead.
    mutating func fill(_ target: [NodeID], from start: Int) -> [NodeID] {
        let turned = nodes.indices.map { ($0 + start) % nodes.count }
        var chosen = Set(target)
        while chosen.count < SystemLimits.replicasTarget {
            let free = turned.filter { !chosen.contains(nodes[$0]) }
            guard let next = free.min(by: { counts[$0] < counts[$1] }) else { break }
            counts[next] += 1
            chosen.insert(nodes[next])
        }
        return turned.map { nodes[$0] }.filter { chosen.contains($0) }
    }

    /// Moves replicas from the most loaded node to the least loaded until they differ by one at
    /// most, or nothing that may move would help.
    mutating func level(_ targets: inout [[NodeID]], mayMove: (Int) -> Bool) {
        var moved = Set<Int>()
        while let most = counts.indices.max(by: { counts[$0] < counts[$1] }),
            let least = counts.indices.min(by: { counts[$0] < counts[$1] }),
            counts[most] - counts[least] > 1,
            let shard = targets.indices.first(where: {
                !moved.contains($0) && mayMove($0) && targets[$0].contains(nodes[most])
                    && !targets[$0].contains(nodes[least])
                    && targets[$0].count >= SystemLimits.replicasTarget
            }),
            let place = targets[shard].firstIndex(of: nodes[most])
        {
            targets[shard][place] = nodes[least]
            counts[most] -= 1
            counts[least] += 1
            moved.insert(shard)
        }
    }
}

extension SystemState {
    /// Members that take replicas, by id.
    public var nodesForReplicas: [NodeID] {
        members.filter(\.mayHoldReplicas).map(\.member.id)
    }

    /// The members that founded the cluster, by id: those of its first instant.
    public var founders: [NodeID] {
        members.filter { $0.joinedAt == cluster?.createdAt }.map(\.member.id)
    }

    /// Who voted in a shard when it began: what a founder starts its replica with.
    public func firstVoters(of shard: ShardID) -> [NodeID] {
        let first = Placement.spread(shardCount: shardCount, over: founders)
        return Int(shard.rawValue) < first.count ? first[Int(shard.rawValue)].nodes : []
    }

    /// The node itself, or whoever came in its place and stays; nil if nobody did.
    func heir(of node: NodeID) -> NodeID? {
        var next = node
        // Each successor is a newer member than whom it follows: this ends.
        while let record = member(next), let successor = record.successor { next = successor }
        return member(next)?.mayHoldReplicas == true ? next : nil
    }

    /// Who should receive a shard's log without a vote: every other node while there are too few
    /// of them for `SystemLimits.replicasTarget` replicas, so that the missing one needs nothing
    /// but its own copy.
    public func learnersWanted(of placement: ShardPlacement) -> [NodeID] {
        let eligible = nodesForReplicas
        guard eligible.count < SystemLimits.replicasTarget else { return [] }
        return eligible.filter { !placement.target.contains($0) }
    }

    /// Whether a node holds, or should hold, a replica of a shard.
    public func belongs(_ node: NodeID, to placement: ShardPlacement) -> Bool {
        placement.voters.contains(node) || placement.learners.contains(node)
            || placement.target.contains(node) || learnersWanted(of: placement).contains(node)
    }
}
