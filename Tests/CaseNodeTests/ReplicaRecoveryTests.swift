import CaseModel
import CaseStore
import ClusterPrimitives
import Foundation
import RaftCore
import ReplicaDriver
import ReplicationLog
import Testing

@testable import CaseNode

/// What a replica starts from, after everything that can have been interrupted.
@Suite(.timeLimit(.minutes(1))) struct ReplicaRecoveryTests {
    private let temporary: TemporaryDirectory
    private let id = NodeID(2)
    private let three = Configuration(voters: (1...3).map { NodeID(UInt64($0)) })

    init() throws { temporary = try TemporaryDirectory() }

    private var path: String { temporary.path + "/node" }
    private var location: StoreLocation { GroupNode.location(path) }

    private func claim(_ number: UInt64) -> Entry {
        let command = ShardCommand.claim(
            key: "k\(number)",
            channel: PrincipalID("channel:mail"),
            contentHash: SHA256Digest(hashing: [1])
        )
        let at = Timestamp(millisecondsSince1970: 1_772_366_400_000)
        let payload = StampedShardCommand(at: at, command: command).encodedBytes
        return Entry(term: Term(1), index: LogIndex(number), payload: payload)
    }

    private func machine(at location: StoreLocation) throws -> ShardMachine {
        let store = try ShardStore(at: location, shard: GroupNode.shard)
        return ShardMachine(store: store) { Issue.record($0) }
    }

    private func apply(_ entries: [Entry], to machine: ShardMachine) throws {
        _ = try machine.apply(entries.map { MachineEntry(entry: $0) })
        try machine.commit()
    }

    /// Opens what is there as a node does when it starts, and closes it again.
    private func restart(
        founding: Configuration? = nil
    ) throws -> (applied: LogIndex, log: MemoryLog, sum: SHA256Digest) {
        let (raw, recovered) = try GroupNode.openLog(path, id)
        let log = LogWriter(log: raw, onFailure: { _ in }, onFull: { _ in })
        defer { log.close() }
        let recovery = ReplicaRecovery(node: id, recovered: recovered, log: log)
        try recovery.finishInstallation(
            of: GroupNode.group,
            at: location,
            .shard(GroupNode.shard)
        )
        let machine = try machine(at: location)
        let memory = try recovery.start(
            of: GroupNode.group,
            applied: machine.applied,
            membership: machine.membership,
            founding: founding ?? three
        ).log
        let sum = try machine.store.replicaChecksum()
        try machine.close()
        return (machine.applied.index, memory, sum)
    }

    /// A log of entries 1 to `count`, of which the store has applied `applied`.
    private func prepare(entries count: UInt64, applied: UInt64) throws {
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        let (log, _) = try GroupNode.openLog(path, id)
        let entries = (1...count).map { claim($0) }
        try log.append([
            .configuration(GroupNode.group, three.encodedBytes),
            .entries(GroupNode.group, entries),
            .hardState(GroupNode.group, HardState(term: Term(1), commit: LogIndex(applied))),
        ])
        _ = try log.mark()
        log.close()
        let machine = try machine(at: location)
        try apply(Array(entries.prefix(Int(applied))), to: machine)
        try machine.close()
    }

    /// A leader's snapshot of entries 1 to `count`, and its rows' checksum.
    private func leadersSnapshot(_ count: UInt64) throws -> (StoreLocation, Snapshot, SHA256Digest)
    {
        let directory = temporary.path + "/leader"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        let machine = try machine(at: GroupNode.location(directory))
        try apply((1...count).map { claim($0) }, to: machine)
        let copy = StoreLocation(directory: directory, name: "copy")
        let info = try machine.copy(to: copy)
        let sum = try machine.store.replicaChecksum()
        try machine.close()
        let id = SnapshotID(index: info.index, term: info.term)
        return (copy, Snapshot(id: id, configuration: three), sum)
    }

    /// How far an installation came before the process died.
    enum Step: Int, CaseIterable {
        case begun, written, prepared, named, closed, swapped
    }

    @Test(arguments: Step.allCases)
    func anInstallationIsFinishedOrUndone(step: Step) throws {
        try prepare(entries: 12, applied: 7)
        let before = try restart()
        #expect(before.applied == LogIndex(7))
        let (copy, snapshot, sum) = try leadersSnapshot(40)
        try install(copy, snapshot, until: step)
        let after = try restart()
        if step.rawValue >= Step.named.rawValue {
            #expect(after.applied == LogIndex(40) && after.sum == sum)
            #expect(after.log.base == snapshot.id && after.log.entries.isEmpty)
            #expect(after.log.configuration == three)
        } else {
            #expect(after.applied == LogIndex(7) && after.sum == before.sum)
            #expect(after.log.last.index == LogIndex(12))
        }
        // Nothing is left of it, and the next start finds the same.
        let names = try SystemFiles().names(in: path)
        #expect(!names.contains { $0.contains("incoming") || $0.contains("snapshot-") })
        let again = try restart()
        #expect(again.applied == after.applied && again.sum == after.sum)
    }

    private func install(_ copy: StoreLocation, _ snapshot: Snapshot, until last: Step) throws {
        let installer = SnapshotInstaller(location: location, kind: .shard(GroupNode.shard))
        let info = SnapshotInfo(snapshot)
        let place = try installer.begin()
        if last == .begun { return }
        try FileManager.default.copyItem(atPath: copy.path, toPath: place)
        if last == .written { return }
        try installer.prepare(info, over: .zero)
        if last == .prepared { return }
        let (raw, _) = try GroupNode.openLog(path, id)
        let log = LogWriter(log: raw, onFailure: { _ in }, onFull: { _ in })
        let state = HardState(term: Term(1), commit: snapshot.id.index)
        log.submit(
            LogWriter.Job(
                write: ReplicaWrite(
                    group: GroupNode.group,
                    hardState: state,
                    entries: [],
                    snapshot: snapshot
                )
            )
        )
        log.close()
        if last == .named { return }
        let machine = try machine(at: location)
        try machine.close()
        if last == .closed { return }
        try installer.swap(info)
    }

    @Test func theMembershipIsTheStoresThenTheLogsThenTheNodesOwn() throws {
        // A new group: what the node is told, and from then on that.
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        #expect(try restart(founding: three).log.configuration == three)
        #expect(try restart(founding: Configuration()).log.configuration == three)
        // A change that the store has applied stands above it.
        let four = Configuration(voters: [2, 3, 4].map { NodeID($0) })
        let machine = try machine(at: location)
        let change = Entry(term: Term(1), index: LogIndex(1), kind: .configurationChange)
        _ = try machine.apply([MachineEntry(entry: change, configuration: four)])
        try machine.close()
        let (log, _) = try GroupNode.openLog(path, id)
        try log.append([.entries(GroupNode.group, [change])])
        _ = try log.mark()
        log.close()
        let memory = try restart().log
        #expect(memory.configuration == four)
        #expect(memory.base.index == LogIndex(1), "nobody begins with the log's first entry")
    }

    @Test func aLogOfTheFirstFormatSaysThatItsNodeWasAlone() throws {
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        let (log, _) = try GroupNode.openLog(path, id)
        try log.append([.entries(GroupNode.group, [claim(1)])])
        _ = try log.mark()
        log.close()
        #expect(try restart().log.configuration == Configuration(voters: [id]))
    }

    @Test func whatWasSyncedAndIsGoneKeepsTheReplicaDown() throws {
        try prepare(entries: 12, applied: 7)
        // The log is gone: the store knows better.
        try FileManager.default.removeItem(atPath: path + "/log")
        #expect(
            throws: RecoveryError.storeAheadOfLog(
                group: "\(GroupNode.group)",
                applied: 7,
                lastIndex: 0
            )
        ) { try restart() }
        // And where a log was, none is made again.
        try FileManager.default.removeItem(atPath: path + "/log")
        let error = #expect(throws: LogError.self) {
            try ReplicationLog.open(
                directory: path + "/log",
                fileSystem: POSIXFileSystem(),
                configuration: .small(segmentBytes: 4 << 20),
                identity: LogIdentity(cluster: Array(1...16), node: id),
                opening: .existing
            )
        }
        #expect(error != nil)
    }

    @Test func aStoreThatIsGoneWhileTheLogWasCutKeepsTheReplicaDown() throws {
        try prepare(entries: 12, applied: 7)
        let (log, _) = try GroupNode.openLog(path, id)
        try log.append([.compact(GroupNode.group, through: LogIndex(5))])
        _ = try log.mark()
        log.close()
        for name in try SystemFiles().names(in: path) where name.hasPrefix("shard-0") {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
        #expect(
            throws: RecoveryError.logStartsAfterStore(
                group: "\(GroupNode.group)",
                applied: 0,
                firstIndex: 6
            )
        ) { try restart() }
    }
}
