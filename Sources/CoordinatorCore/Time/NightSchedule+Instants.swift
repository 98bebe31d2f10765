import ClusterPrimitives

extension NightSchedule {
    /// Days looked at around an instant: the day itself, its neighbours, and one that a zone may
    /// have left out.
    private static let daysAround: Int64 = 4

    /// The last night that begins after one instant and not after another; nil if there is none.
    ///
    /// Several missed nights are caught up as one: the last boundary covers what all of them would
    /// have archived.
    public func last(
        after: Timestamp,
        through: Timestamp,
        in zone: ZoneRules
    ) -> Timestamp? {
        guard after < through else { return nil }
        switch self {
        case .every(let seconds):
            let period = seconds * 1_000
            let found = floorDivide(through.rawValue, period) * period
            return found > after.rawValue ? Timestamp(rawValue: found) : nil
        case .daily(let minute):
            // One day ahead: where clocks go back over midnight, the next day's night may have
            // begun.
            var day = zone.day(at: through).next
            for _ in 0..<Self.daysAround {
                if let found = zone.instant(of: day, minute: minute), found <= through {
                    return found > after ? found : nil
                }
                day = day.previous
            }
            return nil
        }
    }

    /// The first night that begins after an instant.
    public func next(after: Timestamp, in zone: ZoneRules) -> Timestamp {
        switch self {
        case .every(let seconds):
            let period = seconds * 1_000
            return Timestamp(rawValue: (floorDivide(after.rawValue, period) + 1) * period)
        case .daily(let minute):
            var day = zone.day(at: after).previous
            while true {
                if let found = zone.instant(of: day, minute: minute), found > after { return found }
                day = day.next
            }
        }
    }
}
