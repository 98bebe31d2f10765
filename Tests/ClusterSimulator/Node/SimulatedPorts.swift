import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver

/// A simulated replica's ports: its process' log writer, its store after a while, the network.
final class SimulatedPorts<Machine: SimulatedMachine>: ReplicaPorts {
    typealias Replica = SimulatedReplica<Machine>
    typealias Ticket = Replica.Ticket

    /// How long a leader's transaction may stay open, in microseconds.
    private static var openTime: Int64 { 100_000 }
    /// Between two tries on a full disk, in microseconds.
    private static var retryTime: Int64 { 500_000 }

    weak var replica: Replica?
    let snapshots: SnapshotFiles
    private let group: GroupID
    private let machine: Machine
    private unowned let process: NodeProcess
    private var queue: [DeliveredEntry<Ticket>] = []
    private var isScheduled = false
    /// In the store's open transaction, and answered.
    private var open: [DeliveredEntry<Ticket>] = []
    private var openTickets = 0
    private var isCommitPlanned = false
    /// Everything up to here is waited for.
    private var awaited = LogIndex.zero
    /// The store has no room: what is committed waits to be applied.
    private(set) var isStoreFull = false

    init(_ group: GroupID, _ machine: Machine, _ snapshots: SnapshotFiles, _ process: NodeProcess) {
        self.group = group
        self.machine = machine
        self.snapshots = snapshots
        self.process = process
    }

    private var world: World { process.world }

    /// Runs what uses files; a failure ends the process.
    private func onFiles(_ body: () throws(StoreError) -> Void) {
        do {
            try body()
        } catch {
            process.failed(error)
        }
    }

    // MARK: The log

    func write(_ write: ReplicaWrite) {
        world.checks.wrote(process.node.id, write)
        var job = SimulatedLogWriter.Job(write: write)
        if let snapshot = write.snapshot {
            job.reply = { [weak self] receipt in self?.planInstall(snapshot.id, receipt) }
        } else if write.needsReceipt {
            job.reply = { [weak replica] receipt in replica?.persisted(receipt) }
        }
        process.logWriter.submit(job)
    }

    /// Behind everything that was given to `apply` before.
    private func planInstall(_ id: SnapshotID, _ receipt: StorageReceipt) {
        process.plan(after: process.applyTime()) { [self] in
            guard queue.isEmpty else { return planInstall(id, receipt) }
            commit()
            guard open.isEmpty else { return planInstall(id, receipt) }
            world.mayCutPowerDuringInstall(process.node)
            onFiles { () throws(StoreError) in
                try snapshots.install(id, machine)
                world.coverage[.snapshotInstalled] += 1
                world.checks.rows(process.node.id, group, id.index, try machine.checksum())
                replica?.installed(id, receipt)
            }
        }
    }

    // MARK: The store

    func apply(_ entries: [DeliveredEntry<Ticket>]) {
        world.checks.committed(
            process.node.id,
            group,
            entries.map(\.entry),
            durable: process.logWriter.durable[group] ?? .zero
        )
        for case let configuration? in entries.map(\.configuration) where configuration.isJoint {
            world.coverage[.jointEntered] += 1
            if replica?.leadership.leader == process.node.id { world.jointBegan(configuration) }
        }
        queue.append(contentsOf: entries)
        planApply(after: process.applyTime())
    }

    private func planApply(after time: Int64) {
        guard !isScheduled, !queue.isEmpty else { return }
        isScheduled = true
        process.plan(after: time) { [self] in
            isScheduled = false
            applyGathered()
        }
    }

    func storeAwaited(through index: LogIndex) {
        awaited = max(awaited, index)
        guard let first = open.first, first.entry.index <= awaited else { return }
        planCommit(after: process.applyTime())
    }

    private func planCommit(after time: Int64) {
        guard !isCommitPlanned || time < Self.openTime else { return }
        isCommitPlanned = true
        process.plan(after: time) { [self] in
            isCommitPlanned = false
            commit()
        }
    }

