import CaseStore
import ClusterPrimitives
import NIOCore
import NIOPosix
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization
import Testing

@testable import CaseNode

/// A state machine that answers with the entry's index, and fails as it is told.
private final class EchoMachine: StateMachine {
    enum Fault {
        case none
        case diskFull
        case diskFullAtCommit
        case broken
    }

    private struct State {
        var applied = SnapshotID.zero
        /// With what the open transaction holds.
        var reached = SnapshotID.zero
        var commits = 0
        var time = Timestamp.zero
        var fault = Fault.none
        var checkpoints = 0
    }

    private let state = Mutex(State())

    var applied: SnapshotID { state.withLock { $0.applied } }
    var time: Timestamp { state.withLock { $0.time } }
    var commits: Int { state.withLock { $0.commits } }
    var isCommitWanted: Bool { false }
    var checkpoints: Int { state.withLock { $0.checkpoints } }

    func set(_ fault: Fault) { state.withLock { $0.fault = fault } }

    func encode(_ command: [UInt8], at: Timestamp) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(at.rawValue)
        writer.write(command)
        return writer.bytes
    }

    var file: (any MachineFile)? { nil }

    func apply(_ entries: [MachineEntry]) throws -> [LogIndex?] {
        try state.withLock { state in
            switch state.fault {
            case .none, .diskFullAtCommit: break
            case .diskFull:
                state.reached = state.applied
                throw StoreError.diskFull
            case .broken: throw StoreError.corrupt(detail: "as told")
            }
            return try entries.map(\.entry).map { entry in
                precondition(entry.index == state.reached.index.next, "entries leave a gap")
                state.reached = SnapshotID(index: entry.index, term: entry.term)
                guard !entry.payload.isEmpty else { return nil }
                var reader = ByteReader(entry.payload)
                state.time = max(state.time, Timestamp(rawValue: try reader.signed()))
                return entry.index
            }
        }
    }

    func commit() throws {
        try state.withLock { state in
            if case .diskFullAtCommit = state.fault {
                state.reached = state.applied
                throw StoreError.diskFull
            }
            state.applied = state.reached
            state.commits += 1
        }
    }

    func checkpoint() throws -> LogIndex? {
        state.withLock { state in
            state.checkpoints += 1
            return state.applied.index
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct ReplicaHostTests {
    private typealias Host = ReplicaHost<EchoMachine>

    /// One replica of a group of one, on real threads.
    private final class Rig: Sendable {
        let machine = EchoMachine()
        let lane = SerialLane(name: "store")
        let checkpoints = SerialLane(name: "checkpoint")
        let snapshots = SerialLane(name: "snapshot")
        let log: LogWriter
        let host: Host
        private let failed = FailureCount()

        /// How often the host said that the node must end.
        var failures: Int { failed.count }

        /// The system group's store puts nothing off, a shard's does.
        init(
            _ path: String,
            group: GroupID = .system,
            checkpointEntries: Int = 1_000_000
        ) throws {
            let (log, _) = try ReplicationLog.open(
                directory: path + "/log",
                fileSystem: POSIXFileSystem(),
                configuration: .small(segmentBytes: 1 << 20),
                identity: LogIdentity(cluster: Array(1...16), node: NodeID(1))
            )
            self.log = LogWriter(log: log, onFailure: { _ in }, onFull: { _ in })
            var settings = RaftConfiguration(id: NodeID(1), group: group, seed: 1)
            settings.asyncStorageWrites = false
            let failed = failed
            host = try Host(
                settings: settings,
                limits: DriverLimits(),
                recovered: (
                    MemoryLog(configuration: Configuration(voters: [NodeID(1)])), HardState()
                ),
                machine: machine,
                environment: Host.Environment(
                    eventLoop: NIOSingletons.posixEventLoopGroup.next(),
                    clock: SystemClock(floor: .zero),
                    log: self.log,
                    storeLane: lane,
                    checkpointLane: checkpoints,
                    snapshotLane: snapshots,
                    checkpointEntries: checkpointEntries,
                    checkpointMilliseconds: 86_400_000,
                    phases: nil,
                    onFailure: { _ in failed.add() }
                ),
                onLeadership: { _ in }
            )
        }

        func propose(_ bytes: [UInt8] = [1]) async -> Host.Outcome {
            await withCheckedContinuation { continuation in
                host.propose(bytes) { continuation.resume(returning: $0) }
            }
        }

        func read() async -> ReplicaFailure? {
            await withCheckedContinuation { continuation in
                host.read { continuation.resume(returning: $0) }
            }
        }

        func close() {
            host.stop()
            lane.close()
            checkpoints.close()
            snapshots.close()
            log.close()
        }
    }

    private final class FailureCount: Sendable {
        private let value = Mutex(0)
        var count: Int { value.withLock { $0 } }
        func add() { value.withLock { $0 += 1 } }
    }

    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    @Test func whatComesBeforeTheStartWaitsForIt() async throws {
        let rig = try Rig(temporary.path)
        async let outcome = rig.propose()
        async let reading = rig.read()
        rig.host.start()
        #expect(await outcome == .success(LogIndex(2)))
        #expect(await reading == nil)
        #expect(rig.host.leadership.isReady && rig.host.leadership.leader == NodeID(1))
        rig.close()
    }

    @Test func theInboxIsBoundedAndEverythingIsAnsweredOnce() async throws {
        let rig = try Rig(temporary.path)
        let answers = Mutex((results: 0, overloads: 0, others: 0))
        let count = Host.inboxMax + 10
        for _ in 0..<count {
            rig.host.propose([1]) { outcome in
                answers.withLock { answers in
                    switch outcome {
                    case .success: answers.results += 1
                    case .failure(.overloaded): answers.overloads += 1
                    default: answers.others += 1
                    }
                }
            }
        }
        // Nobody has looked yet: what did not fit was refused on this thread.
        #expect(answers.withLock { $0.overloads } == 10)
        rig.host.start()
        while case .failure = await rig.propose() {}
        #expect(answers.withLock { $0.results } == Host.waitingMax)
        #expect(answers.withLock { $0.overloads } == count - Host.waitingMax)
        #expect(answers.withLock { $0.others } == 0)
        rig.close()
    }

    @Test func aFullStoreIsTriedAgainAndRefusesMeanwhile() async throws {
        let rig = try Rig(temporary.path)
        rig.host.start()
        #expect(await rig.propose() == .success(LogIndex(2)))
        rig.machine.set(.diskFull)
        let first = Locked<Host.Outcome?>(nil)
        rig.host.propose([1]) { outcome in first.withLock { $0 = outcome } }
        // Refused as soon as the store has said so; until then they wait behind the first.
        let refusals = Mutex(0)
        while refusals.withLock({ $0 }) == 0 {
            rig.host.propose([2]) { outcome in
                if case .failure(.diskFull) = outcome { refusals.withLock { $0 += 1 } }
            }
            await withCheckedContinuation { continuation in
                rig.host.status { _ in continuation.resume() }
            }
        }
        rig.machine.set(.none)
        while case .failure(.diskFull) = await rig.propose() {}
        // Answers come in the log's order.
        #expect(first.withLock { $0 } == .success(LogIndex(3)))
        #expect(rig.failures == 0)
        rig.close()
    }

    /// Answers don't wait for the transaction's end; a read ends it.
    @Test func aLeadersTransactionStaysOpenUntilSomebodyReads() async throws {
        let rig = try Rig(temporary.path, group: GroupID(shard: ShardID(0)))
        rig.host.start()
        #expect(await rig.read() == nil)
        let before = rig.machine.commits
        for index in UInt64(2)...5 {
            #expect(await rig.propose() == .success(LogIndex(index)))
        }
        #expect(rig.machine.commits == before && rig.machine.applied.index == LogIndex(1))
        #expect(await rig.read() == nil)
        #expect(rig.machine.commits == before + 1 && rig.machine.applied.index == LogIndex(5))
        // Without a reader it ends in time.
        var ticks = 0
        #expect(await rig.propose() == .success(LogIndex(6)))
        while rig.machine.applied.index < LogIndex(6) {
            ticks += 1
            rig.host.tick(ticks)
            await withCheckedContinuation { continuation in
                rig.host.status { _ in continuation.resume() }
            }
        }
        rig.close()
    }

    /// Goal: a commit that finds no room undoes what was answered; it is applied again, and answered once.
    @Test func whatWasAnsweredIsAppliedAgainWhenThereIsRoom() async throws {
        let rig = try Rig(temporary.path, group: GroupID(shard: ShardID(0)))
        rig.host.start()
        #expect(await rig.read() == nil)
        rig.machine.set(.diskFullAtCommit)
        let answers = Mutex(0)
        for _ in 0..<3 {
            await withCheckedContinuation { continuation in
                rig.host.propose([1]) { outcome in
                    if case .success = outcome { answers.withLock { $0 += 1 } }
                    continuation.resume()
                }
            }
        }
        #expect(answers.withLock { $0 } == 3 && rig.machine.applied.index == LogIndex(1))
        async let read = rig.read()
        while rig.machine.applied.index == LogIndex(1), await rig.propose() != .failure(.diskFull) {
        }
        rig.machine.set(.none)
        #expect(await read == nil)
        #expect(rig.machine.applied.index >= LogIndex(4) && answers.withLock { $0 } == 3)
        while case .failure(.diskFull) = await rig.propose() {}
        #expect(rig.failures == 0)
        rig.close()
    }

    @Test func aBrokenStoreIsReportedOnceAndLeavesTheOutcomeOpen() async throws {
        let rig = try Rig(temporary.path)
        rig.host.start()
        #expect(await rig.propose() == .success(LogIndex(2)))
        rig.machine.set(.broken)
        #expect(await rig.propose() == .failure(.outcomeUnknown))
        rig.machine.set(.none)
        #expect(await rig.propose() == .failure(.outcomeUnknown))
        #expect(rig.failures == 1)
        rig.close()
    }

    @Test func afterAStopNothingIsTaken() async throws {
        let rig = try Rig(temporary.path)
        rig.host.start()
        #expect(await rig.propose() == .success(LogIndex(2)))
        rig.host.stop()
        #expect(await rig.propose() == .failure(.stopping))
        #expect(await rig.read() == .stopping)
        rig.close()
    }

    @Test func aClosedLaneLeavesTheOutcomeOpen() async throws {
        let rig = try Rig(temporary.path)
        rig.host.start()
        #expect(await rig.propose() == .success(LogIndex(2)))
        rig.lane.close()
        #expect(await rig.propose() == .failure(.outcomeUnknown))
        rig.close()
    }

    @Test func entriesAndBytesStartCheckpoints() async throws {
        let rig = try Rig(temporary.path, checkpointEntries: 10)
        rig.host.start()
        for _ in 0..<30 { _ = await rig.propose() }
        while rig.host.checkpointIndex < LogIndex(10) { _ = await rig.propose() }
        #expect(rig.machine.checkpoints > 0)
        let before = rig.machine.checkpoints
        rig.close()
        let second = try TemporaryDirectory()
        let other = try Rig(second.path)
        other.host.start()
        let large = [UInt8](repeating: 1, count: 30_000)
        var sent = 0
        while other.host.checkpointIndex == .zero, sent < 4 * Host.checkpointBytes {
            _ = await other.propose(large)
            sent += large.count
        }
        #expect(other.host.checkpointIndex > .zero && before > 0)
        other.close()
    }
}
