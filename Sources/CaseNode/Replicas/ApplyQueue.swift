import ClusterPrimitives
import ReplicaDriver

/// What is committed and waits for the store.
///
/// A leader's store applies at once: callers wait. At a follower nobody does, unless a read asks for an index, so there
/// entries gather for up to 100 ms and go into one transaction: it writes the pages that they share once.
/// A pure value; whoever holds it calls `mustSchedule` after each change.
struct ApplyQueue<Ticket: Sendable> {
    /// Entries that a follower lets gather. At 64 a transaction's own cost is below a tenth of what it does.
    static var patientEntriesMax: Int { 64 }
    /// Bytes of payload that it lets gather.
    static var patientBytesMax: Int { 256 << 10 }
    /// For how long it lets them gather, in ticks: 100 ms, by which a stale read or a watch there is later.
    static var patientTicksMax: Int { 4 }

    /// A follower lets entries gather.
    let isPatient: Bool
    private(set) var entries: [DeliveredEntry<Ticket>] = []
    private var bytes = 0
    private var isScheduled = false
    /// Everything up to here is waited for.
    private var awaited = LogIndex.zero
    /// Since the oldest entry came.
    private(set) var ticks = 0
    /// The store failed: nothing is applied any more.
    var isFailed = false
    /// The store's disk is full.
    var isFull = false
    /// This replica leads.
    var leads = false

    init(isPatient: Bool) { self.isPatient = isPatient }

    mutating func add(_ delivered: [DeliveredEntry<Ticket>]) {
        entries.append(contentsOf: delivered)
        for item in delivered { bytes += item.entry.payload.count }
    }

    /// Somebody waits for everything up to `index`, whether it is committed yet or not.
    mutating func applyPromptly(through index: LogIndex) { awaited = max(awaited, index) }

    /// One tick has passed.
    mutating func tick() {
        if !entries.isEmpty { ticks += 1 }
    }

    /// Whether somebody has to be sent for what is there; then they count as sent for.
    mutating func mustSchedule() -> Bool {
        guard !isScheduled, let first = entries.first, let last = entries.last else { return false }
        isScheduled =
            !isPatient || leads || first.entry.index <= awaited
            || ticks >= Self.patientTicksMax
            || entries.count >= Self.patientEntriesMax
            || bytes >= Self.patientBytesMax
            || last.ticket != nil || last.configuration != nil
        return isScheduled
    }

    /// Everything, for the store.
    mutating func takeAll() -> [DeliveredEntry<Ticket>] {
        defer { entries = [] }
        isScheduled = false
        bytes = 0
        ticks = 0
        return entries
    }

    /// What could not be applied now. Whoever puts it back comes for it again.
    mutating func putBack(_ batch: [DeliveredEntry<Ticket>]) {
        for item in batch { bytes += item.entry.payload.count }
        entries = batch + entries
        isScheduled = true
    }
}
