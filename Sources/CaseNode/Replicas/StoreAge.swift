import ClusterPrimitives

/// How old what a store shows may be: since when it may lack something that its group has committed.
///
/// The leader says with each heartbeat how far is committed, and knows it itself. When the store shows everything up to
/// there, it is as good as the leader's was when that was said; before, what counts is the last time of which that can
/// be said. That a leader speaks is not enough: whoever catches up, or whose log's disk is full or stalled, hears it as
/// often as anybody, and a leader whose own disk hangs may commit by the others'.
///
/// A process that stood still finds old words in its sockets, and may take itself for a leader whom its group has left
/// meanwhile. So nothing is believed for as long as it takes such a leader to notice. Not bounded by the age: a leader
/// that is cut off, until it notices.
///
/// A pure value; times are milliseconds of the monotonic clock.
struct StoreAge {
    /// Words of the leader that are kept while the store is behind them: with this many it may be three seconds
    /// behind before the age grows by more than it has to.
    static let marksMax = 128
    /// Apart at least.
    static let apart = ReplicaTicker.milliseconds
    /// Time between two ticks after which the process stood still: as long as others wait for a leader.
    static let gapMax = Int64(ReplicaTicker.electionTicks) * ReplicaTicker.milliseconds
    /// For how long nothing is believed then: by the second check a leader has noticed.
    static let doubt = 2 * gapMax

    private struct Mark {
        var committed: LogIndex
        var at: Int64
    }

    /// What the store has yet to show, in the order of time and of indices; each above `applied`.
    private var marks: [Mark] = []
    private var applied: LogIndex
    /// When everything that the store shows was all there was.
    private var completeAt: Int64?
    private var tickedAt: Int64?
    private var doubtedUntil = Int64.min

    /// - Parameter applied: what the store shows at the start.
    init(applied: LogIndex) { self.applied = applied }

    /// One tick has passed.
    mutating func ticked(at now: Int64) {
        if stoodStill(at: now) { doubtedUntil = now + Self.doubt }
        tickedAt = now
    }

    /// The leader has said how far is committed. It is sure where nobody else can have come to lead meanwhile.
    mutating func heard(_ committed: LogIndex, at now: Int64, isSure: Bool = false) {
        guard isSure || (now >= doubtedUntil && !stoodStill(at: now)) else { return }
        if committed <= applied {
            // One who knows less than another did says nothing of what that one said.
            if marks.isEmpty { completed(at: now) }
            return
        }
        guard marks.count < Self.marksMax else { return }
        if let last = marks.last, last.committed > committed || now - last.at < Self.apart {
            return
        }
        marks.append(Mark(committed: committed, at: now))
    }

    /// The store shows everything up to `index`.
    mutating func applied(through index: LogIndex) {
        applied = max(applied, index)
        let count = marks.prefix { $0.committed <= applied }.count
        guard count > 0 else { return }
        completed(at: marks[count - 1].at)
        marks.removeFirst(count)
    }

    private func stoodStill(at now: Int64) -> Bool {
        tickedAt.map { now - $0 > Self.gapMax } ?? false
    }

    private mutating func completed(at time: Int64) { completeAt = max(completeAt ?? time, time) }

    /// Nil where the store was never known to be complete.
    func milliseconds(at now: Int64) -> Int64? { completeAt.map { max(0, now - $0) } }
}
