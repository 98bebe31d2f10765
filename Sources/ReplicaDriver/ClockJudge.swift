import ClusterPrimitives

/// One look at another node's clock. A value: the shell reads the clocks.
public struct ClockReading: Hashable, Sendable {
    /// Whose clock.
    public var node: NodeID
    /// How far it is ahead of this node's, as seen in the middle of the exchange.
    public var offset: TimeSpan
    /// By how much that may be wrong, in milliseconds: half of the exchange's time.
    public var uncertaintyMilliseconds: Int64
    /// When the answer came, by this node's monotonic clock in milliseconds.
    public var takenAt: Int64
    /// What this node's clock showed then.
    public var wall: Timestamp
    /// What the other clock showed at the first of the readings since when it has run on without a jump. A judge that
    /// takes the reading sets it, and `watchedSince`, from those before.
    private var steadyFrom: Course
    /// Since when the clock has been looked at without a pause; as `takenAt`.
    private var watchedSince: Int64

    /// By how much two clocks may differ at all, in milliseconds: whatever a peer shows, sums of it don't overflow.
    static let offsetMaxMilliseconds: Int64 = 1 << 52

    /// Where a clock stood at an instant of this node's monotonic clock.
    private struct Course: Hashable {
        var shown: Timestamp
        var at: Int64
        var uncertaintyMilliseconds: Int64
    }

    /// From one exchange: this node asked at `sentAt`, the other one answered with `peerWall`, the answer came
    /// at `receivedAt`, when this node's clock showed `wall`. Both instants are this node's monotonic clock's,
    /// in milliseconds.
    public init(
        node: NodeID,
        peerWall: Timestamp,
        wall: Timestamp,
        sentAt: Int64,
        receivedAt: Int64
    ) {
        let roundTrip = max(0, receivedAt - sentAt)
        let limit = Self.offsetMaxMilliseconds
        self.node = node
        uncertaintyMilliseconds = (roundTrip + 1) / 2
        let difference = min(limit, max(-limit, (peerWall - wall).milliseconds))
        offset = TimeSpan(milliseconds: difference + uncertaintyMilliseconds)
        takenAt = receivedAt
        self.wall = wall
        steadyFrom = Course(
            shown: wall + offset,
            at: receivedAt,
            uncertaintyMilliseconds: uncertaintyMilliseconds
        )
        watchedSince = receivedAt
    }

    /// Of this node's own clock, which nobody has to be asked for.
    fileprivate init(own wall: Timestamp, at monotonic: Int64) {
        self.init(
            node: NodeID(0),
            peerWall: wall,
            wall: wall,
            sentAt: monotonic,
            receivedAt: monotonic
        )
    }

    /// How far the other clock is ahead at `monotonic`, in milliseconds, when this node's shows `wall`: what the
    /// latter did since then against the monotonic one is taken off. The other one is taken to run on.
    func offset(wall: Timestamp, monotonic: Int64) -> Int64 {
        let gained = (wall - self.wall).milliseconds - (monotonic - takenAt)
        return offset.milliseconds - gained
    }

    /// Takes over what an earlier reading of the same clock knew of its course.
    fileprivate mutating func follow(_ earlier: ClockReading) {
        watchedSince = earlier.watchedSince
        if goesOn(from: earlier) { steadyFrom = earlier.steadyFrom }
    }

    /// Whether the clock went on as this node's monotonic one did, as far as can be told, from where `earlier` says that
    /// it has run on from. Not from `earlier` itself: a clock that stands still is off by little between two looks.
    fileprivate func goesOn(from earlier: ClockReading) -> Bool {
        let start = earlier.steadyFrom
        let gained = (wall + offset - start.shown).milliseconds - (takenAt - start.at)
        let uncertainty = uncertaintyMilliseconds + start.uncertaintyMilliseconds
        return abs(gained) - uncertainty <= TimeKeeper.jumpToleranceMilliseconds
    }

