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
    }
}

/// What the clocks of a group's voters say about this node's.
public enum ClockVerdict: Hashable, Sendable {
    /// Too few were seen of late to say anything.
    case unknown
    /// Within the bound. Time may not pass the median: this node's clock plus `median`.
    case sound(median: TimeSpan)
    /// Off by more than the bound: this node should not lead. `median` is how far the others are ahead.
    case off(median: TimeSpan)
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
    /// Readings less certain than this are passed over, in milliseconds: a stalled link must not look like a
    /// wrong clock.
    public static let uncertaintyMaxMilliseconds: Int64 = 250

    private var readings: [ClockReading] = []

    /// Has seen no clock yet.
    public init() {}

    /// Takes a reading over; of each node the newest counts.
    public mutating func take(_ reading: ClockReading) {
        guard reading.uncertaintyMilliseconds <= Self.uncertaintyMaxMilliseconds else { return }
        readings.removeAll { $0.node == reading.node }
        readings.append(reading)
    }

    /// The verdict for a group of these voters, as of `monotonic` milliseconds. This node's own clock is one of
    /// them where it votes; a majority must have been seen.
    ///
    /// Of an even number the lower middle counts: time that is late closes nothing early.
    public func verdict(own: NodeID, voters: [NodeID], monotonic: Int64) -> ClockVerdict {
        var offsets: [Int64] = []
        for voter in voters {
            if voter == own {
                offsets.append(0)
            } else if let reading = readings.first(where: { $0.node == voter }),
                monotonic - reading.takenAt <= Self.ageMaxMilliseconds
            {
                offsets.append(reading.offset.milliseconds)
            }
        }
        guard !voters.isEmpty, offsets.count > voters.count / 2 else { return .unknown }
        let median = offsets.sorted()[(offsets.count - 1) / 2]
        let span = TimeSpan(milliseconds: median)
        return abs(median) > Self.boundMilliseconds ? .off(median: span) : .sound(median: span)
    }
}
