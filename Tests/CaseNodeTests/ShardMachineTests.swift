import CaseModel
import CaseStore
import ClusterPrimitives
import Foundation
import RaftCore
import Synchronization
import Testing

@testable import CaseNode

@Suite struct ShardMachineTests {
    private let shard = ShardID(0)
    private let start = Timestamp(millisecondsSince1970: 1_772_366_400_000)
    private let team = TeamID("default")

    private final class Listener: ShardListener {
        let due = Mutex<[Timestamp]>([])

        var isWatching: Bool { false }
        func shardChanged(_ shard: ShardID) {}

        func dueTimeSet(_ shard: ShardID, _ due: Timestamp) {
            self.due.withLock { $0.append(due) }
        }
    }

    private var lamp: NewCase {
        NewCase(
            title: "Lamp",
            requester: Requester(principal: PrincipalID("kim")),
            channel: .email,
            firstMessage: CaseMessage(text: "It is dark."),
            queue: QueueFacts(id: QueueID("default"), team: team)
        )
    }

    private func machine(
        _ directory: String,
        onDamage: @escaping @Sendable (StoreError) -> Void = { Issue.record($0) }
    ) throws -> ShardMachine {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        let place = StoreLocation(directory: directory, name: "shard-0")
        return ShardMachine(store: try ShardStore(at: place, shard: shard), onDamage: onDamage)
    }

    private func carryOut(
        _ action: CaseAction,
        by role: CaseModel.Role,
        on id: CaseID?,
        at index: UInt64,
        _ machine: ShardMachine
    ) throws -> CaseReceipt {
        let command = CaseCommand(
            actor: Actor(id: PrincipalID("boss"), role: role, teams: [team]),
            target: id,
            action: action,
            salt: [UInt8](repeating: 7, count: CaseLimits.saltBytes)
        )
        let scope = IdempotencyScope(
            principal: command.actor.id,
            method: "test",
            key: "k\(index)",
            requestHash: SHA256Digest(hashing: command.encodedBytes)
        )
        let stamped = StampedShardCommand(at: start, command: .onCase(command, scope))
        let entry = Entry(
            term: Term(1),
            index: LogIndex(index),
            payload: stamped.encodedBytes
        )
        let answer = try #require(try machine.apply([MachineEntry(entry: entry)]).first ?? nil)
        try machine.commit()
        guard case .accepted(let receipt) = answer else {
            throw Unexpected(answer: answer)
        }
        return receipt
    }

    private struct Unexpected: Error { let answer: ShardResult }

    /// Nothing is applied here of what a snapshot brings: a coordinator on this node hears of its due times all
    /// the same, and not only when it asks again.
    @Test func aSnapshotSaysWhatIsDue() throws {
        let temporary = try TemporaryDirectory()
        let leader = try machine(temporary.path + "/leader")
        let id = try carryOut(.create(lamp), by: .supervisor, on: nil, at: 1, leader).id
        _ = try carryOut(.assignToMe, by: .supervisor, on: id, at: 2, leader)
        let until = start + .seconds(3_600)
        let park = CaseAction.park(reason: "stock", until: until)
        _ = try carryOut(park, by: .supervisor, on: id, at: 3, leader)
        let copy = StoreLocation(directory: temporary.path + "/leader", name: "copy")
        _ = try leader.copy(to: copy)

        let follower = try machine(temporary.path + "/follower")
        let listener = Listener()
        follower.listen(listener)
        let path = StoreLocation(directory: temporary.path + "/follower", name: "shard-0").path
        try follower.replace {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: copy.path, toPath: path)
        }
        #expect(follower.applied.index == LogIndex(3))
        #expect(listener.due.withLock { $0 } == [until])
        try follower.close()
        try leader.close()
    }

    /// A file whose pages are no longer what SQLite wrote: whoever reads gets the error, and the node hears of it.
    /// Once the machine is closed, nobody does.
    @Test func whoReadsADamagedFileReportsIt() throws {
        let temporary = try TemporaryDirectory()
        let whole = try machine(temporary.path)
        let id = try carryOut(.create(lamp), by: .supervisor, on: nil, at: 1, whole).id
        try whole.close()
        let seen = Mutex<[StoreError]>([])
        let damaged = try machine(temporary.path) { error in seen.withLock { $0.append(error) } }
        let file = try FileHandle(forUpdating: URL(filePath: damaged.storePath))
        let (page, size) = (UInt64(4_096), try file.seekToEnd())
        try #require(size > 2 * page)
        try file.seek(toOffset: page)
        try file.write(contentsOf: Data(repeating: 0xA5, count: Int(size - page)))
        try file.close()
        let found = #expect(throws: StoreError.self) {
            try damaged.read { reader throws(StoreError) in try reader.record(id) }
        }
        #expect(seen.withLock { $0 } == [try #require(found)])
        #expect(throws: StoreError.self) { try damaged.replicaChecksum() }
        #expect(seen.withLock(\.count) == 2)
        // The checkpoint of a close has nothing to write.
        try damaged.close()
        #expect(throws: StoreError.self) { try damaged.replicaChecksum() }
        #expect(seen.withLock(\.count) == 2)
    }
}
