/// What the coordinator did with one case that was resolved and left alone.
struct TimerHistory: Sendable {
    /// One entry of the case's history that moved it, by the shard's time in milliseconds.
    struct Move: Hashable, Sendable {
        var action: String
        var at: Int64
        var isSystem: Bool
    }

    /// When its last resolve was acknowledged as stamped, in the shard's milliseconds.
    var resolvedAt: Int64
    /// When the call of that resolve began, in microseconds of the harness' own clock.
    var resolveBegan: Int64
    /// When the harness first saw it closed, by its own clock; nil if it did not look.
    var seenClosed: Int64?
    /// The window that held at the resolve, in milliseconds.
    var window: Int64

    /// By how much the cluster's time may run ahead of the harness' in a window: nodes agree on the median of
    /// their clocks, of which at most one is wrong, and it may be reached at the drift that they allow.
    static let aheadMillisecondsMax: Int64 = 1_000

    func violations(of id: String, moves: [Move]) -> [Violation] {
        let closes = moves.filter { $0.action == "close-by-timer" }
        let archives = moves.filter { $0.action == "archive" }
        var messages: [String] = []
        if closes.isEmpty { messages.append("it was never closed by the timer") }
        if closes.count > 1 { messages.append("it was closed \(closes.count) times") }
        if archives.isEmpty { messages.append("it was never archived") }
        if archives.count > 1 { messages.append("it was archived \(archives.count) times") }
        if let close = closes.first, close.at < resolvedAt + window {
            messages.append(
                "closed \(resolvedAt + window - close.at) ms before it was due, by the shard's time"
            )
        }
        if let close = closes.first, let archive = archives.first, archive.at < close.at {
            messages.append("archived before it was closed")
        }
        if let seenClosed {
            let waited = (seenClosed - resolveBegan) / 1_000
            if waited < window - Self.aheadMillisecondsMax {
                messages.append("closed after \(waited) ms of \(window), by the harness' clock")
            }
        }
        if moves.contains(where: {
            $0.isSystem && !["close-by-timer", "archive"].contains($0.action)
        }) {
            messages.append("the coordinator did what nobody planned")
        }
        let lines =
            ["resolved at \(resolvedAt), window \(window) ms"]
            + moves.map { "\($0.at): \($0.action)\($0.isSystem ? " by the coordinator" : "")" }
        return messages.map {
            Violation(check: "timers", subject: "case \(id)", message: $0, operations: lines)
        }
    }
}
