import CaseStore
import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// The way to a replica, for those that outlive it: cut when it stops, or has no part in its group any more.
///
/// Why not weak references: an object that has any counts all its references in a table beside it, some thirty times
/// a command.
final class ReplicaLink<Machine: StateMachine>: Sendable {
    private struct Target {
        var host: ReplicaHost<Machine>?
        var isCut = false
    }

    private let target = Mutex(Target())

    /// The replica; nil before it starts, and after its end.
    var host: ReplicaHost<Machine>? { target.withLock { $0.host } }

    /// Its end has come.
    var isCut: Bool { target.withLock { $0.isCut } }

    /// From its start: one that never starts must not be kept.
    func connect(_ host: ReplicaHost<Machine>) { target.withLock { $0.host = host } }

    func cut() { target.withLock { $0 = Target(isCut: true) } }
}

/// The server's ports: the log's thread, the store's lane, the links to the peers.
final class HostPorts<Machine: StateMachine>: ReplicaPorts, Sendable {
    typealias Ticket = ReplicaHost<Machine>.Ticket

    /// How long a store whose disk is full waits before it tries again, in milliseconds.
    static var retryMilliseconds: Int64 { 500 }

    /// Whose ports these are: who hears of receipts and of what was applied.
    let link = ReplicaLink<Machine>()
    private let group: GroupID
    private let node: NodeID
    private let log: LogWriter
    private let lane: SerialLane
    private let machine: Machine
    private let peers: any PeerTransport
    private let eventLoop: any EventLoop
    private let onFailure: @Sendable (any Error) -> Void
    private let meters: NodeMeters
    private let queue: Mutex<ApplyQueue<Ticket>>
    let snapshots: SnapshotTraffic

    init(
        group: GroupID,
        node: NodeID,
        machine: Machine,
        inFlightMax: Int,
        environment: ReplicaHost<Machine>.Environment
    ) {
        self.group = group
        self.node = node
        // Every node checks rights by its own replica of the system group: that one is always up to date.
        queue = Mutex(ApplyQueue(isPatient: group != .system, inFlightMax: inFlightMax))
        self.machine = machine
        log = environment.log
        lane = environment.storeLane
        peers = environment.peers
        eventLoop = environment.eventLoop
        onFailure = environment.onFailure
        meters = environment.meters
        snapshots = SnapshotTraffic(
            file: machine.file,
            lane: environment.snapshotLane,
            onFailure: environment.onFailure
        )
    }

    private var host: ReplicaHost<Machine>? { link.host }

    /// The store has no room: what is committed waits to be applied, and nothing new should be proposed.
    var isStoreFull: Bool { queue.withLock { $0.isFull } }

    // MARK: The log

    func write(_ write: ReplicaWrite) {
        var job = LogWriter.Job(write: write)
        let host = self.host
        if let snapshot = write.snapshot {
            // Named by the log, durably: from here on the old store is of no use.
            job.reply = { [self] receipt in
                lane.submit { [self] in
                    guard install(snapshot) else { return }
                    host?.installed(snapshot.id, receipt)
                }
            }
        } else if write.needsReceipt {
            job.reply = { receipt in host?.persisted(receipt) }
        }
        log.submit(job)
    }

    // MARK: The store

    func apply(_ entries: [DeliveredEntry<Ticket>]) {
        let now = NodeMeters.now()
        for entry in entries {
            guard case .command(_, at: let began) = entry.ticket else { continue }
            meters.commit.observe(nanoseconds: now - min(began, now))
        }
        let mustSchedule = queue.withLock { queue in
            queue.add(entries)
            return queue.mustSchedule()
        }
        if mustSchedule { scheduleApply() }
    }

    func storeAwaited(through index: LogIndex) {
        let mustSchedule = queue.withLock { queue in
            queue.applyPromptly(through: index)
            return queue.mustSchedule()
        }
        if mustSchedule { scheduleApply() }
    }

    /// What has been put off for so many ticks is put off no longer. Any thread.
    func bringStoreUp(olderThan ticks: Int = ApplyQueue<Ticket>.staleTicksMax) {
        let mustSchedule = queue.withLock { queue in
            queue.applyPromptly(olderThan: ticks)
            return queue.mustSchedule()
        }
        if mustSchedule { scheduleApply() }
    }

    /// One tick has passed.
    func tick() {
        let isCommitWanted = machine.isCommitWanted
        let mustSchedule = queue.withLock { queue in
            queue.tick()
            return queue.mustSchedule(isCommitWanted: isCommitWanted)
        }
        if mustSchedule { scheduleApply() }
    }

    private func scheduleApply() {
        guard !lane.submit({ [self] in applyGathered() }) else { return }
        // The lane is closed, the node stops: it is committed, and applied by the next start.
        answerUnknown(queue.withLock { $0.takeAll() })
    }

    /// On the store's lane: what gathered, into the open transaction, and that to its end where somebody waits.
    @specialized(where Machine == ShardMachine)
    private func applyGathered() {
        let batch: [DeliveredEntry<Ticket>]? = queue.withLock { queue in
            queue.isFailed || queue.isRetired ? nil : queue.takeSome()
        }
        guard let batch else { return answerUnknown(queue.withLock { $0.takeAll() }) }
        do {
            try carryOut(batch)
        } catch StoreError.diskFull {
            return waitForRoom(batch)
        } catch {
            answerUnknown(batch)
            return fail(error)
        }
        do {
            try commitIfDue()
        } catch StoreError.diskFull {
            return waitForRoom([])
        } catch {
            return fail(error)
        }
        // What came meanwhile, or the rest of a large batch: behind the other shards that share the lane.
        let isCommitWanted = machine.isCommitWanted
        if queue.withLock({ $0.taskEnded(isCommitWanted: isCommitWanted) }) { scheduleApply() }
    }

