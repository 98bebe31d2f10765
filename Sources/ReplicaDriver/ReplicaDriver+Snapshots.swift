import ClusterPrimitives
import RaftCore

/// The copies of the store that a leader makes for followers that the log can't help any more.
struct SnapshotCopies {
    /// Asked for, not answered.
    var isBeingMade = false
    /// Ticks before another is asked for.
    var pauseTicks = 0
    /// Made, and not dropped; the last one is what the core sends.
    var made: [Copy] = []

    struct Copy {
        let id: SnapshotID
        /// Sends under way.
        var sends = 0
        var ticksUnused = 0
        /// The core has no use for it any more.
        var isStale = false
    }
}

/// Snapshots made, sent, received and installed.
extension ReplicaDriver {
    // MARK: Making and sending

    /// The core asks with every heartbeat's answer, until there is one.
    mutating func makeCopyIfNone() {
        guard !copies.isBeingMade, copies.pauseTicks == 0, !isStopped else { return }
        copies.isBeingMade = true
        ports.makeSnapshot()
    }

    /// Answers `makeSnapshot`.
    /// - Parameters:
    ///   - id: the copy's last entry; nil if it could not be made, and is to be asked for again later.
    ///   - configuration: the membership at that entry.
    public mutating func snapshotMade(_ id: SnapshotID?, configuration: Configuration) {
        copies.isBeingMade = false
        guard let id else {
            copies.pauseTicks = limits.snapshotRetryTicks
            return
        }
        let known = copies.made.firstIndex { $0.id == id }
        guard !isStopped, leads, id.index >= raft.storage.base.index else {
            if known == nil { ports.dropSnapshot(id) }
            return
        }
        if let known {
            copies.made[known].isStale = false
            copies.made[known].ticksUnused = 0
        } else {
            copies.made.append(SnapshotCopies.Copy(id: id))
        }
        for place in copies.made.indices where copies.made[place].id != id {
            copies.made[place].isStale = true
        }
        dropStaleCopies()
        raft.storage.snapshot = Snapshot(id: id, configuration: configuration)
    }

    mutating func sendCopy(_ message: Message) {
        guard let id = message.snapshot?.id,
            let place = copies.made.firstIndex(where: { $0.id == id })
        else {
            raft.step(.reportSnapshot(message.to, arrived: false))
            return
        }
        copies.made[place].sends += 1
        copies.made[place].ticksUnused = 0
        ports.sendSnapshot(message)
    }

    /// Answers one `sendSnapshot`: whether the receiver has taken it.
    public mutating func snapshotSent(_ id: SnapshotID, to node: NodeID, arrived: Bool) {
        raft.step(.reportSnapshot(node, arrived: arrived))
        guard let place = copies.made.firstIndex(where: { $0.id == id }) else { return }
        copies.made[place].sends -= 1
        copies.made[place].ticksUnused = 0
        assert(copies.made[place].sends >= 0, "each send is answered once")
        dropStaleCopies()
    }

    mutating func passTickOfCopies() {
        copies.pauseTicks = max(0, copies.pauseTicks - 1)
        guard !copies.made.isEmpty else { return }
        for place in copies.made.indices where copies.made[place].sends == 0 {
            copies.made[place].ticksUnused += 1
            if copies.made[place].ticksUnused >= limits.snapshotUnusedTicks {
                copies.made[place].isStale = true
            }
        }
        dropStaleCopies()
    }

    mutating func forgetCopyUnlessSent() {
        for place in copies.made.indices { copies.made[place].isStale = true }
        dropStaleCopies()
    }

    private mutating func dropStaleCopies() {
        for copy in copies.made where copy.isStale {
            // Not offered again, whether or not it is still on its way.
            if raft.storage.snapshot?.id == copy.id { raft.storage.snapshot = nil }
            if copy.sends == 0 { ports.dropSnapshot(copy.id) }
        }
        copies.made.removeAll { $0.isStale && $0.sends == 0 }
    }

    // MARK: Receiving

    /// A message of kind `snapshot` came, and its file is complete and durable where the ports keep it.
    /// - Returns: whether it will be installed, by a `write` that carries it; if not, the file is of no use.
    public mutating func receiveSnapshot(_ message: Message) -> Bool {
        guard !isStopped, let id = message.snapshot?.id, installing == nil else { return false }
        raft.step(.received(message))
        guard raft.snapshotUnderWay == id else { return false }
        installing = id
        return true
    }

    /// The core wants a received state in place of log and store: the log in memory begins behind it.
    mutating func take(_ snapshot: Snapshot) {
        raft.storage.applySnapshot(snapshot)
        // Its file becomes the store: it is not there to be sent.
        raft.storage.snapshot = nil
    }

    mutating func finishInstallation() {
        guard let id = installing, raft.snapshotUnderWay == nil else { return }
        installing = nil
        hasChangedMembership = false
        precondition(id.index >= applied, "a snapshot brings the store back")
        applied = id.index
        releaseReads()
    }

    // MARK: Compaction

    /// A completed checkpoint has made the store durable up to `index`: the log's tail may go, but for what
    /// followers may still need.
    /// - Returns: the index up to which the durable log may be cut.
    public mutating func compact(through index: LogIndex) -> LogIndex {
        #if CASECLUSTER_FAULTS
        let safe = DeliberateFault.compactsAheadOfCheckpoint.isOn ? applied : min(index, applied)
        #else
        let safe = min(index, applied)
        #endif
        let end = indexToKeepBehind(safe)
        raft.storage.compact(through: end)
        let base = raft.storage.base.index
        for place in copies.made.indices where copies.made[place].id.index < base {
            copies.made[place].isStale = true
        }
        dropStaleCopies()
        return min(base, safe)
    }

    /// Where to cut: as far below `safe` as is kept for everybody, and further, within `heldBytesMax`, for
    /// those who are there and behind.
    private func indexToKeepBehind(_ safe: LogIndex) -> LogIndex {
        let status = raft.status
        guard status.configuration.members.count > 1 else { return safe }
        let retained = index(
            before: safe,
            bytesMax: limits.retainedBytes,
            entriesMax: limits.retainedEntries
        )
        var needed = retained
        for member in status.progress where member.id != id && member.progress.recentActive {
            let progress = member.progress
            needed = min(
                needed,
                progress.state == .snapshot ? progress.pendingSnapshot : progress.match
            )
        }
        guard needed < retained else { return retained }
        let held = index(before: safe, bytesMax: limits.heldBytesMax, entriesMax: .max)
        return max(needed, min(held, retained))
    }

    /// The entry before the longest run that ends with `last` and stays within the limits.
    private func index(before last: LogIndex, bytesMax: Int, entriesMax: Int) -> LogIndex {
        let base = raft.storage.base.index
        guard last > base else { return last }
        let kept = raft.storage.entries.prefix(Int(last.rawValue - base.rawValue))
        var bytes = 0
        var count = 0
        for entry in kept.reversed() {
            bytes += entry.payload.count
            guard bytes <= bytesMax, count < entriesMax else { break }
            count += 1
        }
        return LogIndex(last.rawValue - UInt64(count))
    }
}
