import ClusterPrimitives

@_spi(StableStorage) @testable import RaftCore

/// One replica with a disk that can lose what was not synced and a state machine that may lag
/// behind.
///
/// Runs the core as a server does, by its public interface alone, and checks with each message that
/// what it depends on is durable.
struct SimulatedReplica {
    /// What the disk has promised to keep.
    struct Disk {
        var hardState = HardState()
        var log: MemoryLog
    }

    /// The state machine: what was applied, and the membership that results.
    struct State {
        var last: SnapshotID
        var configuration: Configuration
    }

    private struct Write {
        var hardState: HardState?
        var snapshot: Snapshot?
        var entries: [Entry]
        var needsReceipt: Bool
    }

    private(set) var core: RaftCore<MemoryLog>
    private(set) var disk: Disk
    private(set) var state: State
    /// What the state machine comes back with after a crash.
    private(set) var checkpoint: State
    private var settings: RaftConfiguration
    private var writes: [Write] = []
    private var applying: [Entry] = []
    /// What was wrong, if anything.
    private(set) var faults: [String] = []

    init(settings: RaftConfiguration, configuration: Configuration) throws(RaftError) {
        self.settings = settings
        let log = MemoryLog(configuration: configuration)
        disk = Disk(log: log)
        state = State(last: .zero, configuration: configuration)
        checkpoint = state
        core = try RaftCore(configuration: settings, storage: log)
    }

    var id: NodeID { core.id }

    @discardableResult
    mutating func step(_ event: Event) -> Refusal? { core.step(event) }

    /// Takes everything there is; gives what may be sent, what was granted and what is to be
    /// applied.
    mutating func flush() -> (messages: [Message], reads: [ReadState]) {
        var messages: [Message] = []
        var reads: [ReadState] = []
        while let effects = core.takeEffects() {
            if let snapshot = effects.snapshot { core.storage.applySnapshot(snapshot) }
            core.storage.append(effects.entries)
            if effects.hardState != nil || effects.snapshot != nil || !effects.entries.isEmpty
                || effects.needsReceipt
            {
                if effects.needsReceipt, effects.hardState == nil, effects.snapshot == nil,
                    effects.entries.isEmpty
                {
                    faults.append("a receipt is wanted for a write without content")
                }
                writes.append(
                    Write(
                        hardState: effects.hardState,
                        snapshot: effects.snapshot,
                        entries: effects.entries,
                        needsReceipt: effects.needsReceipt
                    )
                )
            }
            for message in effects.messages { check(message) }
            if let last = effects.committed.last, last.index > disk.log.lastIndex {
                faults.append("\(last.index) is to be applied and not durable here")
            }
            if effects.wantsSnapshot { compact() }
            messages += effects.messages
            reads += effects.readStates
            applying += effects.committed
        }
        return (messages, reads)
    }

    /// Durable before sent, judged by the disk alone.
    private mutating func check(_ message: Message) {
        let durable = disk.hardState
        switch message.kind {
        case .voteResponse where !message.reject:
            let kept =
                durable.term > message.term
                || (durable.term == message.term && durable.vote == message.to)
            if !kept { faults.append("a vote for \(message.to) left before it was durable") }
        case .appendResponse where !message.reject && durable.term <= message.term:
            // In a later term the same write may have replaced it again: a late answer, not an
            // early one.
            if message.index > disk.log.lastIndex {
                faults.append("an acknowledgement of \(message.index) left too early")
            }
            if durable.term < message.term {
                faults.append("an acknowledgement of term \(message.term) left too early")
            }
        case .append, .snapshot:
            if durable.term < message.term || durable.vote != id && durable.term == message.term {
                faults.append("leads term \(message.term) without having made its vote durable")
            }
        default: break
        }
    }

    // MARK: Disk

    var writesPending: Int { writes.count }

    /// Syncs the oldest writes. A log may answer each of them, or all with one receipt.
    mutating func sync(_ count: Int, merging: Bool) {
        var receipts: [StorageReceipt] = []
        for _ in 0..<min(count, writes.count) {
            let write = writes.removeFirst()
            persist(write)
            guard write.needsReceipt else { continue }
            let receipt = StorageReceipt(
                group: settings.group,
                last: disk.log.last,
                term: disk.hardState.term
            )
            if merging, !receipts.isEmpty {
                receipts[receipts.count - 1] = receipt
            } else {
                receipts.append(receipt)
            }
        }
        for receipt in receipts { core.step(.persisted(receipt)) }
    }

    private mutating func persist(_ write: Write) {
        if let snapshot = write.snapshot {
            disk.log.applySnapshot(snapshot)
            state = State(last: snapshot.id, configuration: snapshot.configuration)
            checkpoint = state
            applying.removeAll { $0.index <= snapshot.id.index }
        }
        disk.log.append(write.entries)
        if let hardState = write.hardState {
            if hardState.term < disk.hardState.term { faults.append("the durable term falls") }
            if hardState.term == disk.hardState.term, disk.hardState.vote != .none,
                hardState.vote != disk.hardState.vote
            {
                faults.append("two votes in term \(hardState.term)")
            }
            disk.hardState = hardState
        }
    }

    // MARK: State machine

    var entriesToApply: Int { applying.count }

    /// Applies the oldest entries and gives them.
    mutating func apply(_ count: Int) -> [Entry] {
        let batch = Array(applying.prefix(count))
        applying.removeFirst(batch.count)
        for entry in batch {
            if entry.index != state.last.index.next {
                faults.append("\(entry.index) is applied behind \(state.last.index)")
            }
            state.last = SnapshotID(index: entry.index, term: entry.term)
            if entry.kind == .configurationChange {
                state.configuration = core.applyConfigurationChange(entry)
            }
        }
        if let last = batch.last { core.step(.applied(last.index)) }
        return batch
    }

    /// Makes the state durable and cuts the log below it.
    mutating func compact() {
        checkpoint = state
        guard checkpoint.last.index > .zero else { return }
        let snapshot = Snapshot(id: checkpoint.last, configuration: checkpoint.configuration)
        core.storage.snapshot = snapshot
        core.storage.compact(through: checkpoint.last.index)
        // The disk may hold an older end still: cut it only as far as it has come.
        if disk.log.term(at: checkpoint.last.index) == checkpoint.last.term {
            disk.log.compact(through: checkpoint.last.index)
            disk.log.snapshot = snapshot
        }
    }

    /// Loses what was not synced, and what the state machine had not made durable; some writes may
    /// have come through without their receipt.
    mutating func crash(survivingWrites: Int, seed: UInt64) throws(RaftError) {
        for write in writes.prefix(survivingWrites) { persist(write) }
        writes = []
        applying = []
        state = checkpoint
        settings.seed = seed
        disk.log.configuration = checkpoint.configuration
        core = try RaftCore(
            configuration: settings,
            storage: disk.log,
            hardState: disk.hardState,
            applied: checkpoint.last.index
        )
    }
}
