import CaseModel
import ClusterPrimitives
import CoordinatorCore
import RPC
import RaftCore

/// A node's groups, as it starts.
extension Node {
    /// Makes the system group's replica, which founds the cluster or catches up with it.
    static func system(
        _ parts: NodeAssembly,
        _ network: PeerNetwork?
    ) async throws -> ReplicaHost<SystemMachine> {
        do {
            let founders = parts.configuration.initialMembers.map(\.id)
            let alone = parts.directory.isJoiner ? [] : [parts.directory.nodeID]
            let system = try parts.makeFactory().system(
                parts.systemMachine,
                founding: Configuration(voters: founders.isEmpty ? alone : founders)
            )
            network?.receivers.add(system, group: .system)
            try await network?.start()
            try await network?.assertNothingLost(parts)
            network?.follow(system.machine)
            system.start()
            try await Founding(parts: parts, system: system, ownPeerAddress: network?.ownAddress)
                .run()
            return system
        } catch {
            await network?.stop()
            throw error
        }
    }

    /// Makes the replicas of the shards that this node holds; the system group says which.
    static func roster(
        _ parts: NodeAssembly,
        _ network: PeerNetwork?,
        _ system: ReplicaHost<SystemMachine>,
        _ asking: any GroupAsking
    ) async throws -> ShardRoster {
        do {
            let count = system.machine.state.shardCount
            let asked = parts.configuration.shardCount
            // The default asks for nothing.
            guard asked == count || asked == NodeConfiguration().shardCount else {
                throw ConfigurationError(
                    option: "shards",
                    reason: "\(asked), but the cluster was made with \(count), which is fixed"
                )
            }
            return try ShardRoster(
                parts.makeFactory(),
                system: system.machine,
                peers: asking,
                network: network,
                logger: parts.logger
            )
        } catch {
            await network?.stop()
            throw error
        }
    }

    static func context(
        _ parts: NodeAssembly,
        _ network: PeerNetwork?,
        _ system: ReplicaHost<SystemMachine>,
        _ shards: [GroupRoute<ShardMachine>],
        _ asking: any GroupAsking
    ) -> ServiceContext {
        let node = parts.directory.nodeID
        return ServiceContext(
            node: node,
            shards: shards,
            system: GroupRoute(
                .system,
                replica: system,
                node: node,
                eventLoop: system.eventLoop,
                peers: asking
            ) { system.machine.state.activeMembers.map(\.id) },
            clock: parts.clock,
            readers: parts.readers,
            remoteReaders: parts.remoteReaders,
            isAlive: { network?.links.isAlive($0) ?? ($0 == node) }
        )
    }
}
