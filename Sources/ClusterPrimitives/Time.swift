/// An instant, in milliseconds since 1970-01-01 UTC. A value that travels; nothing here reads a clock.
public struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01 UTC.
    public let rawValue: Int64

    /// Wraps milliseconds since 1970-01-01 UTC.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// Wraps milliseconds since 1970-01-01 UTC.
    public init(millisecondsSince1970: Int64) { rawValue = millisecondsSince1970 }

    /// 1970-01-01 UTC; also "never stamped".
    public static let zero = Timestamp(rawValue: 0)

    /// The far end, for "never".
    public static let distantFuture = Timestamp(rawValue: Int64.max)

    /// Orders by time.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Later by a span; sticks at the far end instead of overflowing.
    public static func + (left: Timestamp, right: TimeSpan) -> Timestamp {
        let (sum, overflow) = left.rawValue.addingReportingOverflow(right.milliseconds)
        return Timestamp(rawValue: overflow ? (right.milliseconds > 0 ? .max : .min) : sum)
    }

    /// The span from `right` to `left`.
    public static func - (left: Timestamp, right: Timestamp) -> TimeSpan {
        TimeSpan(milliseconds: left.rawValue &- right.rawValue)
    }

    /// ISO 8601 in UTC with milliseconds, by the civil-from-days algorithm (H. Hinnant).
    public var description: String {
        let dayMilliseconds: Int64 = 86_400_000
        var days = rawValue / dayMilliseconds
        var rest = rawValue % dayMilliseconds
        if rest < 0 {
            rest += dayMilliseconds
            days -= 1
        }
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthShifted + 2) / 5 + 1
        let month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let hour = rest / 3_600_000
        let minute = rest / 60_000 % 60
        let second = rest / 1_000 % 60
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2)).\(padded(rest % 1_000, 3))Z"
    }

    private func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return digits.count >= width
            ? digits : String(repeating: "0", count: width - digits.count) + digits
    }
}

/// A length of time in milliseconds, written `7d`, `10s`, `250ms`.
public struct TimeSpan: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds; negative only as a difference.
    public let milliseconds: Int64

    /// Wraps milliseconds.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// A span of whole seconds.
    public static func seconds(_ count: Int64) -> TimeSpan {
        TimeSpan(milliseconds: count * 1_000)
    }

    /// A span of days of 24 hours.
    public static func days(_ count: Int64) -> TimeSpan {
        TimeSpan(milliseconds: count * 86_400_000)
    }

    /// Orders by length.
    public static func < (left: TimeSpan, right: TimeSpan) -> Bool {
        left.milliseconds < right.milliseconds
    }

    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000),
    ]

    /// Reads `<whole number><ms|s|m|h|d>`; nil for anything else or more than 100 years.
    public init?(_ text: String) {
        let digits = text.prefix { ("0"..."9").contains($0) }
        let suffix = text.dropFirst(digits.count)
        guard let count = Int64(digits),
            let unit = Self.units.first(where: { $0.suffix == suffix })
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow, product <= 36_525 * 86_400_000 else { return nil }
        milliseconds = product
    }

    /// In the largest unit that divides it.
    public var description: String {
        for unit in ["d", "h", "m", "s"] {
            guard let size = Self.units.first(where: { $0.suffix == unit })?.milliseconds else {
                continue
            }
            if milliseconds != 0, milliseconds % size == 0 {
                return "\(milliseconds / size)\(unit)"
            }
        }
        return "\(milliseconds)ms"
    }
}
