/// A day of the proleptic Gregorian calendar, by its number: 0 is 1970-01-01.
///
/// Source of the arithmetic: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
struct CivilDay: Hashable, Comparable, Sendable {
    static let seconds: Int64 = 86_400

    var number: Int64

    init(number: Int64) { self.number = number }

    init(year: Int64, month: Int64, day: Int64) {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        number = era * 146_097 + dayOfEra - 719_468
    }

    /// The day that holds a count of local seconds since 1970-01-01 00:00.
    init(localSeconds: Int64) { number = floorDivide(localSeconds, Self.seconds) }

    /// 00:00, in local seconds since 1970-01-01 00:00.
    var localSeconds: Int64 { number * Self.seconds }

    var next: CivilDay { CivilDay(number: number + 1) }
    var previous: CivilDay { CivilDay(number: number - 1) }

    /// 0 for Sunday.
    var weekday: Int64 { floorRemainder(number + 4, 7) }

    var year: Int64 {
        let shifted = number + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // The shifted year begins in March: day 306 of it is 1 January.
        return yearOfEra + era * 400 + (dayOfYear >= 306 ? 1 : 0)
    }

    static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    static func < (left: CivilDay, right: CivilDay) -> Bool { left.number < right.number }
}

/// Rounds towards the past, also before 1970.
func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

/// Never negative for a positive divisor.
func floorRemainder(_ value: Int64, _ divisor: Int64) -> Int64 {
    value - floorDivide(value, divisor) * divisor
}
