import CaseModel
import ClusterPrimitives
import CoordinatorCore
import Foundation
import Testing

@testable import CaseStore

/// Copies, and their installation with a crash after every step.
@Suite struct SnapshotTests {
    private let entries = RandomLog(seed: 41, count: 200).entries

    @Test func aCopyStandsByItself() throws {
        let directory = try TemporaryDirectory()
        let store = try ShardStore(at: directory.location(), shard: shardUnderTest)
        _ = try store.apply(Array(entries.prefix(120)))
        let checksum = try store.replicaChecksum()
        let info = try store.snapshot(to: directory.location("copy"))
        #expect(info.index == LogIndex(120))
        #expect(info.term == store.appliedTerm)
        // The original goes on; the copy is what it was, in one file.
        _ = try store.apply(Array(entries.dropFirst(120)))
        let names = try SystemFiles().names(in: directory.path).filter { $0.hasPrefix("copy") }
        #expect(names == ["copy.sqlite"])
        let copy = try ShardStore(at: directory.location("copy"), shard: shardUnderTest)
        #expect(copy.appliedIndex == info.index)
        #expect(try copy.replicaChecksum() == checksum)
        _ = try copy.apply(Array(entries.dropFirst(120)))
        #expect(try copy.replicaChecksum() == store.replicaChecksum())
    }

    /// After how many of its steps an installation crashes.
    private enum Crash: Int, CaseIterable {
        case whileReceiving, received, prepared, named, walRemoved, swapped, never
    }

    /// Files whose operations stop at a point, as a crash would make them.
    private struct FailingFiles: StoreFiles {
        let failingRename: String?

        func names(in directory: String) throws(StoreError) -> [String] {
            try SystemFiles().names(in: directory)
        }
        func remove(_ path: String) throws(StoreError) { try SystemFiles().remove(path) }
        func rename(_ path: String, to other: String) throws(StoreError) {
            if let failingRename, other.hasSuffix(failingRename) { throw .stopped }
            try SystemFiles().rename(path, to: other)
        }
        func syncFile(_ path: String) throws(StoreError) { try SystemFiles().syncFile(path) }
        func syncDirectory(_ path: String) throws(StoreError) {
            try SystemFiles().syncDirectory(path)
        }
    }

    @Test(arguments: Crash.allCases.map(\.rawValue))
    func anInstallationSurvivesACrashAnywhere(step: Int) throws {
        let crash = try #require(Crash(rawValue: step))
        let directory = try TemporaryDirectory()
        let location = directory.location("shard-7")
        let (info, bytes, newSum) = try leadersSnapshot()
        let old = try ShardStore(at: location, shard: shardUnderTest)
        _ = try old.apply(Array(entries.prefix(30)))
        let oldSum = try old.replicaChecksum()
        // As a crash leaves them: closing would fold the write-ahead log into the file.
        let wal = try Data(contentsOf: URL(fileURLWithPath: location.walPath))
        let file = try Data(contentsOf: URL(fileURLWithPath: location.path))
        try old.close()
        try file.write(to: URL(fileURLWithPath: location.path))
        try wal.write(to: URL(fileURLWithPath: location.walPath))

        let failing = crash == .walRemoved ? "shard-7.sqlite" : nil
        let installer = SnapshotInstaller(
            location: location,
            kind: .shard(shardUnderTest),
            files: FailingFiles(failingRename: failing)
        )
        try install(installer, info, bytes, until: crash)
        let isNamed = crash.rawValue >= Crash.named.rawValue
        // The restart.
        let restarted = SnapshotInstaller(location: location, kind: .shard(shardUnderTest))
        let swapped = try restarted.recover(named: isNamed ? info : nil)
        #expect(swapped == (crash == .named || crash == .walRemoved))
        let store = try ShardStore(at: location, shard: shardUnderTest)
        #expect(store.appliedIndex == (isNamed ? info.index : LogIndex(30)))
        #expect(try store.replicaChecksum() == (isNamed ? newSum : oldSum))
        _ = try store.apply(entries)
        let leftovers = try SystemFiles().names(in: directory.path)
            .filter { $0.contains("incoming") || $0.contains("snapshot") }
        #expect(leftovers.isEmpty)
    }

