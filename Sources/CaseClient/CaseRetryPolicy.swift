/// When a call is tried again: only while nobody could answer, never after an answer.
///
/// The pauses double from `pauseMin` up to `pauseMax`; each is drawn from the upper half of its
/// length, so that clients which lost the same node don't come back at the same instant.
public struct CaseRetryPolicy: Sendable, Hashable {
    /// Attempts of one call, the first included. Default: 16, which outlasts an election of a few
    /// seconds; the call's deadline ends it sooner.
    public var attemptsMax: Int
    /// The longest first pause. Default: 20 ms.
    public var pauseMin: Duration
    /// The longest pause of all. Default: 1 s.
    public var pauseMax: Duration

    /// The longest pause that a server's advice can ask for: a wrong advice must not hang a client.
    public static let advisedPauseMax: Duration = .seconds(5)

    /// No second attempt, ever.
    public static let none = CaseRetryPolicy(attemptsMax: 1)

    /// Puts a policy together.
    /// - Precondition: at least one attempt, and pauses that don't fall.
    public init(
        attemptsMax: Int = 16,
        pauseMin: Duration = .milliseconds(20),
        pauseMax: Duration = .seconds(1)
    ) {
        precondition(attemptsMax >= 1, "a call has at least one attempt")
        precondition(pauseMin >= .zero && pauseMin <= pauseMax, "pauses don't fall")
        self.attemptsMax = attemptsMax
        self.pauseMin = pauseMin
        self.pauseMax = pauseMax
    }

    /// The pause after failed attempt number `attempt`, counted from 1.
    ///
    /// - Parameters:
    ///   - attempt: the number of the attempt that failed.
    ///   - advised: what the server asked for; waited for at least, up to `advisedPauseMax`.
    ///   - random: the source of the jitter.
    /// - Returns: a pause of at most `pauseMax`, or what was advised.
    public func pause(
        afterAttempt attempt: Int,
        advised: Duration? = nil,
        random: inout any RandomNumberGenerator & Sendable
    ) -> Duration {
        precondition(attempt >= 1)
        var ceiling = pauseMin
        var doublings = attempt - 1
        while doublings > 0, ceiling < pauseMax {
            ceiling = min(ceiling * 2, pauseMax)
            doublings -= 1
        }
        let half = ceiling / 2
        let jitter = half * Double.random(in: 0...1, using: &random)
        let drawn = min(half + jitter, pauseMax)
        assert(Duration.zero <= drawn && drawn <= pauseMax)
        guard let advised else { return drawn }
        return max(drawn, min(advised, Self.advisedPauseMax))
    }
}
