/// The limits of the coordinator's planners. Their unit of waiting is the tick: what a shell's
/// timer gives them, so that a clock that steps moves no retry.
public enum PlannerLimits {
    /// Milliseconds between two ticks, at most: work must begin within 1 s of being due, and this
    /// leaves room for nine lost tries.
    public static let tickMillisecondsMax: Int64 = 100
    /// Ticks that a page, or a proposal, may take before it counts as lost: about four round trips
    /// through a busy shard; a repeat does no harm.
    public static let timeoutTicks: UInt64 = 20
    /// Milliseconds after which a shard's command must not be proposed any more: the deadline that
    /// the shell gives it, on whichever node. Half of what a try may take, so that a leaving that
    /// was given up can't arrive after the return that was sent next (what was proposed before, a
    /// log keeps in order).
    public static let tellMillisecondsMax: Int64 = 1_000
    /// Ticks of rest after a failed try: doubled from one with each further failure, up to this; a
    /// shard that has a leader again is asked within half a second.
    public static let restTicksMax: UInt64 = 5
    /// Sweeps in flight at a time: enough to keep a few nodes busy, few enough to leave the log to
    /// the clients.
    public static let sweepsInFlightMax = 32
    /// Shards that archive at a time: the night is in no hurry.
    public static let nightShardsInFlightMax = 8
    /// Shards that are told of a leaving or a return at a time.
    public static let noticesInFlightMax = 8
    /// Proposals of one planner in flight at a time.
    public static let proposalsInFlightMax = 16
    /// Cases in one page of any kind: what a shard applies in some tens of milliseconds.
    public static let pageCasesMax: UInt32 = 500
    /// Milliseconds that a shard's clock is believed to lie behind the coordinator's, at most: ten minutes,
    /// more than any two clocks differ without an alarm.
    public static let lagMillisecondsMax: Int64 = 600_000
    /// Ticks after which a shard is asked for its next due time although it announced none: a
    /// minute. A net under announcements that were lost with a leader.
    public static let recheckTicks: UInt64 = 600
}