    private func carryOut(_ batch: [DeliveredEntry<Ticket>]) throws {
        guard !batch.isEmpty else { return }
        let began = NodeMeters.now()
        let answers = try machine.apply(
            batch.map { MachineEntry(entry: $0.entry, configuration: $0.configuration) }
        )
        precondition(answers.count == batch.count, "one answer for each entry")
        meters.apply.observe(nanoseconds: NodeMeters.now() - began)
        meters.applied.add(UInt64(batch.count))
        // Before anybody is answered: who then asks for it finds it among what is to be committed.
        queue.withLock { $0.applied(batch) }
        for (item, answer) in zip(batch, answers) { Self.answer(item, answer) }
    }

    private func commitIfDue() throws {
        let isCommitWanted = machine.isCommitWanted
        guard queue.withLock({ $0.mustCommit(isCommitWanted: isCommitWanted) }) else { return }
        try machine.commit()
        setFull(false)
        reportOpen()
    }

    /// What the open transaction held is seen by readers.
    private func reportOpen() {
        let open = queue.withLock { $0.takeOpen() }
        guard let last = open.entries.last else { return }
        host?.applied(through: last.entry.index, tickets: open.tickets, bytes: open.bytes)
    }

    private static func answer(_ item: DeliveredEntry<Ticket>, _ answer: Machine.Answer?) {
        switch item.ticket {
        case .command(let reply, _):
            reply(answer.map { .success($0) } ?? .failure(.outcomeUnknown))
        case .change(let reply):
            reply(item.configuration.map { .success($0) } ?? .failure(.outcomeUnknown))
        case .read, .readIndex, nil: break
        }
    }

    /// The open transaction was undone: the same entries again, in a while.
    private func waitForRoom(_ batch: [DeliveredEntry<Ticket>]) {
        queue.withLock { queue in
            queue.putBack(batch)
        }
        setFull(true)
        eventLoop.scheduleTask(in: .milliseconds(Self.retryMilliseconds)) { [weak self] in
            self?.scheduleApply()
        }
    }

    private func setFull(_ isFull: Bool) {
        let hasChanged = queue.withLock { queue in
            defer { queue.isFull = isFull }
            return queue.isFull != isFull
        }
        guard hasChanged else { return }
        if isFull { log.storeRanFull() } else { log.storeHasRoom() }
    }

    /// Nothing is applied any more; whoever waits learns that it may be done elsewhere.
    private func fail(_ error: any Error) {
        let rest = queue.withLock { queue in
            queue.isFailed = true
            return queue.takeAll()
        }
        onFailure(error)
        answerUnknown(rest)
    }

    /// The node has no part in the group any more: what was not begun is left, for the store will be gone.
    func retire() { queue.withLock { $0.isRetired = true } }

    /// What was not applied here is committed, and may be carried out all the same.
    private func answerUnknown(_ batch: [DeliveredEntry<Ticket>]) {
        for item in batch {
            if let ticket = item.ticket { failed(ticket, .outcomeUnknown) }
        }
    }

    /// On the store's lane: puts a received file in the store's place. False if that failed: the node ends.
    private func install(_ snapshot: Snapshot) -> Bool {
        // What a full disk held up is in the snapshot.
        setFull(false)
        let (waiting, open) = queue.withLock { ($0.takeAll(), $0.takeOpen()) }
        answerUnknown(waiting)
        guard !queue.withLock({ $0.isFailed }) else { return false }
        do {
            try snapshots.install(snapshot.id)
        } catch {
            fail(error)
            return false
        }
        // Not before: whoever waits for these entries reads at once.
        if let last = waiting.last ?? open.entries.last {
            let tickets = open.tickets + waiting.count { $0.ticket != nil }
            host?.applied(through: last.entry.index, tickets: tickets, bytes: 0)
        }
        return true
    }

    // MARK: Peers

    func send(_ messages: [Message]) { peers.send(messages, group: group) }

    func sendSnapshot(_ message: Message) {
        guard let id = message.snapshot?.id else { return }
        let (host, node) = (self.host, message.to)
        guard let path = snapshots.path(of: id) else {
            host?.snapshotSent(id, to: node, arrived: false)
            return
        }
        peers.sendSnapshot(message, group: group, path: path) { arrived in
            host?.snapshotSent(id, to: node, arrived: arrived)
        }
    }

    func makeSnapshot() {
        let host = self.host
        snapshots.make { info in host?.snapshotMade(info) }
    }

    func dropSnapshot(_ id: SnapshotID) { snapshots.drop(id) }

    // MARK: Answers

    func readable(_ tickets: [Ticket]) {
        for ticket in tickets {
            if case .read(let reply) = ticket { reply(nil) }
        }
    }

    func readIndexKnown(_ tickets: [Ticket], _ index: LogIndex) {
        for ticket in tickets {
            if case .readIndex(let reply) = ticket { reply(.success(index)) }
        }
    }

    func failed(_ ticket: Ticket, _ failure: ReplicaFailure) {
        meters.count(failure)
        switch ticket {
        case .command(let reply, _): reply(.failure(failure))
        case .read(let reply): reply(failure)
        case .readIndex(let reply): reply(.failure(failure))
        case .change(let reply): reply(.failure(failure))
        }
    }

    func leadershipChanged(_ leadership: Leadership) {
        let leads = leadership.leader == node
        let mustSchedule = queue.withLock { queue in
            queue.leads = leads
            return queue.mustSchedule()
        }
        if mustSchedule { scheduleApply() }
    }
}
