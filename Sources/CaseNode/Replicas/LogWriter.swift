import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization

/// The one thread that writes the node's log: whatever arrived, for all groups, in one write and one sync.
///
/// Group commit needs no timer: while a sync runs the next writes gather. What nobody waits for (a commit
/// index, a compaction) is written along with the next sync, or when the log goes idle.
///
/// A full disk is no failure: what could not be taken waits here in order, `isFull` says so, so that nothing
/// more is proposed, and each tick of the idle timer tries again.
///
/// `@unchecked Sendable`: `log`, `stalled` and `unsynced` are touched on `lane` alone, everything else is
/// behind the mutex.
final class LogWriter: @unchecked Sendable {
    /// How long the log must be quiet before it marks its durable end, in milliseconds.
    static let idleMarkMilliseconds: Int64 = 200
    /// Jobs that may wait, at most: a replica has one write under way and now and then a compaction, so that
    /// 1,025 groups stay far below it. Reached only by a fault of this program.
    static let jobsMax = 1 << 16

    /// One thing to write, and whom to tell.
    struct Job: Sendable {
        var write: ReplicaWrite?
        var compact: (group: GroupID, through: LogIndex)?
        /// A group that the log forgets, behind everything that was written of it.
        var remove: GroupID?
        /// The membership that the group of `write` begins with.
        var founding: Configuration?
        var reply: (@Sendable (StorageReceipt) -> Void)?
        /// Hears of a removal that is durable.
        var removed: (@Sendable () -> Void)?

        /// Somebody waits for it to be durable.
        var isAwaited: Bool { reply != nil || removed != nil }
        /// The group whose order it has to keep.
        var group: GroupID? { write?.group ?? remove }
    }

    private struct Queue {
        var jobs: [Job] = []
        var isScheduled = false
        /// Failed or closed: nothing is written any more.
        var isEnded = false
        var isFull = false
        /// Stores that found no room for what is committed.
        var fullStores = 0
        /// Something was written since the last mark.
        var isDirty = false

        var lacksRoom: Bool { isFull || fullStores > 0 }
    }

    private let log: ReplicationLog
    private let lane = SerialLane(name: "log-writer")
    private let queue = Mutex(Queue())
    private let onFailure: @Sendable (any Error) -> Void
    private let onFull: @Sendable (Bool) -> Void
    private let segments: Atomic<Int>
    /// Refused for want of room, in order.
    private var stalled: [Job] = []
    /// In the log's open batch; their sync was refused for want of room.
    private var unsynced: [Job] = []

    /// - Parameters:
    ///   - log: opened; this object is its only user from here on.
    ///   - onFailure: called once, on the writer's thread; nothing is written after it.
    ///   - onFull: called when the disk is found full, and when there is room again.
    init(
        log: ReplicationLog,
        onFailure: @escaping @Sendable (any Error) -> Void,
        onFull: @escaping @Sendable (Bool) -> Void
    ) {
        self.log = log
        segments = Atomic(log.segmentCount)
        segmentBytesEach = log.configuration.segmentBytes
        self.onFailure = onFailure
        self.onFull = onFull
    }

    /// The disk has no room for entries: writes wait, and nothing new should be proposed.
    var isFull: Bool { queue.withLock { $0.isFull } }

    /// The disk has no room for entries, or for a store.
    var lacksRoom: Bool { queue.withLock { $0.lacksRoom } }

    /// A store on the same disk has no room for what is committed. Any thread.
    func storeRanFull() { report { $0.fullStores += 1 } }

    /// That store has room again, or needs none any more.
    func storeHasRoom() { report { $0.fullStores -= 1 } }

