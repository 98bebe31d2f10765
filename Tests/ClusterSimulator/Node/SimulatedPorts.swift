import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver

/// A simulated replica's ports: its process' log writer, its store after a while, the network.
final class SimulatedPorts<Machine: SimulatedMachine>: ReplicaPorts {
    typealias Replica = SimulatedReplica<Machine>
    typealias Ticket = Replica.Ticket

    /// Between two tries on a full disk, in microseconds.
    private static var retryTime: Int64 { 500_000 }

    weak var replica: Replica?
    private let group: GroupID
    private let machine: Machine
    private unowned let process: NodeProcess
    private var queue: [DeliveredEntry<Ticket>] = []
    private var isScheduled = false
    /// The store has no room: what is committed waits to be applied.
    private(set) var isStoreFull = false

    init(_ group: GroupID, _ machine: Machine, _ process: NodeProcess) {
        self.group = group
        self.machine = machine
        self.process = process
    }

    func write(_ write: ReplicaWrite) {
        process.world.checks.wrote(process.node.id, write)
        var job = SimulatedLogWriter.Job(write: write)
        if write.needsReceipt {
            job.reply = { [weak replica] receipt in replica?.persisted(receipt) }
        }
        process.logWriter.submit(job)
    }

    func apply(_ entries: [DeliveredEntry<Ticket>]) {
        process.world.checks.committed(
            process.node.id,
            group,
            entries.map(\.entry),
            durable: process.logWriter.durable[group] ?? .zero
        )
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

    /// Everything that gathered, in one transaction; but a transaction ends where rows are compared.
    private func applyGathered() {
        guard let first = queue.first else { return }
        let every = process.world.options.checksumEntries
        let boundary = (first.entry.index.rawValue / every + 1) * every
        let batch = Array(queue.prefix { $0.entry.index.rawValue <= boundary })
        guard let last = batch.last else { return }
        do throws(StoreError) {
            let answers = try machine.apply(batch.map(\.entry))
            isStoreFull = false
            queue.removeFirst(batch.count)
            var tickets = 0
            for (item, answer) in zip(batch, answers) {
                guard case .command(let reply) = item.ticket?.kind else { continue }
                tickets += 1
                reply(answer.map { .success($0) } ?? .failure(.outcomeUnknown))
            }
            process.world.checks.applied(process.node.id, group, through: last.entry.index)
            if last.entry.index.rawValue.isMultiple(of: every) {
                let checksum = try machine.checksum()
                process.world.checks.rows(process.node.id, group, last.entry.index, checksum)
            }
            replica?.applied(through: last.entry.index, tickets: tickets)
            planApply(after: process.applyTime())
        } catch {
            guard error == .diskFull else { return process.failed(error) }
            process.world.coverage[.diskFull] += 1
            isStoreFull = true
            planApply(after: Self.retryTime)
        }
    }

    func send(_ messages: [Message]) {
        for message in messages { process.send(message, group) }
    }

    func readable(_ tickets: [Ticket]) {
        for ticket in tickets {
            if case .read(let reply) = ticket.kind { reply(nil) }
        }
    }

    func failed(_ ticket: Ticket, _ failure: ReplicaFailure) {
        switch failure {
        case .overloaded: process.world.coverage[.proposalRefused] += 1
        case .outcomeUnknown: process.world.coverage[.outcomeUnknown] += 1
        default: break
        }
        switch ticket.kind {
        case .command(let reply): reply(.failure(failure))
        case .read(let reply): reply(failure)
        }
    }

    func leadershipChanged(_ leadership: Leadership) {}
}
