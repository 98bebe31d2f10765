/// When a leader gives leadership back to the member that is to lead.
///
/// After elections whoever stayed leads everything, and goes on doing so when the others are back. Leadership goes
/// back to a member that has been fit for a while: it answers, and holds nearly everything. One that doesn't keep
/// it, because its disk or its clock makes it hand over again, is given it less and less often.
///
/// Rejected: campaigns of whoever should lead. A leader that is displaced fails what it is at; one that hands over
/// finishes it.
struct LeaderReturn {
    /// What is known of the member that is to lead, as of one tick.
    enum Fitness {
        /// It answered lately and holds nearly everything.
        case fit
        /// It holds nearly everything, but was not heard of since the last check of the quorum.
        case silent
        /// It lacks too much, or has no vote.
        case unfit
    }

    /// For how many ticks the member has to be fit, the first time.
    private let firstTicks: Int
    private let ticksMax: Int
    /// It is not fit any more after so many ticks of silence.
    private let silentTicksMax: Int
    private var neededTicks: Int
    private var fitTicks = 0
    private var silentTicks = 0
    /// For so long this replica has had nothing to give back.
    private var awayTicks = 0

    init(ticks: Int, ticksMax: Int, silentTicksMax: Int) {
        firstTicks = ticks
        neededTicks = ticks
        self.ticksMax = ticksMax
        self.silentTicksMax = silentTicksMax
    }

    /// One tick has passed.
    /// - Parameter fitness: of the member that is to lead; nil while this replica doesn't lead, or is to lead itself.
    /// - Returns: whether leadership goes back now.
    mutating func tick(_ fitness: Fitness?) -> Bool {
        switch fitness {
        case .fit:
            fitTicks += 1
            silentTicks = 0
        case .silent:
            silentTicks += 1
            if silentTicks > silentTicksMax { fitTicks = 0 }
        case .unfit: fitTicks = 0
        case nil:
            fitTicks = 0
            awayTicks = min(awayTicks + 1, ticksMax)
        }
        guard fitness == .fit, fitTicks >= neededTicks else { return false }
        // Who kept it for as long as the longest pause has deserved to begin anew.
        if awayTicks >= ticksMax { neededTicks = firstTicks }
        neededTicks = min(neededTicks * 2, ticksMax)
        fitTicks = 0
        awayTicks = 0
        return true
    }
}