    /// Writes with the next batch. Any thread; the reply comes on the writer's thread. After a failure, and
    /// after `close`, jobs are dropped without a reply: the node ends.
    func submit(_ job: Job) {
        let mustSchedule = queue.withLock { queue in
            guard !queue.isEnded else { return false }
            precondition(queue.jobs.count < Self.jobsMax, "the log's queue grew past its limit")
            queue.jobs.append(job)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if mustSchedule { lane.submit { [self] in writeBatch() } }
    }

    /// Marks the durable end if anything was written since the last mark; tries again what a full disk has
    /// refused. Called by a timer.
    func tick() {
        lane.submit { [self] in
            let (isIdle, isFull) = queue.withLock { ($0.isDirty && !$0.isScheduled, $0.isFull) }
            if isFull { return writeBatch() }
            guard isIdle else { return }
            write {
                _ = try log.mark()
                queue.withLock { $0.isDirty = false }
            }
        }
    }

    /// Segments in use, as of the last write. Asks nobody, so that a stalled disk holds nobody up.
    var segmentsKnown: Int { segments.load(ordering: .relaxed) }

    /// Bytes of one segment.
    let segmentBytesEach: Int

    /// Bytes of the segments in use; 0 once closed.
    func segmentBytes(_ reply: @escaping @Sendable (UInt64) -> Void) {
        let isTaken = lane.submit { [self] in
            reply(UInt64(log.segmentCount) * UInt64(log.configuration.segmentBytes))
        }
        if !isTaken { reply(0) }
    }

    /// Runs `body` on the writer's thread and waits for it: for recovery, which reads beside replicas that run
    /// already. It must not write.
    /// - Throws: what `body` throws; `LogError.closed` once the writer was closed.
    func withLog<Value: Sendable>(
        _ body: @escaping @Sendable (ReplicationLog) throws -> Value
    ) throws -> Value {
        let result = lane.perform { [self] in Result { try body(log) } }
        guard let result else { throw LogError.closed(directory: "log") }
        return try result.get()
    }

    /// Has the log forget a group, durably, before it returns. For recovery; not on an event loop.
    /// - Throws: where the disk has no room even for that.
    func forget(_ group: GroupID) throws {
        let isDone = Mutex(false)
        submit(Job(remove: group) { isDone.withLock { $0 = true } })
        let done = lane.perform { isDone.withLock { $0 } }
        guard done == true else { throw LogError.diskFull(file: "log") }
    }

    /// Writes what was given, marks the end, closes the file. Nothing is taken after it.
    func close() {
        lane.submit { [self] in
            writeBatch()
            write { _ = try log.mark() }
            queue.withLock { $0.isEnded = true }
            log.close()
        }
        lane.close()
    }

    // MARK: On the lane

    /// Runs what writes; a full disk is for the next tick to try again, any other error is the end.
    private func write(_ body: () throws -> Void) {
        guard !queue.withLock({ $0.isEnded }) else { return }
        do {
            try body()
        } catch LogError.diskFull {
            setFull(true)
        } catch {
            let isFirst = queue.withLock { queue in
                defer { queue.isEnded = true }
                return !queue.isEnded
            }
            if isFirst { onFailure(error) }
        }
    }

    private func setFull(_ isFull: Bool) { report { $0.isFull = isFull } }

    /// Tells when the first finds no room, and when the last has found some.
    private func report(_ change: (inout Queue) -> Void) {
        let (before, after) = queue.withLock { queue in
            let before = queue.lacksRoom
            change(&queue)
            return (before, queue.lacksRoom)
        }
        if before != after { onFull(after) }
    }

    private func writeBatch() {
        let jobs = queue.withLock { queue in
            defer { queue.jobs = [] }
            queue.isScheduled = false
            return stalled + queue.jobs
        }
        stalled = []
        guard !jobs.isEmpty || !unsynced.isEmpty else { return setFull(false) }
        queue.withLock { $0.isDirty = true }
        write {
            for job in jobs { try append(job) }
            // What nobody waits for need not be synced now.
            if unsynced.contains(where: \.isAwaited) || !stalled.isEmpty { try sync() }
            if !unsynced.contains(where: \.isAwaited) { unsynced = [] }
            setFull(!stalled.isEmpty)
        }
        segments.store(log.segmentCount, ordering: .relaxed)
    }

    /// Puts a job into the open batch, or behind what waits for room. A compaction overtakes its group's
    /// entries: it is about older ones, and it is what makes room.
    private func append(_ job: Job) throws(LogError) {
        let waits = job.group != nil && stalled.contains { $0.group == job.group }
        guard !waits else { return stalled.append(job) }
        do {
            try log.append(records(of: job))
            unsynced.append(job)
        } catch {
            guard case .diskFull = error else { throw error }
            stalled.append(job)
        }
    }

    private func sync() throws(LogError) {
        let receipts = try log.sync()
        let byGroup = Dictionary(uniqueKeysWithValues: receipts.map { ($0.group, $0) })
        let jobs = unsynced
        unsynced = []
        // A replica has one write under way at a time, so its group's one receipt is that write's.
        for job in jobs {
            job.removed?()
            guard let reply = job.reply, let group = job.write?.group else { continue }
            guard let receipt = byGroup[group] else {
                preconditionFailure("a group that was written to gets a receipt")
            }
            reply(receipt)
        }
    }

    private func records(of job: Job) -> [LogWrite] {
        var records: [LogWrite] = []
        if let write = job.write {
            if let founding = job.founding {
                records.append(.configuration(write.group, founding.encodedBytes))
            }
            if let snapshot = write.snapshot {
                records.append(.snapshot(write.group, snapshot.id))
                // What the store keeps says it too, unless none was ever changed.
                records.append(
                    .configuration(write.group, snapshot.configuration.encodedBytes)
                )
            }
            if !write.entries.isEmpty { records.append(.entries(write.group, write.entries)) }
            // Behind the entries: its commit index may not pass the last one.
            if let state = write.hardState { records.append(.hardState(write.group, state)) }
        }
        if let group = job.remove { records.append(.removeGroup(group)) }
        if let compact = job.compact {
            records.append(.compact(compact.group, through: compact.through))
        }
        return records
    }
}

extension LogWriter.Job {
    /// Puts a group's first membership into the log, in front of everything else of the group. Nobody waits for
    /// it: the log is durable in order, so whatever of the group is ever found again, this is found before.
    init(founding: Configuration, of group: GroupID) {
        self.init(
            write: ReplicaWrite(group: group, hardState: nil, entries: [], needsReceipt: false),
            founding: founding
        )
    }
}
