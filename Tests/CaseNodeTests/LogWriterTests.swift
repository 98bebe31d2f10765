import ClusterPrimitives
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization
import Testing

@testable import CaseNode

@Suite struct LogWriterTests {
    private static let group = GroupID(shard: ShardID(0))
    private static let identity = LogIdentity(cluster: Array(1...16), node: NodeID(1))

    private let temporary: TemporaryDirectory
    private let faults = FileFaults()

    init() throws { temporary = try TemporaryDirectory() }

    private func open() throws -> (log: ReplicationLog, recovered: RecoveredLog) {
        try ReplicationLog.open(
            directory: temporary.path + "/log",
            fileSystem: FaultyFileSystem(faults),
            configuration: .small(segmentBytes: 64 << 10),
            identity: Self.identity
        )
    }

    /// `body` with a writer on the log; its failures and full disks are counted.
    private func withWriter(_ body: (LogWriter, Watch) async throws -> Void) async throws {
        let watch = Watch()
        let writer = LogWriter(
            log: try open().log,
            onFailure: { _ in watch.state.withLock { $0.failures += 1 } },
            onFull: { isFull in watch.state.withLock { $0.full.append(isFull) } }
        )
        try await body(writer, watch)
        writer.close()
    }

    private final class Watch: Sendable {
        struct State {
            var failures = 0
            var full: [Bool] = []
            var receipts: [StorageReceipt] = []
        }

        let state = Mutex(State())
        var receipts: [StorageReceipt] { state.withLock { $0.receipts } }
    }

    private func job(
        _ index: UInt64,
        group: GroupID = group,
        bytes: Int = 16,
        _ watch: Watch
    ) -> LogWriter.Job {
        let entry = Entry(
            term: Term(1),
            index: LogIndex(index),
            payload: Array(repeating: UInt8(truncatingIfNeeded: index), count: bytes)
        )
        return LogWriter.Job(
            write: ReplicaWrite(
                group: group,
                hardState: HardState(term: Term(1), vote: NodeID(1), commit: .zero),
                entries: [entry]
            ),
            reply: { receipt in watch.state.withLock { $0.receipts.append(receipt) } }
        )
    }

    /// Returns when everything that was submitted before was looked at.
    private func settle(_ writer: LogWriter) async {
        await withCheckedContinuation { continuation in
            writer.segmentBytes { _ in continuation.resume() }
        }
    }

    @Test func everyWriteIsAnsweredOnceAndIsThereAgain() async throws {
        let groups = (0..<8).map { GroupID(shard: ShardID($0)) }
        try await withWriter { writer, watch in
            for index in UInt64(1)...20 {
                for group in groups { writer.submit(job(index, group: group, watch)) }
                await settle(writer)
                #expect(watch.receipts.count == groups.count * Int(index))
            }
            for group in groups {
                let own = watch.receipts.filter { $0.group == group }
                #expect(own.map(\.last.index.rawValue) == Array(1...20))
                #expect(own.allSatisfy { $0.term == Term(1) })
            }
        }
        let (log, recovered) = try open()
        for group in groups { #expect(recovered[group]?.last.index == LogIndex(20)) }
        #expect(recovered.report.tornTail == nil)
        log.close()
    }

    @Test func whatNobodyWaitsForIsNotSyncedAloneButIsDurableWhenTheLogIsIdle() async throws {
        try await withWriter { writer, watch in
            writer.submit(job(1, watch))
            await settle(writer)
            let before = faults.syncs
            let commit = HardState(term: Term(1), vote: NodeID(1), commit: LogIndex(1))
            writer.submit(
                LogWriter.Job(
                    write: ReplicaWrite(
                        group: Self.group,
                        hardState: commit,
                        entries: [],
                        needsReceipt: false
                    )
                )
            )
            await settle(writer)
            #expect(faults.syncs == before)
            writer.tick()
            await settle(writer)
            let marked = faults.syncs
            #expect(marked > before)
            writer.tick()
            await settle(writer)
            #expect(faults.syncs == marked, "an idle log is marked once")
        }
        let (log, recovered) = try open()
        #expect(recovered[Self.group]?.hardState.commit == LogIndex(1))
        log.close()
    }

    @Test func aFailedSyncIsReportedOnceAndNothingIsAnsweredAfterIt() async throws {
        try await withWriter { writer, watch in
            writer.submit(job(1, watch))
            await settle(writer)
            faults.set { $0.failsSync = true }
            writer.submit(job(2, watch))
            await settle(writer)
            faults.set { $0.failsSync = false }
            writer.submit(job(3, watch))
            writer.tick()
            await settle(writer)
            #expect(watch.receipts.map(\.last.index.rawValue) == [1])
            #expect(watch.state.withLock { $0.failures } == 1)
            #expect(!writer.isFull)
        }
    }

    /// Fills some segments and then the disk: the last write is refused for want of room. Returns its index.
    private func fill(_ writer: LogWriter, _ watch: Watch) async -> UInt64 {
        var index: UInt64 = 0
        while index < 150 {
            index += 1
            writer.submit(job(index, bytes: 2_000, watch))
            await settle(writer)
        }
        faults.set { $0.isFull = true }
        while !writer.isFull, index < 1_000 {
            index += 1
            writer.submit(job(index, bytes: 2_000, watch))
            await settle(writer)
        }
        #expect(writer.isFull)
        #expect(watch.receipts.count == Int(index) - 1)
        return index
    }

    @Test func aFullDiskIsWaitedFor() async throws {
        try await withWriter { writer, watch in
            let last = await fill(writer, watch)
            writer.tick()
            await settle(writer)
            #expect(writer.isFull && watch.receipts.count == Int(last) - 1)
            faults.set { $0.isFull = false }
            writer.tick()
            await settle(writer)
            #expect(!writer.isFull)
            #expect(watch.receipts.map(\.last.index.rawValue) == Array(1...last))
            #expect(watch.state.withLock { $0.full } == [true, false])
            #expect(watch.state.withLock { $0.failures } == 0)
        }
    }

    @Test func aCompactionOvertakesWhatWaitsAndMakesRoom() async throws {
        try await withWriter { writer, watch in
            let last = await fill(writer, watch)
            writer.submit(LogWriter.Job(compact: (Self.group, LogIndex(last - 1))))
            await settle(writer)
            writer.tick()
            await settle(writer)
            #expect(!writer.isFull, "retired segments are used again")
            #expect(watch.receipts.last?.last.index == LogIndex(last))
        }
        faults.set { $0.isFull = false }
        let (log, recovered) = try open()
        #expect(recovered[Self.group]?.base.index ?? .zero > .zero)
        log.close()
    }

    @Test func nothingIsTakenAfterClose() async throws {
        let watch = Watch()
        let writer = LogWriter(
            log: try open().log,
            onFailure: { _ in watch.state.withLock { $0.failures += 1 } },
            onFull: { _ in }
        )
        writer.submit(job(1, watch))
        writer.close()
        #expect(watch.receipts.count == 1, "what was given before is written")
        writer.submit(job(2, watch))
        writer.tick()
        await settle(writer)
        #expect(watch.receipts.count == 1 && watch.state.withLock { $0.failures } == 0)
        let (log, recovered) = try open()
        #expect(recovered[Self.group]?.last.index == LogIndex(1))
        log.close()
    }
}
