import ClusterPrimitives
import ReplicaDriver

/// What is committed by the group and waits for the store, or is in the store's open transaction.
///
/// A leader's store applies at once: callers wait for answers. At a follower nobody does, unless a read asks for an
/// index, so there entries gather for a while. Either way rows need not be seen before somebody reads: a leader's
/// transaction stays open for some batches, a follower's takes what gathered, and pages that many entries share are
/// written once. A comment costs a leader five pages in a transaction with three others, and two in one of forty; the
/// index of keys, whose entries lie anywhere, takes the longest to gain. Three nodes under a full load used 9 % less
/// processor time a comment with a second and 1,024 entries than with a quarter of each.
///
/// A pure value; whoever holds it calls `mustSchedule` after each change.
struct ApplyQueue<Ticket: Sendable> {
    /// Entries that are let gather, and that an open transaction holds: some 50 ms of work, which a follower that takes
    /// over has to catch up with in each shard, at most.
    static var patientEntriesMax: Int { 1_024 }
    /// Bytes of payload that are let gather.
    static var patientBytesMax: Int { 1 << 20 }
    /// For how long they are let gather, in ticks: a second. Whoever watches waits a tick at most.
    static var patientTicksMax: Int { 40 }
    /// How old rows may be, in ticks, before somebody who reads them as they are has the store brought up: 250 ms.
    /// Sooner, and many such readers would take from the transactions what patience gives them.
    static var staleTicksMax: Int { 10 }
    /// Entries that are applied at a time, before other shards of the same lane have their turn: a few milliseconds.
    static var takenMax: Int { 128 }

    /// What the open transaction holds.
    struct Open {
        /// Without their tickets, which are answered: to be given again should the transaction be undone.
        var entries: [DeliveredEntry<Ticket>] = []
        /// How many of them had one.
        var tickets = 0
        var bytes = 0
        var ticks = 0
        /// A leader's first entry, or a change of membership: the replica goes on when it is seen.
        var isUrgent = false
    }

    /// Nothing is put off where false.
    let isPatient: Bool
    private(set) var entries: [DeliveredEntry<Ticket>] = []
    private var bytes = 0
    private(set) var open = Open()
    /// Somebody is sent for what is there, or at work on it; or comes when a full disk may have room again.
    private var isScheduled = false
    /// Everything up to here is waited for.
    private var awaited = LogIndex.zero
    /// Since the oldest of `entries` came, in ticks.
    private var ticksWaiting = 0
    /// Since the oldest came of those that were taken and that readers can't see yet, in ticks; nil without one.
    private var ticksTaken: Int?
    /// A change of membership is among `entries`: until it is applied the replica stands for no election.
    private var hasChange = false
    /// What gathered is being applied, a part at a time.
    private var isDraining = false
    /// The store failed: nothing is applied any more.
    var isFailed = false
    /// The node has no part in the group any more: the store is about to be closed and removed.
    var isRetired = false
    /// The store's disk is full.
    var isFull = false
    /// This replica leads.
    var leads = false

    /// Answered entries that the open transaction may hold: until it ends they count against what a shard may have
    /// in flight, of which this is a quarter.
    let ticketsMax: Int

    init(isPatient: Bool, inFlightMax: Int = .max) {
        self.isPatient = isPatient
        ticketsMax = max(1, inFlightMax / 4)
    }

    mutating func add(_ delivered: [DeliveredEntry<Ticket>]) {
        entries.append(contentsOf: delivered)
        for item in delivered {
            bytes += item.entry.payload.count
            if item.configuration != nil { hasChange = true }
        }
    }

    /// Somebody waits for everything up to `index`, whether it is committed yet or not.
    mutating func applyPromptly(through index: LogIndex) { awaited = max(awaited, index) }

    /// All that is there is put off no longer, if some of it is so old.
    mutating func applyPromptly(olderThan ticks: Int) {
        guard self.ticks >= ticks, let last = entries.last ?? open.entries.last else { return }
        applyPromptly(through: last.entry.index)
    }

    /// One tick has passed.
    mutating func tick() {
        if !entries.isEmpty { ticksWaiting += 1 }
        if let taken = ticksTaken { ticksTaken = taken + 1 }
        if !open.entries.isEmpty { open.ticks += 1 }
    }

    /// For how long, in ticks, the oldest entry that readers can't see has waited; 0 without one.
    var ticks: Int { max(ticksWaiting, ticksTaken ?? 0) }

