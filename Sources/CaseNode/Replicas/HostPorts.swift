import CaseStore
import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// A reference that does not keep its target.
private struct Weak<Target: AnyObject & Sendable>: Sendable {
    weak var target: Target?
    init(_ target: Target) { self.target = target }
}

/// The server's ports: the log's thread, the store's lane.
final class HostPorts<Machine: StateMachine>: ReplicaPorts, Sendable {
    typealias Ticket = ReplicaHost<Machine>.Ticket

    /// How long a store whose disk is full waits before it tries again, in milliseconds.
    static var retryMilliseconds: Int64 { 500 }

    private let host = Mutex<Weak<ReplicaHost<Machine>>?>(nil)
    private let log: LogWriter
    private let lane: SerialLane
    private let machine: Machine
    private let eventLoop: any EventLoop
    private let onFailure: @Sendable (any Error) -> Void
    private let queue = Mutex(ApplyQueue())

    private struct ApplyQueue {
        var entries: [DeliveredEntry<Ticket>] = []
        var isScheduled = false
        var isFailed = false
        var isFull = false

        mutating func takeAll() -> [DeliveredEntry<Ticket>] {
            defer { entries = [] }
            isScheduled = false
            return entries
        }
    }

    init(
        log: LogWriter,
        lane: SerialLane,
        machine: Machine,
        eventLoop: any EventLoop,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        self.log = log
        self.lane = lane
        self.machine = machine
        self.eventLoop = eventLoop
        self.onFailure = onFailure
    }

    /// Whose ports these are: who hears of receipts and of what was applied.
    func serve(_ owner: ReplicaHost<Machine>) { host.withLock { $0 = Weak(owner) } }

    /// The store has no room: what is committed waits to be applied, and nothing new should be proposed.
    var isStoreFull: Bool { queue.withLock { $0.isFull } }

    func write(_ write: ReplicaWrite) {
        var job = LogWriter.Job(write: write)
        if write.needsReceipt {
            let host = host.withLock { $0?.target }
            job.reply = { receipt in host?.persisted(receipt) }
        }
        log.submit(job)
    }

    func apply(_ entries: [DeliveredEntry<Ticket>]) {
        let mustSchedule = queue.withLock { queue in
            queue.entries.append(contentsOf: entries)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if mustSchedule { scheduleApply() }
    }

    private func scheduleApply() {
        guard !lane.submit({ [self] in applyGathered() }) else { return }
        // The lane is closed, the node stops: it is committed, and applied by the next start.
        answerUnknown(queue.withLock { $0.takeAll() })
    }

    /// On the store's lane: everything that gathered, in one transaction.
    private func applyGathered() {
        let (batch, isFailed) = queue.withLock { ($0.takeAll(), $0.isFailed) }
        guard !isFailed else { return answerUnknown(batch) }
        guard let last = batch.last else { return }
        do {
            let answers = try machine.apply(batch.map(\.entry))
            precondition(answers.count == batch.count, "one answer for each entry")
            var tickets = 0
            for (item, answer) in zip(batch, answers) {
                guard case .command(let reply) = item.ticket else { continue }
                tickets += 1
                reply(answer.map { .success($0) } ?? .failure(.outcomeUnknown))
            }
            queue.withLock { $0.isFull = false }
            let bytes = batch.reduce(0) { $0 + $1.entry.payload.count }
            let host = host.withLock { $0?.target }
            host?.applied(through: last.entry.index, tickets: tickets, bytes: bytes)
        } catch StoreError.diskFull {
            waitForRoom(batch)
        } catch {
            queue.withLock { $0.isFailed = true }
            answerUnknown(batch)
            onFailure(error)
        }
    }

    /// The transaction was rolled back: the same entries again, in a while.
    private func waitForRoom(_ batch: [DeliveredEntry<Ticket>]) {
        queue.withLock { queue in
            queue.entries = batch + queue.entries
            queue.isScheduled = true
            queue.isFull = true
        }
        eventLoop.scheduleTask(in: .milliseconds(Self.retryMilliseconds)) { [weak self] in
            self?.scheduleApply()
        }
    }

    /// What was not applied here is committed, and may be carried out all the same.
    private func answerUnknown(_ batch: [DeliveredEntry<Ticket>]) {
        for item in batch {
            if case .command(let reply) = item.ticket { reply(.failure(.outcomeUnknown)) }
        }
    }

    /// No peers yet: a group has one voter.
    func send(_ messages: [Message]) {}

    func readable(_ tickets: [Ticket]) {
        for ticket in tickets {
            if case .read(let reply) = ticket { reply(nil) }
        }
    }

    func failed(_ ticket: Ticket, _ failure: ReplicaFailure) {
        switch ticket {
        case .command(let reply): reply(.failure(failure))
        case .read(let reply): reply(failure)
        }
    }

    func leadershipChanged(_ leadership: Leadership) {}
}
