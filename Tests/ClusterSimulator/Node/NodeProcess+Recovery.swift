import CaseStore
import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicaDriver
import ReplicationLog

/// Log and store contradict each other: something that was synced is gone.
struct RecoveryContradiction: Error {
    let group: GroupID
    let reason: String
}

/// From a log and the stores to replicas, in the server's order.
extension NodeProcess {
    func recover(_ recovered: RecoveredLog) throws {
        for group in recovered.groups { logWriter.found(group.group, through: group.last.index) }
        let place = location("system")
        try finishInstallation(.system, .system, place, recovered)
        let store = try SystemStore(at: place, configuration: Self.storeLimits)
        let machine = try SimulatedSystemMachine(store)
        keeper.raise(to: machine.time)
        system = try SimulatedReplica(
            group: .system,
            machine: machine,
            location: place,
            recovered: try tail(of: .system, machine, recovered),
            self
        )
        for position in 0..<world.options.shards {
            try openShard(ShardID(UInt16(position)), recovered)
        }
        coordinator = CoordinatorShell(self)
        logWriter.start()
        planTick()
        planDuties()
        clocks.start()
    }

    private func openShard(_ shard: ShardID, _ recovered: RecoveredLog) throws {
        let place = location("shard-\(shard)")
        let group = GroupID(shard: shard)
        try finishInstallation(group, .shard(shard), place, recovered)
        let store = try ShardStore(at: place, shard: shard, configuration: Self.storeLimits)
        let machine = SimulatedShardMachine(store)
        let replica = try SimulatedReplica(
            group: group,
            machine: machine,
            location: place,
            recovered: try tail(of: group, machine, recovered),
            self
        )
        machine.onResult = { [weak self] result, entry in
            guard let self else { return }
            world.checks.timers.applied(shard, result, entry)
            if let due = result.dueAt { dueTimeSet(shard, due) }
        }
        replica.onLeadership = { [weak self, weak machine] leadership in
            guard let self, let machine, leadership.isReady else { return }
            announceFirstDue(of: shard, machine)
        }
        shards.append(replica)
    }

    /// Finishes or undoes the installation of a snapshot, before the store is opened.
    private func finishInstallation(
        _ group: GroupID,
        _ kind: StoreKind,
        _ place: StoreLocation,
        _ recovered: RecoveredLog
    ) throws(StoreError) {
        let installer = SnapshotInstaller(
            location: place,
            kind: kind,
            files: SimulatedStoreFiles(node.disk)
        )
        let named = recovered[group]?.snapshot.map {
            SnapshotInfo(index: $0.index, term: $0.term)
        }
        if try installer.recover(named: named) { world.coverage[.installationResumed] += 1 }
    }

    private func location(_ name: String) -> StoreLocation {
        StoreLocation(directory: node.storePath, name: name, vfs: SimulatedVFS.name)
    }

    /// Small caches: they are met, and a world has many stores.
    private static let storeLimits: StoreConfiguration = {
        var limits = StoreConfiguration()
        limits.writerCacheKiB = 256
        limits.readerCacheKiB = 64
        limits.readersMax = 1
        limits.walBytesMax = 256 << 10
        // Counted by the machine's clock, which has no say in a world: it may stop for as long as it likes.
        limits.readerAgeMax = .seconds(86_400)
        limits.snapshotAgeMax = .seconds(86_400)
        return limits
    }()

    /// What the log holds behind the store, in memory; checked against the store.
    private func tail(
        of group: GroupID,
        _ machine: some SimulatedMachine,
        _ recovered: RecoveredLog
    ) throws -> (log: MemoryLog, hardState: HardState) {
        let applied = machine.applied
        let found = recovered[group]
        try world.checks.recovered(node.id, group, found, opened)
        guard let found else {
            guard applied.index == .zero else {
                throw RecoveryContradiction(group: group, reason: "the log knows nothing of it")
            }
            let founding = node.isFounder ? Configuration(voters: world.founders) : Configuration()
            var job = SimulatedLogWriter.Job(
                write: ReplicaWrite(group: group, hardState: nil, entries: [], needsReceipt: false)
            )
            job.founding = founding
            logWriter.submit(job)
            return (MemoryLog(configuration: founding), HardState())
        }
        guard applied.index <= found.last.index else {
            throw RecoveryContradiction(group: group, reason: "the store is ahead of the log")
        }
        guard found.base.index <= applied.index else {
            throw RecoveryContradiction(group: group, reason: "the store is behind the log's start")
        }
        if applied.index < found.last.index { world.coverage[.recoveredBehind] += 1 }
        let memory = try read(found, try configuration(found, machine.membership))
        world.checks.started(node.id, group, memory)
        return (
            memory.asRecovered(applied: applied.index, hasChanged: !machine.membership.isEmpty),
            found.hardState
        )
    }

    /// What the store keeps, else what the log was founded with.
    private func configuration(
        _ found: RecoveredGroup,
        _ membership: [UInt8]
    ) throws -> Configuration {
        let stored = membership.isEmpty ? found.configuration ?? [] : membership
        guard !stored.isEmpty else {
            throw RecoveryContradiction(group: found.group, reason: "it has no membership")
        }
        return try Configuration(decoding: stored)
    }

    private func read(
        _ found: RecoveredGroup,
        _ configuration: Configuration
    ) throws(LogError) -> MemoryLog {
        var memory = MemoryLog(base: found.base, configuration: configuration)
        var next = found.base.index.next
        while next <= found.last.index {
            let page = try opened.entries(
                found.group,
                from: next,
                through: found.last.index,
                bytesMax: 64 << 10
            )
            guard let last = page.last else { break }
            memory.append(page)
            next = last.index.next
        }
        return memory
    }
}