    private func leadersSnapshot() throws -> (SnapshotInfo, Data, SHA256Digest) {
        let directory = try TemporaryDirectory()
        let store = try ShardStore(at: directory.location(), shard: shardUnderTest)
        _ = try store.apply(Array(entries.prefix(150)))
        let info = try store.snapshot(to: directory.location("copy"))
        let url = URL(fileURLWithPath: directory.location("copy").path)
        return (info, try Data(contentsOf: url), try store.replicaChecksum())
    }

    private func install(
        _ installer: SnapshotInstaller,
        _ info: SnapshotInfo,
        _ bytes: Data,
        until crash: Crash
    ) throws {
        let url = URL(fileURLWithPath: try installer.begin())
        guard crash != .whileReceiving else { return try bytes.prefix(10_000).write(to: url) }
        try bytes.write(to: url)
        guard crash != .received else { return }
        try installer.prepare(info, over: .zero)
        guard crash != .prepared, crash != .named else { return }
        if crash == .walRemoved {
            #expect(throws: StoreError.stopped) { try installer.swap(info) }
        } else {
            try installer.swap(info)
        }
    }

    /// A sender that heard no answer sends it again, and then the power goes.
    @Test func aSnapshotThatComesAgainDoesNotTakeTheStoreBack() throws {
        let directory = try TemporaryDirectory()
        let location = directory.location("shard-7")
        let (info, bytes, _) = try leadersSnapshot()
        let installer = SnapshotInstaller(location: location, kind: .shard(shardUnderTest))
        try ShardStore(at: location, shard: shardUnderTest).close()
        try install(installer, info, bytes, until: .never)
        let store = try ShardStore(at: location, shard: shardUnderTest)
        _ = try store.apply(entries)
        let sum = try store.replicaChecksum()
        let applied = store.appliedIndex
        try #require(applied > info.index)
        try bytes.write(to: URL(fileURLWithPath: try installer.begin()))
        #expect(try installer.prepare(info, over: applied) == nil)
        try store.close()
        // The log's newest snapshot is still that one.
        #expect(try !installer.recover(named: info))
        let again = try ShardStore(at: location, shard: shardUnderTest)
        #expect(again.appliedIndex == applied)
        #expect(try again.replicaChecksum() == sum)
        let leftovers = try SystemFiles().names(in: directory.path)
            .filter { $0.contains("incoming") || $0.contains("snapshot") }
        #expect(leftovers.isEmpty)
    }

    @Test func whatIsNotTheExpectedSnapshotIsRefused() throws {
        let directory = try TemporaryDirectory()
        let (info, bytes, _) = try leadersSnapshot()
        func prepare(
            _ bytes: Data,
            as kind: StoreKind = .shard(shardUnderTest),
            _ expected: SnapshotInfo
        ) throws {
            let installer = SnapshotInstaller(location: directory.location("s"), kind: kind)
            try bytes.write(to: URL(fileURLWithPath: try installer.begin()))
            try installer.prepare(expected, over: .zero)
        }
        let later = SnapshotInfo(index: info.index.next, term: info.term)
        #expect(throws: StoreError.self) { try prepare(bytes, later) }
        #expect(throws: StoreError.wrongShard(expected: ShardID(1), found: shardUnderTest)) {
            try prepare(bytes, as: .shard(ShardID(1)), info)
        }
        #expect(throws: StoreError.self) { try prepare(bytes, as: .system, info) }
        #expect(throws: StoreError.self) { try prepare(bytes.prefix(bytes.count / 2), info) }
        #expect(throws: StoreError.self) { try prepare(Data(repeating: 7, count: 9_000), info) }
        var damaged = bytes
        for offset in stride(from: 4_096 * 3, to: bytes.count, by: 4_096) {
            damaged[damaged.startIndex + offset] ^= 0xFF
        }
        #expect(throws: StoreError.self) { try prepare(damaged, info) }
        try prepare(bytes, info)
    }
}
