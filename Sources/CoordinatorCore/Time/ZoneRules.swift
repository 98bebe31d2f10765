import ClusterPrimitives

/// How one zone's clocks go: a value, made from the bytes of a zone file that somebody else read.
///
/// Why not the platform's: a night's instant must not depend on what a machine's libraries think of
/// time zones; it is computed once, from these rules, and then replicated.
public struct ZoneRules: Hashable, Sendable {
    /// From `at` on, local time is `offset` ahead of UTC.
    public struct Change: Hashable, Sendable {
        /// Seconds since 1970-01-01 UTC.
        public var at: Int64
        /// Seconds east of UTC.
        public var offset: Int64

        /// Puts a change together.
        public init(at: Int64, offset: Int64) {
            self.at = at
            self.offset = offset
        }
    }

    /// Seconds that an offset may be away from UTC (RFC 8536, 3.2).
    static let offsets: ClosedRange<Int64> = -89_999...93_599

    /// Before the first change.
    let initialOffset: Int64
    /// Sorted, each later than the one before.
    let changes: [Change]
    /// After the last change; nil where the last offset stays for ever.
    let rule: PosixZone?

    /// No changes, ever.
    public static let utc = ZoneRules(initialOffset: 0, changes: [], rule: nil)

    init(initialOffset: Int64, changes: [Change], rule: PosixZone?) {
        assert(zip(changes, changes.dropFirst()).allSatisfy { $0.at < $1.at })
        assert(changes.allSatisfy { Self.offsets.contains($0.offset) })
        self.initialOffset = initialOffset
        self.changes = changes
        self.rule = rule
    }

    /// Changes that somebody wrote down; the last offset stays for ever.
    /// - Returns: nil unless the changes are in order and the offsets within a day or so.
    public init?(initialOffset: Int64, changes: [Change]) {
        guard zip(changes, changes.dropFirst()).allSatisfy({ $0.at < $1.at }),
            Self.offsets.contains(initialOffset),
            changes.allSatisfy({ Self.offsets.contains($0.offset) })
        else { return nil }
        self.init(initialOffset: initialOffset, changes: changes, rule: nil)
    }

    /// Seconds east of UTC, `seconds` after 1970-01-01 UTC.
    public func offset(at seconds: Int64) -> Int64 {
        let position = firstChange(after: seconds)
        if position == changes.count, let rule {
            let year = CivilDay(localSeconds: seconds + rule.offset).year
            let past = rule.changes(around: year).last { $0.at <= seconds }
            return past?.offset ?? rule.offset
        }
        return position == 0 ? initialOffset : changes[position - 1].offset
    }

    /// The next time that somebody has to set a clock; nil where that never happens again.
    func nextChange(after seconds: Int64) -> Change? {
        let position = firstChange(after: seconds)
        if position < changes.count { return changes[position] }
        guard let rule else { return nil }
        let year = CivilDay(localSeconds: seconds + rule.offset).year
        return rule.changes(around: year).first { $0.at > seconds }
            ?? rule.changes(around: year + 1).first { $0.at > seconds }
    }

    private func firstChange(after seconds: Int64) -> Int {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first instant at which local clocks show `localSeconds` or later.
    ///
    /// A time that the clocks skip becomes the first instant after the gap; of a time that they
    /// show twice it is the first.
    func firstInstant(atOrAfterLocal localSeconds: Int64) -> Int64 {
        // No offset reaches further: before this instant the clocks can't show it.
        var start = localSeconds - Self.offsets.upperBound - 1
        var offset = offset(at: start)
        while true {
            let candidate = max(start, localSeconds - offset)
            guard let change = nextChange(after: start), change.at <= candidate else {
                return candidate
            }
            start = change.at
            offset = change.offset
        }
    }

    /// When a day's clocks show `minute` (after midnight) for the first time, or the first instant
    /// after the gap that swallows it; nil for a day that the calendar of this zone does not have.
    func instant(of day: CivilDay, minute: Int) -> Timestamp? {
        let begin = firstInstant(atOrAfterLocal: day.localSeconds)
        guard begin + self.offset(at: begin) < day.next.localSeconds else { return nil }
        let found = firstInstant(atOrAfterLocal: day.localSeconds + Int64(minute) * 60)
        assert(found >= begin)
        return Timestamp(millisecondsSince1970: found * 1_000)
    }

    /// The day that local clocks show.
    func day(at time: Timestamp) -> CivilDay {
        let seconds = floorDivide(time.rawValue, 1_000)
        return CivilDay(localSeconds: seconds + offset(at: seconds))
    }
}
