import ClusterPrimitives
@_spi(StableStorage) import RaftCore
import ReplicaDriver

/// A state machine that is as good as a file: what was applied, folded into a number.
struct SimulatedStore: Equatable {
    var applied = SnapshotID.zero
    var digest: UInt64 = 0
    var configuration: Configuration?

    mutating func apply(_ entry: Entry, _ configuration: Configuration?) {
        precondition(entry.index == applied.index.next, "entries leave a gap")
        applied = SnapshotID(index: entry.index, term: entry.term)
        digest = SimulatedStore.fold(digest, entry)
        if let configuration { self.configuration = configuration }
    }

    /// FNV-1a over what an entry says.
    static func fold(_ digest: UInt64, _ entry: Entry) -> UInt64 {
        var value = digest ^ entry.term.rawValue &* 31 ^ entry.index.rawValue
        for byte in entry.payload { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return value
    }
}

/// What a node finds again after a crash: the log as far as it was synced, the store as of its last
/// checkpoint.
struct SimulatedDisk {
    let founding: Configuration
    var base = SnapshotID.zero
    var entries: [Entry] = []
    var hardState = HardState()
    var store = SimulatedStore()
    /// A received snapshot, checked and synced; in the store's place once the log names it.
    var prepared: SimulatedStore?
    var isNamed = false
    var truncations = 0

    var last: SnapshotID {
        entries.last.map { SnapshotID(index: $0.index, term: $0.term) } ?? base
    }

    mutating func take(_ write: ReplicaWrite) {
        if let snapshot = write.snapshot {
            entries = []
            base = snapshot.id
            isNamed = true
        }
        if let first = write.entries.first {
            precondition(first.index <= last.index.next && first.index > base.index, "a gap")
            let keep = Int(first.index.rawValue - base.index.rawValue) - 1
            if keep < entries.count { truncations += 1 }
            entries = Array(entries.prefix(keep)) + write.entries
        }
        if let state = write.hardState {
            precondition(state.term >= hardState.term, "a term falls")
            precondition(
                state.term > hardState.term || hardState.vote == .none
                    || state.vote == hardState.vote,
                "a vote changes"
            )
            hardState = state
        }
    }

    mutating func compact(through index: LogIndex) {
        guard index > base.index else { return }
        let count = Int(index.rawValue - base.index.rawValue)
        base = SnapshotID(index: index, term: entries[count - 1].term)
        entries.removeFirst(count)
    }

    /// A start after a crash: finishes or undoes an installation, and gives what the driver begins with.
    mutating func recover() -> MemoryLog {
        if isNamed, let prepared { store = prepared }
        prepared = nil
        isNamed = false
        var log = MemoryLog(base: base, configuration: store.configuration ?? founding)
        log.append(entries)
        return log.asRecovered(
            applied: store.applied.index,
            hasChanged: store.configuration != nil
        )
    }
}

/// One node's ports: everything waits to be let happen.
final class SimulatedPorts: ReplicaPorts {
    /// What the world has to hear of.
    enum Notice {
        case send(Message)
        case sendCopy(Message, SimulatedStore)
        case readable(Int)
        case index(Int, LogIndex)
        case failed(Int, ReplicaFailure)
        case answered(Int, Entry)
        case applied(Entry, SimulatedStore)
    }

    var disk: SimulatedDisk
    var store: SimulatedStore
    var writes: [ReplicaWrite] = []
    var deliveries: [[DeliveredEntry<Int>]] = []
    var notices: [Notice] = []
    var wantsCopy = false
    var copies: [SnapshotID: SimulatedStore] = [:]
    var sending: [SnapshotID: Int] = [:]

    init(disk: SimulatedDisk) {
        self.disk = disk
        store = disk.store
    }

    func write(_ write: ReplicaWrite) { writes.append(write) }

    func apply(_ entries: [DeliveredEntry<Int>]) { deliveries.append(entries) }

    func send(_ messages: [Message]) {
        for message in messages {
            precondition(message.kind != .snapshot, "a snapshot goes with its copy")
            checkDurable(message)
            notices.append(.send(message))
        }
    }

    /// Nothing is acknowledged, and no vote given, that the disk does not hold.
    private func checkDurable(_ message: Message) {
        guard !message.reject else { return }
        switch message.kind {
        case .appendResponse:
            precondition(disk.last.index >= message.index, "acknowledged before it is durable")
        case .voteResponse:
            precondition(
                disk.hardState.term > message.term
                    || disk.hardState.term == message.term && disk.hardState.vote == message.to,
                "a vote before it is durable"
            )
        default: break
        }
    }

    func makeSnapshot() {
        precondition(!wantsCopy, "one at a time")
        wantsCopy = true
    }

    func sendSnapshot(_ message: Message) {
        guard let id = message.snapshot?.id, let copy = copies[id] else {
            preconditionFailure("only what was made is sent")
        }
        sending[id, default: 0] += 1
        notices.append(.sendCopy(message, copy))
    }

    func dropSnapshot(_ id: SnapshotID) {
        precondition(sending[id, default: 0] == 0, "dropped while it is sent")
        copies[id] = nil
    }

    func readable(_ tickets: [Int]) { notices += tickets.map { .readable($0) } }

    func readIndexKnown(_ tickets: [Int], _ index: LogIndex) {
        notices += tickets.map { .index($0, index) }
    }

    func failed(_ ticket: Int, _ failure: ReplicaFailure) {
        notices.append(.failed(ticket, failure))
    }

    func leadershipChanged(_ leadership: Leadership) {}

    // MARK: What is let happen

    /// The oldest write becomes durable; its receipt, if one is waited for.
    func persist() -> StorageReceipt? {
        guard !writes.isEmpty else { return nil }
        let write = writes.removeFirst()
        disk.take(write)
        if write.snapshot != nil { install() }
        guard write.needsReceipt else { return nil }
        return StorageReceipt(group: write.group, last: disk.last, term: disk.hardState.term)
    }

    private func install() {
        precondition(deliveries.isEmpty, "installed behind what was handed out before")
        guard let prepared = disk.prepared else { preconditionFailure("nothing was received") }
        disk.store = prepared
        store = prepared
        disk.prepared = nil
        disk.isNamed = false
    }

    /// The store applies its oldest delivery.
    func applyOldest() -> (through: LogIndex, tickets: Int)? {
        guard !deliveries.isEmpty else { return nil }
        let batch = deliveries.removeFirst()
        for item in batch {
            precondition(item.entry.index <= disk.last.index, "applied before it is durable")
            store.apply(item.entry, item.configuration)
            notices.append(.applied(item.entry, store))
            if let ticket = item.ticket { notices.append(.answered(ticket, item.entry)) }
        }
        return batch.last.map { ($0.entry.index, batch.count { $0.ticket != nil }) }
    }
}
