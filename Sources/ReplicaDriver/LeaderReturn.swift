/// When a leader gives leadership back to the member that is to lead.
///
/// After elections whoever stayed leads everything, and goes on doing so when the others are back. Leadership goes
/// back to a member that has been fit for a while: it answers, and keeps up. One that doesn't keep leadership,
/// because its disk or its clock makes it hand over again, is given it less and less often, until it has led for
/// long once.
///
/// Rejected: campaigns of whoever should lead. A leader that is displaced fails what it is at; one that hands over
/// finishes it.
struct LeaderReturn {
    /// How the member that is to lead is, as of one tick.
    enum Standing {
        /// It leads.
        case leads
        /// This replica leads; the member answered lately and keeps up.
        case fit
        /// It keeps up, but was not heard of since the last check of the quorum.
        case silent
        /// It doesn't keep up, or has no vote.
        case unfit
    }

    /// For how many ticks the member has to be fit.
    private let fitTicksMin: Int
    /// Between two returns, after the first one; doubled with each.
    private let pauseMin: Int
    private let pauseMax: Int
    /// It is not fit any more after so many ticks of silence.
    private let silentTicksMax: Int
    private var pause = 0
    private var fitTicks = 0
    private var silentTicks = 0
    /// Since the last return, counted up to the longest pause.
    private var sinceReturn = 0
    /// For so long the member has led without a break, counted up to the longest pause.
    private var ledTicks = 0

    init(fitTicks: Int, pauseMin: Int, pauseMax: Int, silentTicksMax: Int) {
        fitTicksMin = fitTicks
        self.pauseMin = pauseMin
        self.pauseMax = pauseMax
        self.silentTicksMax = silentTicksMax
    }

    /// One tick has passed.
    /// - Parameter standing: of the member that is to lead; nil where a third one leads, or nobody does, or this
    ///   replica is to lead itself.
    /// - Returns: whether leadership goes back now.
    mutating func tick(_ standing: Standing?) -> Bool {
        sinceReturn = min(sinceReturn + 1, pauseMax)
        ledTicks = standing == .leads ? min(ledTicks + 1, pauseMax) : 0
        if ledTicks == pauseMax { pause = 0 }
        switch standing {
        case .fit:
            fitTicks += 1
            silentTicks = 0
        case .silent:
            silentTicks += 1
            if silentTicks > silentTicksMax { fitTicks = 0 }
        case .leads, .unfit, nil: fitTicks = 0
        }
        guard standing == .fit, fitTicks >= fitTicksMin, sinceReturn >= pause else { return false }
        pause = min(max(2 * pause, pauseMin), pauseMax)
        fitTicks = 0
        sinceReturn = 0
        return true
    }
}