    /// For how long it has run on without a jump, in milliseconds.
    fileprivate var steadyMilliseconds: Int64 { takenAt - steadyFrom.at }
    /// For how long it has been looked at, in milliseconds.
    fileprivate var watchedMilliseconds: Int64 { takenAt - watchedSince }
}

/// What the clocks of a group's voters say about this node's.
public enum ClockVerdict: Hashable, Sendable {
    /// Too few were seen of late to say anything.
    case unknown
    /// A majority was seen, and no majority agrees: some are away and one of the others is wrong, nobody knows which.
    /// Who knew the time before goes by its monotonic clock. By how much each clock is ahead that has been seen to run
    /// on for a while, ascending: one that is wrong for a moment must not be followed for ever. Empty while that is not
    /// known of all.
    case unsettled(clocks: [TimeSpan])
    /// Within the bound. Time is the median: this node's clock plus `median`.
    case sound(median: TimeSpan)
    /// Off by more than the bound: this node should not lead. `median` is how far the others are ahead.
    case off(median: TimeSpan)

    /// What to go by where several groups were asked: the first one in which a majority agrees, else the first that
    /// saw one, and of those one that names clocks. Takes no more of them than it needs.
    public static func best(of verdicts: some Sequence<ClockVerdict>) -> ClockVerdict {
        var best = ClockVerdict.unknown
        for verdict in verdicts {
            switch verdict {
            case .sound, .off: return verdict
            case .unsettled:
                if best == .unknown || best == .unsettled(clocks: []) { best = verdict }
            case .unknown: break
            }
        }
        return best
    }
}

/// Judges this node's clock by the median of the voters'.
///
/// Why the median: it lies between two right clocks as long as most are right, so that one wrong clock, this
/// one or another, neither moves it far nor is followed.
public struct ClockJudge: Sendable {
    /// How far from the median a leader's clock may be, in milliseconds. A second: ten times what NTP leaves
    /// on a bad day, and nothing to a due time that is days away.
    public static let boundMilliseconds: Int64 = 1_000
    /// The age at which a reading says nothing any more, in milliseconds: several exchanges were lost.
    public static let ageMaxMilliseconds: Int64 = 10_000
    /// A reading that is less certain than this, in milliseconds, counts only where there is no better one of
    /// the same node that is young enough.
    public static let uncertaintyMaxMilliseconds: Int64 = 250
    /// For how long a clock that keeps jumping is waited for, in milliseconds, before others are gone by.
    public static let jumpingMaxMilliseconds: Int64 = 6_000

    private var readings: [ClockReading] = []
    /// This node's own clock, as of the last reading.
    private var own: ClockReading?

    /// Has seen no clock yet.
    public init() {}

    /// Takes a reading over; of each node the newest counts that is certain enough.
    public mutating func take(_ reading: ClockReading) {
        var reading = reading
        takeOwn(at: reading)
        let isUncertain = reading.uncertaintyMilliseconds > Self.uncertaintyMaxMilliseconds
        let hasBetter = readings.contains {
            $0.node == reading.node && isYoung($0, at: reading.takenAt)
                && $0.uncertaintyMilliseconds < reading.uncertaintyMilliseconds
        }
        guard !isUncertain || !hasBetter else { return }
        if let last = readings.first(where: { $0.node == reading.node }),
            isYoung(last, at: reading.takenAt)
        {
            reading.follow(last)
        }
        readings.removeAll { $0.node == reading.node }
        readings.append(reading)
    }

    private mutating func takeOwn(at reading: ClockReading) {
        var now = ClockReading(own: reading.wall, at: reading.takenAt)
        if let own { now.follow(own) }
        own = now
    }