    /// Whether somebody has to be sent for what is there; then they count as sent for.
    mutating func mustSchedule(isCommitWanted: Bool = false) -> Bool {
        guard !isScheduled, !isRetired else { return false }
        isScheduled = mustApply(isCommitWanted) || mustCommit(isCommitWanted: isCommitWanted)
        return isScheduled
    }

    private func mustApply(_ isCommitWanted: Bool) -> Bool {
        guard let first = entries.first, let last = entries.last else { return false }
        return !isPatient || leads || isCommitWanted || isDraining || hasChange
            || first.entry.index <= awaited
            || ticksWaiting >= Self.patientTicksMax
            || entries.count >= Self.patientEntriesMax
            || bytes >= Self.patientBytesMax
            || last.ticket != nil
    }

    /// Whether the open transaction has to end.
    func mustCommit(isCommitWanted: Bool) -> Bool {
        guard let first = open.entries.first else { return false }
        return !isPatient || (!leads && !isDraining) || isCommitWanted || open.isUrgent
            // Whether there is room again is known by a commit alone.
            || isFull
            || (first.entry.index <= awaited && !isAwaitedDraining)
            || open.ticks >= Self.patientTicksMax
            || open.entries.count >= Self.patientEntriesMax
            || open.bytes >= Self.patientBytesMax
            || open.tickets >= ticketsMax
    }

    /// What is waited for is not complete yet, and the next part has more of it.
    private var isAwaitedDraining: Bool {
        isDraining && entries.first.map { $0.entry.index <= awaited } ?? false
    }

    /// Everything, and nobody is sent for it any more.
    mutating func takeAll() -> [DeliveredEntry<Ticket>] {
        isScheduled = false
        return drain()
    }

    /// The next that the store applies together. Whoever takes them says when they are done.
    mutating func takeSome() -> [DeliveredEntry<Ticket>] {
        guard entries.count > Self.takenMax else { return drain() }
        let taken = Array(entries[..<Self.takenMax])
        entries.removeFirst(Self.takenMax)
        isDraining = true
        for item in taken { bytes -= item.entry.payload.count }
        // Of the rest nobody knows when it came: not before.
        ticksTaken = max(ticksTaken ?? 0, ticksWaiting)
        return taken
    }

    /// Who was sent has done what there was.
    /// - Returns: whether somebody has to be sent again; then they count as sent for.
    mutating func taskEnded(isCommitWanted: Bool) -> Bool {
        isScheduled = false
        return mustSchedule(isCommitWanted: isCommitWanted)
    }

    private mutating func drain() -> [DeliveredEntry<Ticket>] {
        defer { entries = [] }
        isDraining = false
        hasChange = false
        bytes = 0
        if !entries.isEmpty { ticksTaken = max(ticksTaken ?? 0, ticksWaiting) }
        ticksWaiting = 0
        return entries
    }

    /// They are in the open transaction, and answered.
    mutating func applied(_ batch: [DeliveredEntry<Ticket>]) {
        if !batch.isEmpty { ticksTaken = ticksTaken ?? 0 }
        open.entries.reserveCapacity(open.entries.count + batch.count)
        for var item in batch {
            if item.ticket != nil { open.tickets += 1 }
            item.ticket = nil
            open.bytes += item.entry.payload.count
            let isFirstOfTerm = item.entry.kind == .normal && item.entry.payload.isEmpty
            if isFirstOfTerm || item.configuration != nil { open.isUrgent = true }
            open.entries.append(item)
        }
    }

    /// The open transaction was committed, or is of no use any more.
    /// - Returns: what it held.
    mutating func takeOpen() -> Open {
        defer { open = Open() }
        ticksTaken = nil
        return open
    }

    /// The open transaction was undone, and `batch` could not be applied: both again, in a while. Whoever puts them
    /// back comes for them again.
    mutating func putBack(_ batch: [DeliveredEntry<Ticket>]) {
        let again = open.entries + batch
        for item in again {
            bytes += item.entry.payload.count
            if item.configuration != nil { hasChange = true }
        }
        entries = again + entries
        ticksWaiting = max(ticksWaiting, ticksTaken ?? 0)
        ticksTaken = nil
        // Those that were answered still count as in the store.
        open = Open(tickets: open.tickets)
        isScheduled = true
    }
}
