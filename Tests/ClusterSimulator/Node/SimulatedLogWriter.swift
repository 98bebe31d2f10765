import ClusterPrimitives
import RaftCore
import ReplicaDriver
import ReplicationLog

/// The node's log writer on simulated time: whatever has gathered by the time that a sync takes, for all
/// groups, in one write and one sync. Follows the server's writer step by step.
final class SimulatedLogWriter {
    struct Job {
        var write: ReplicaWrite?
        var compact: (group: GroupID, through: LogIndex)?
        /// The membership that the group of `write` begins with.
        var founding: Configuration?
        var reply: ((StorageReceipt) -> Void)?
    }

    /// Between two tries on a full disk, in microseconds.
    private static let retryTime: Int64 = 500_000
    /// How long the log must be quiet before it marks its end, in microseconds.
    private static let idleTime: Int64 = 200_000

    let log: ReplicationLog
    private unowned let process: NodeProcess
    private var jobs: [Job] = []
    private var isScheduled = false
    private var isDirty = false
    /// The disk has no room for entries.
    private(set) var isFull = false
    private var stalled: [Job] = []
    private var unsynced: [Job] = []
    /// What a sync has made durable, by group.
    private(set) var durable: [GroupID: LogIndex] = [:]

    init(_ log: ReplicationLog, _ process: NodeProcess) {
        self.log = log
        self.process = process
    }

    /// Begins to mark the end when idle.
    func start() { planTick() }

    func submit(_ job: Job) {
        jobs.append(job)
        guard !isScheduled else { return }
        isScheduled = true
        process.plan(after: process.syncTime()) { [self] in writeBatch() }
    }

    private func planTick() {
        process.plan(after: Self.idleTime) { [self] in
            if isFull, !isScheduled {
                isScheduled = true
                process.plan(after: Self.retryTime) { [self] in writeBatch() }
            } else if isDirty, !isScheduled {
                write { () throws(LogError) in
                    _ = try log.mark()
                    isDirty = false
                }
            }
            planTick()
        }
    }

    private func write(_ body: () throws(LogError) -> Void) {
        do {
            try body()
        } catch {
            if case .diskFull = error {
                process.world.coverage[.diskFull] += 1
                isFull = true
            } else {
                process.failed(error)
            }
        }
    }

    private func writeBatch() {
        isScheduled = false
        let batch = stalled + jobs
        jobs = []
        stalled = []
        guard !batch.isEmpty || !unsynced.isEmpty else {
            isFull = false
            return
        }
        isDirty = true
        let segments = log.segmentCount
        write { () throws(LogError) in
            for job in batch { try append(job) }
            if unsynced.contains(where: { $0.reply != nil }) || !stalled.isEmpty { try sync() }
            if unsynced.allSatisfy({ $0.reply == nil }) { unsynced = [] }
            isFull = !stalled.isEmpty
        }
        if log.segmentCount < segments { process.world.coverage[.segmentRetired] += 1 }
    }

    private func append(_ job: Job) throws(LogError) {
        let waits = stalled.contains { $0.write != nil && $0.write?.group == job.write?.group }
        guard job.write == nil || !waits else { return stalled.append(job) }
        do {
            try log.append(records(of: job))
            unsynced.append(job)
        } catch {
            guard case .diskFull = error else { throw error }
            process.world.coverage[.diskFull] += 1
            stalled.append(job)
        }
    }

    private func sync() throws(LogError) {
        let receipts = try log.sync()
        for receipt in receipts { durable[receipt.group] = receipt.last.index }
        let done = unsynced
        unsynced = []
        for job in done {
            guard let reply = job.reply, let group = job.write?.group else { continue }
            guard let receipt = receipts.first(where: { $0.group == group }) else {
                return process.world.fail("the log gave no receipt for \(group)")
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
                records.append(.configuration(write.group, snapshot.configuration.encodedBytes))
            }
            if !write.entries.isEmpty { records.append(.entries(write.group, write.entries)) }
            if let state = write.hardState { records.append(.hardState(write.group, state)) }
        }
        if let compact = job.compact {
            records.append(.compact(compact.group, through: compact.through))
        }
        return records
    }

    /// What was found when the node started is durable.
    func found(_ group: GroupID, through index: LogIndex) { durable[group] = index }
}