    /// Which of a group's clocks have run on for as long as a jump must be seen to be believed. None before that is
    /// known of each; one that keeps jumping is left out in time, unless all do.
    private func steadyClocks(
        of voters: [NodeID],
        own id: NodeID,
        _ now: ClockReading
    ) -> [TimeSpan] {
        var (steady, jumping): ([ClockReading], [ClockReading]) = ([], [])
        for voter in voters {
            guard var found = voter == id ? own : readings.first(where: { $0.node == voter }),
                isYoung(found, at: now.takenAt)
            else { continue }
            if voter == id {
                var last = now
                last.follow(found)
                found = last
            }
            if found.steadyMilliseconds >= TimeKeeper.jumpConfirmMilliseconds {
                steady.append(found)
            } else if found.watchedMilliseconds >= Self.jumpingMaxMilliseconds {
                jumping.append(found)
            } else {
                return []
            }
        }
        return (steady.isEmpty ? jumping : steady)
            .map { $0.offset(wall: now.wall, monotonic: now.takenAt) }
            .sorted().map { TimeSpan(milliseconds: $0) }
    }

    private func isYoung(_ reading: ClockReading, at monotonic: Int64) -> Bool {
        monotonic - reading.takenAt <= Self.ageMaxMilliseconds
    }

    /// The verdict for a group of these voters, at `monotonic` milliseconds, when this node's clock shows `wall`.
    /// That clock is one of them where the node votes; a majority must have been seen.
    ///
    /// Of an even number the lower middle counts: time that is late closes nothing early. A clock is off when it
    /// surely is: a slow link must not look like a wrong clock.
    public func verdict(
        own: NodeID,
        voters: [NodeID],
        wall: Timestamp,
        monotonic: Int64
    ) -> ClockVerdict {
        var clocks: [(offset: Int64, uncertainty: Int64)] = []
        for voter in voters {
            if voter == own {
                clocks.append((0, 0))
            } else if let reading = readings.first(where: { $0.node == voter }),
                isYoung(reading, at: monotonic)
            {
                let offset = reading.offset(wall: wall, monotonic: monotonic)
                clocks.append((offset, reading.uncertaintyMilliseconds))
            }
        }
        guard !voters.isEmpty, clocks.count > voters.count / 2 else { return .unknown }
        clocks.sort(by: <)
        let median = clocks[(clocks.count - 1) / 2]
        let agreeing = clocks.count { clock in
            let uncertainty = clock.uncertainty + median.uncertainty
            return abs(clock.offset - median.offset) - uncertainty <= Self.boundMilliseconds
        }
        guard agreeing > voters.count / 2 else {
            let now = ClockReading(own: wall, at: monotonic)
            return .unsettled(clocks: steadyClocks(of: voters, own: own, now))
        }
        let span = TimeSpan(milliseconds: median.offset)
        return abs(median.offset) - median.uncertainty > Self.boundMilliseconds
            ? .off(median: span) : .sound(median: span)
    }

    /// Which of several clocks to go by where no majority agrees and nothing is known from before: the earliest that is
    /// not behind what stands in a log, `floor`, since most clocks had reached that; else the latest. A clock that is
    /// right may be behind what another right one wrote, by the bound. Each is ahead of `wall` by one of `clocks`,
    /// ascending; nil where there are none.
    public static func guess(
        among clocks: [TimeSpan],
        wall: Timestamp,
        floor: Timestamp
    ) -> TimeSpan? {
        let floor = floor + TimeSpan(milliseconds: -boundMilliseconds)
        return clocks.first { wall + $0 >= floor } ?? clocks.last
    }

    /// The nodes whose clocks are surely within the bound of the median, which is `median` ahead of this node's
    /// clock: who else leads may give leadership to them. Arguments as those of `verdict`.
    public func agreeing(
        with median: TimeSpan,
        wall: Timestamp,
        monotonic: Int64
    ) -> Set<NodeID> {
        let right = readings.filter { reading in
            let offset = reading.offset(wall: wall, monotonic: monotonic) - median.milliseconds
            return isYoung(reading, at: monotonic)
                && abs(offset) + reading.uncertaintyMilliseconds <= Self.boundMilliseconds
        }
        return Set(right.map(\.node))
    }
}
