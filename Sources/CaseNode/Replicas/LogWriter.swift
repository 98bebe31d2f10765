import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import ReplicationLog
import Synchronization

/// The one thread that writes the node's log: whatever arrived, for all groups, in one write and one sync.
///
/// Group commit needs no timer: while a sync runs the next writes gather. `@unchecked Sendable`: `log` is
/// touched on `lane` alone, everything else is behind the mutex.
final class LogWriter: @unchecked Sendable {
    /// How long the log must be quiet before it marks its durable end, in milliseconds.
    static let idleMarkMilliseconds: Int64 = 200

    /// One thing to write, and whom to tell.
    struct Job: Sendable {
        var write: ReplicaWrite?
        var compact: (group: GroupID, through: LogIndex)?
        var reply: (@Sendable (StorageReceipt) -> Void)?
    }

    private struct Queue {
        var jobs: [Job] = []
        var isScheduled = false
        var isFailed = false
    }

    private let log: ReplicationLog
    private let lane = SerialLane(name: "log-writer")
    private let queue = Mutex(Queue())
    private let dirty = Mutex(false)
    private let onFailure: @Sendable (any Error) -> Void

    /// - Parameters:
    ///   - log: opened; this object is its only user from here on.
    ///   - onFailure: called once, on the writer's thread; nothing is written after it.
    init(log: ReplicationLog, onFailure: @escaping @Sendable (any Error) -> Void) {
        self.log = log
        self.onFailure = onFailure
    }

    /// Writes with the next batch. Any thread; the reply comes on the writer's thread.
    func submit(_ job: Job) {
        let mustSchedule = queue.withLock { queue in
            queue.jobs.append(job)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if mustSchedule { lane.submit { [self] in writeBatch() } }
    }

    /// Marks the durable end if anything was written since the last mark. Called by a timer.
    func markIfIdle() {
        let mustMark = dirty.withLock { dirty in
            defer { dirty = false }
            return dirty
        }
        guard mustMark else { return }
        lane.submit { [self] in
            guard !queue.withLock({ $0.isFailed || $0.isScheduled }) else { return }
            do { _ = try log.mark() } catch { fail(error) }
        }
    }

    /// Bytes of the segments in use.
    func segmentBytes(_ reply: @escaping @Sendable (UInt64) -> Void) {
        lane.submit { [self] in
            reply(UInt64(log.segmentCount) * UInt64(log.configuration.segmentBytes))
        }
    }

    /// Writes what was given, marks the end, closes the file.
    func close() {
        lane.submit { [self] in
            guard !queue.withLock({ $0.isFailed }) else { return }
            do {
                _ = try log.mark()
                log.close()
            } catch { fail(error) }
        }
        lane.close()
    }

    private func writeBatch() {
        let jobs = queue.withLock { queue in
            let jobs = queue.jobs
            queue.jobs = []
            queue.isScheduled = false
            return queue.isFailed ? [] : jobs
        }
        guard !jobs.isEmpty else { return }
        do {
            for job in jobs { try log.append(records(of: job)) }
            let receipts = try log.sync()
            // A replica has one write under way at a time, so its group's one receipt is that write's.
            for job in jobs {
                guard let reply = job.reply, let group = job.write?.group else { continue }
                guard let receipt = receipts.first(where: { $0.group == group }) else {
                    preconditionFailure("a group that was written to gets a receipt")
                }
                reply(receipt)
            }
            dirty.withLock { $0 = true }
        } catch {
            fail(error)
        }
    }

    private func records(of job: Job) -> [LogWrite] {
        var records: [LogWrite] = []
        if let write = job.write {
            if let snapshot = write.snapshot { records.append(.snapshot(write.group, snapshot.id)) }
            if !write.entries.isEmpty { records.append(.entries(write.group, write.entries)) }
            // Behind the entries: its commit index may not pass the last one.
            if let state = write.hardState { records.append(.hardState(write.group, state)) }
        }
        if let compact = job.compact {
            records.append(.compact(compact.group, through: compact.through))
        }
        return records
    }

    private func fail(_ error: any Error) {
        let isFirst = queue.withLock { queue in
            defer { queue.isFailed = true }
            return !queue.isFailed
        }
        if isFirst { onFailure(error) }
    }
}
