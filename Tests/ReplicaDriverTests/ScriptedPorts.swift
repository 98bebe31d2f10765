import ClusterPrimitives
@_spi(StableStorage) import RaftCore
import ReplicaDriver

/// Ports whose log and store answer only when told. Collects what the driver wants done.
final class ScriptedPorts: ReplicaPorts {
    /// How a ticket ended.
    enum Outcome: Equatable {
        /// Applied, as the entry of this index.
        case applied(LogIndex)
        /// The store may be read.
        case readable
        /// Any store may be read at this index.
        case index(LogIndex)
        case failed(ReplicaFailure)
    }

    private(set) var writes: [ReplicaWrite] = []
    private(set) var deliveries: [[DeliveredEntry<Int>]] = []
    private(set) var sent: [Message] = []
    /// Each ticket's ends; more than one is a fault.
    private(set) var outcomes: [Int: [Outcome]] = [:]
    /// What the store keeps of the membership, by the entry that it came with.
    private(set) var configurations: [LogIndex: Configuration] = [:]
    private(set) var copiesWanted = 0
    private(set) var snapshotsSent: [Message] = []
    private(set) var dropped: [SnapshotID] = []
    private(set) var leaderships: [Leadership] = []
    /// What the log holds on stable storage.
    private(set) var durable = SnapshotID.zero
    private var durableTerm = Term.zero
    /// What the store has applied, in order.
    private(set) var store: [Entry] = []

    func write(_ write: ReplicaWrite) { writes.append(write) }

    func apply(_ entries: [DeliveredEntry<Int>]) { deliveries.append(entries) }

    func send(_ messages: [Message]) { sent += messages }

    func readable(_ tickets: [Int]) {
        for ticket in tickets { end(ticket, .readable) }
    }

    func readIndexKnown(_ tickets: [Int], _ index: LogIndex) {
        for ticket in tickets { end(ticket, .index(index)) }
    }

    func makeSnapshot() { copiesWanted += 1 }

    func sendSnapshot(_ message: Message) { snapshotsSent.append(message) }

    func dropSnapshot(_ id: SnapshotID) { dropped.append(id) }

    func failed(_ ticket: Int, _ failure: ReplicaFailure) { end(ticket, .failed(failure)) }

    func leadershipChanged(_ leadership: Leadership) { leaderships.append(leadership) }

    private func end(_ ticket: Int, _ outcome: Outcome) {
        outcomes[ticket, default: []].append(outcome)
    }

    /// The log makes its oldest write durable; the receipt, if one is waited for.
    func persist() -> StorageReceipt? {
        guard !writes.isEmpty else { return nil }
        let write = writes.removeFirst()
        if let snapshot = write.snapshot { durable = snapshot.id }
        if let last = write.entries.last {
            durable = SnapshotID(index: last.index, term: last.term)
        }
        if let state = write.hardState { durableTerm = state.term }
        guard write.needsReceipt else { return nil }
        return StorageReceipt(group: write.group, last: durable, term: durableTerm)
    }

    /// The store applies its oldest delivery and answers its tickets.
    func applyOldest() -> (through: LogIndex, tickets: Int)? {
        guard !deliveries.isEmpty else { return nil }
        let batch = deliveries.removeFirst()
        var tickets = 0
        for item in batch {
            store.append(item.entry)
            if let configuration = item.configuration {
                configurations[item.entry.index] = configuration
            }
            guard let ticket = item.ticket else { continue }
            tickets += 1
            end(ticket, .applied(item.entry.index))
        }
        return batch.last.map { ($0.entry.index, tickets) }
    }
}

/// A driver on scripted ports.
struct DrivenDriver {
    let ports = ScriptedPorts()
    var driver: ReplicaDriver<ScriptedPorts>

    init(
        voters: [UInt64] = [1],
        async: Bool = false,
        _ change: (inout DriverLimits) -> Void = { _ in }
    ) throws(RaftError) {
        var settings = RaftConfiguration(id: NodeID(1), group: .system, seed: 1)
        settings.preVote = false
        settings.checkQuorum = false
        settings.asyncStorageWrites = async
        var limits = DriverLimits()
        change(&limits)
        driver = try ReplicaDriver(
            settings: settings,
            log: MemoryLog(configuration: Configuration(voters: voters.map { NodeID($0) })),
            hardState: HardState(),
            applied: .zero,
            limits: limits,
            ports: ports
        )
    }

    mutating func propose(_ ticket: Int, bytes: Int = 4) {
        driver.propose(
            Array(repeating: UInt8(truncatingIfNeeded: ticket), count: bytes),
            ticket: ticket
        )
    }

    /// The log answers one write; false if none waited.
    @discardableResult
    mutating func persist() -> Bool {
        guard !ports.writes.isEmpty else { return false }
        if let receipt = ports.persist() { driver.persisted(receipt) }
        driver.flush()
        return true
    }

    /// The store answers one delivery; false if none waited.
    @discardableResult
    mutating func apply() -> Bool {
        guard let (index, tickets) = ports.applyOldest() else { return false }
        driver.applied(through: index, tickets: tickets)
        driver.flush()
        return true
    }

    /// Log and store answer until nothing moves.
    mutating func settle() {
        driver.flush()
        while persist() || apply() {}
    }

    mutating func receive(_ kind: Message.Kind, from: UInt64, term: UInt64, index: UInt64 = 0) {
        driver.receive(
            Message(
                kind,
                from: NodeID(from),
                to: NodeID(1),
                term: Term(term),
                index: LogIndex(index)
            )
        )
        driver.flush()
    }

    /// Of three voters: wins term 1 with the vote of node 2, who also acknowledges the first entry.
    mutating func leadThree() {
        driver.campaign()
        settle()
        receive(.voteResponse, from: 2, term: 1)
        settle()
        receive(.appendResponse, from: 2, term: 1, index: 1)
        settle()
    }

    func outcome(_ ticket: Int) -> [ScriptedPorts.Outcome] { ports.outcomes[ticket] ?? [] }
}
