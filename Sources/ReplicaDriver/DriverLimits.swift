/// The limits of one replica's driver. Times are in ticks, whatever the shell lets a tick be.
public struct DriverLimits: Sendable {
    /// Proposals made here that have no result yet; more are refused as overload.
    public var proposalsMax = 4_096
    /// Bytes of payload gathered for one `flush`; more are refused as overload. A single one always fits.
    /// As large as the core's uncommitted tail: what is above it would be refused there, all together.
    public var proposalBytesMax = 64 << 20
    /// Bytes of one payload; a larger one is refused, because the log takes no such record.
    public var payloadBytesMax = 2 << 20
    /// Reads that wait for their round, and as many that wait for the store to be there; more are refused as
    /// overload.
    public var readsMax = 8_192

    /// Bytes of payload that the log keeps below the store's checkpoint, so that a follower that was away for
    /// a moment catches up by the log. A group of one keeps none.
    public var retainedBytes = 16 << 20
    /// Entries kept so at most: small ones cost more by their number than by their bytes.
    public var retainedEntries = 65_536
    /// Bytes kept so for a member that is there and behind, or that a snapshot is on its way to, before it is
    /// left to another snapshot. Bounds memory; four times what is kept in any case.
    public var heldBytesMax = 64 << 20

    /// Whether followers learn what is committed with the next entries, or a tick later at most, instead of at once
    /// by a message of its own: see `ReplicaDriver.holdNotices`.
    public var noticesAreHeld = true

    /// After so many ticks without a receipt a leader's disk counts as stalled: it hands leadership over,
    /// since its heartbeats would keep others from taking it while it can acknowledge nothing. Three seconds
    /// of the server's ticks: a disk that is only slow is mostly slow for the other replicas as well.
    public var stalledWriteTicks = 120
    /// For so many ticks the member that is to lead has to be fit before leadership goes back to it: five seconds of
    /// the server's.
    public var returnTicks = 200
    /// Between the first two times, where it did not keep it; twice as long each time, at most `returnPauseMax`.
    public var returnPauseMin = 400
    /// Ten minutes of the server's ticks.
    public var returnPauseMax = 24_000
    /// A node's groups give leadership back one after the other, so many ticks apart.
    public var returnTicksApart = 10
    /// A copy that nobody was sent for so many ticks goes: it takes as much disk as the store.
    public var snapshotUnusedTicks = 400
    /// Ticks before a copy that could not be made is asked for again, and before one that did not arrive is sent
    /// again: a receiver whose disk is full must not be sent the same file without end.
    public var snapshotRetryTicks = 40

    /// The defaults.
    public init() {}
}
