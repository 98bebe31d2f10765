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
    /// Since when the other clock has run on without a jump, as far as was seen; as `takenAt`. A judge that takes the
    /// reading sets it from those before.
    fileprivate(set) var steadySince: Int64

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
        self.node = node
        uncertaintyMilliseconds = (roundTrip + 1) / 2
        offset = TimeSpan(
            milliseconds: (peerWall - wall).milliseconds + uncertaintyMilliseconds
        )
        takenAt = receivedAt
        steadySince = receivedAt
        self.wall = wall
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

    /// Whether the other clock went on from `earlier` as this node's monotonic one did, as far as can be told.
    fileprivate func goesOn(from earlier: ClockReading) -> Bool {
        let shown = wall + offset - (earlier.wall + earlier.offset)
        let gained = shown.milliseconds - (takenAt - earlier.takenAt)
        let uncertainty = uncertaintyMilliseconds + earlier.uncertaintyMilliseconds
        return abs(gained) - uncertainty <= TimeKeeper.jumpToleranceMilliseconds
    }
}

/// What the clocks of a group's voters say about this node's.
public enum ClockVerdict: Hashable, Sendable {
    /// Too few were seen of late to say anything.
    case unknown
    /// A majority was seen, and no majority agrees: some are away and one of the others is wrong, nobody knows which.
    /// Who knew the time before goes by its monotonic clock. By how much each clock is ahead, ascending; empty before
    /// each has been seen to run on for a while: one that is wrong for a moment alone must not be followed for ever.
    case unsettled(clocks: [TimeSpan])
    /// Within the bound. Time is the median: this node's clock plus `median`.
    case sound(median: TimeSpan)
    /// Off by more than the bound: this node should not lead. `median` is how far the others are ahead.
    case off(median: TimeSpan)

    /// What to go by where several groups were asked: the first one in which a majority agrees, else the first that
    /// saw one. Takes no more of them than it needs.
    public static func best(of verdicts: some Sequence<ClockVerdict>) -> ClockVerdict {
        var best = ClockVerdict.unknown
        for verdict in verdicts {
            switch verdict {
            case .sound, .off: return verdict
            case .unsettled: if best == .unknown { best = verdict }
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
            isYoung(last, at: reading.takenAt), reading.goesOn(from: last)
        {
            reading.steadySince = last.steadySince
        }
        readings.removeAll { $0.node == reading.node }
        readings.append(reading)
    }

    private mutating func takeOwn(at reading: ClockReading) {
        var now = ClockReading(own: reading.wall, at: reading.takenAt)
        if let own, now.goesOn(from: own) { now.steadySince = own.steadySince }
        own = now
    }

    /// Whether the clocks of all these nodes that count have run on for as long as a jump must be seen to be believed.
    private func areSteady(_ nodes: [NodeID], own id: NodeID, _ now: ClockReading) -> Bool {
        let confirmed = TimeKeeper.jumpConfirmMilliseconds
        for node in nodes where node != id {
            guard let found = readings.first(where: { $0.node == node }),
                isYoung(found, at: now.takenAt)
            else { continue }
            guard found.takenAt - found.steadySince >= confirmed else { return false }
        }
        guard nodes.contains(id) else { return true }
        guard let own, now.goesOn(from: own) else { return false }
        return now.takenAt - own.steadySince >= confirmed
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
            guard areSteady(voters, own: own, now) else { return .unsettled(clocks: []) }
            return .unsettled(clocks: clocks.map { TimeSpan(milliseconds: $0.offset) })
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