    /// Everything that gathered, into the open transaction; but that ends where rows are compared.
    private func applyGathered() {
        guard let first = queue.first else { return }
        let every = world.options.checksumEntries
        let boundary = (first.entry.index.rawValue + every - 1) / every * every
        let batch = Array(queue.prefix { $0.entry.index.rawValue <= boundary })
        guard let last = batch.last?.entry.index else { return }
        do throws(StoreError) {
            let answers = try machine.apply(
                batch.map { MachineEntry(entry: $0.entry, configuration: $0.configuration) }
            )
            queue.removeFirst(batch.count)
            if !open.isEmpty { world.coverage[.openTransactionGrew] += 1 }
            for (item, answer) in zip(batch, answers) {
                var applied = item
                applied.ticket = nil
                open.append(applied)
                if item.ticket != nil { openTickets += 1 }
                reply(to: item, answer)
            }
        } catch {
            return undone(error)
        }
        if mustCommit || last.rawValue.isMultiple(of: every) {
            commit()
        } else {
            planCommit(after: Self.openTime)
        }
        planApply(after: process.applyTime())
    }

    /// A follower has let its entries gather already, and some are waited for.
    private var mustCommit: Bool {
        guard let first = open.first, group != .system, replica?.leads == true else { return true }
        return first.entry.index <= awaited
            || open.contains { $0.entry.payload.isEmpty || $0.configuration != nil }
    }

    private func commit() {
        guard let last = open.last?.entry.index else { return }
        do throws(StoreError) {
            try machine.commit()
            isStoreFull = false
            open = []
            world.checks.applied(process.node.id, group, through: last)
            if last.rawValue.isMultiple(of: world.options.checksumEntries) {
                world.checks.rows(process.node.id, group, last, try machine.checksum())
            }
            let tickets = openTickets
            openTickets = 0
            replica?.applied(through: last, tickets: tickets)
        } catch {
            undone(error)
        }
    }

    /// The open transaction: all of it again, when there is room.
    private func undone(_ error: StoreError) {
        guard error == .diskFull else { return process.failed(error) }
        world.coverage[.diskFull] += 1
        isStoreFull = true
        queue = open + queue
        open = []
        planApply(after: Self.retryTime)
    }

    private func reply(to item: DeliveredEntry<Ticket>, _ answer: Machine.Answer?) {
        switch item.ticket?.kind {
        case .command(let reply): reply(answer.map { .success($0) } ?? .failure(.outcomeUnknown))
        case .change(let reply): reply(item.configuration == nil ? .outcomeUnknown : nil)
        case .read, .readIndex, nil: break
        }
    }

    // MARK: Peers

    func send(_ messages: [Message]) {
        for message in messages { process.send(message, group) }
    }

    func makeSnapshot() {
        process.plan(after: process.applyTime()) { [self] in
            onFiles { () throws(StoreError) in
                let info = try snapshots.make(machine)
                if info != nil { world.coverage[.snapshotMade] += 1 }
                replica?.snapshotMade(info)
            }
        }
    }

    func sendSnapshot(_ message: Message) {
        guard let id = message.snapshot?.id else { return }
        guard let path = snapshots.path(of: id) else {
            replica?.snapshotSent(id, to: message.to, arrived: false)
            return
        }
        process.sendSnapshot(message, group, path: path) { [weak replica] arrived in
            replica?.snapshotSent(id, to: message.to, arrived: arrived)
        }
    }

    func dropSnapshot(_ id: SnapshotID) {
        process.plan(after: 0) { [self] in
            onFiles { () throws(StoreError) in try snapshots.drop(id) }
        }
    }

    // MARK: Answers

    func readable(_ tickets: [Ticket]) {
        for ticket in tickets {
            if case .read(let reply) = ticket.kind { reply(nil) }
        }
    }

    func readIndexKnown(_ tickets: [Ticket], _ index: LogIndex) {
        for ticket in tickets {
            if case .readIndex(let reply) = ticket.kind { reply(index) }
        }
    }

    func failed(_ ticket: Ticket, _ failure: ReplicaFailure) {
        switch failure {
        case .overloaded: world.coverage[.proposalRefused] += 1
        case .outcomeUnknown: world.coverage[.outcomeUnknown] += 1
        default: break
        }
        switch ticket.kind {
        case .command(let reply): reply(.failure(failure))
        case .read(let reply): reply(failure)
        case .readIndex(let reply): reply(nil)
        case .change(let reply): reply(failure)
        }
    }

    func leadershipChanged(_ leadership: Leadership) {}
}
