import ClusterPrimitives

/// The rule for all years to come that stands at the end of a zone file: POSIX's TZ text, with the
/// hours from -167 to 167 that RFC 8536 (3.3.1) adds.
struct PosixZone: Hashable, Sendable {
    /// When in a year one of the two changes happens.
    enum Day: Hashable, Sendable {
        /// `Jn`: day 1...365, 29 February not counted.
        case julian(Int64)
        /// `n`: day 0...365, 29 February counted.
        case zeroBased(Int64)
        /// `Mm.w.d`: weekday `d` (0 is Sunday) of week `w` (5 is the last) of the month.
        case monthly(month: Int64, week: Int64, weekday: Int64)
    }

    struct Change: Hashable, Sendable {
        var day: Day
        /// Local seconds after that day's 00:00.
        var seconds: Int64
    }

    struct Summer: Hashable, Sendable {
        /// Seconds east of UTC.
        var offset: Int64
        var start: Change
        var end: Change
    }

    /// Seconds east of UTC.
    var offset: Int64
    /// Nil where the clock never changes.
    var summer: Summer?

    /// Both changes of a year, in the order in which they happen.
    func changes(in year: Int64) -> [ZoneRules.Change] {
        guard let summer else { return [] }
        let start = ZoneRules.Change(
            at: summer.start.localSeconds(in: year) - offset,
            offset: summer.offset
        )
        let end = ZoneRules.Change(
            at: summer.end.localSeconds(in: year) - summer.offset,
            offset: offset
        )
        return start.at <= end.at ? [start, end] : [end, start]
    }

    /// The changes of a year and its neighbours: enough to know the offset all through the year.
    func changes(around year: Int64) -> [ZoneRules.Change] {
        // The sort is stable: where one year's end meets the next year's start, the start counts.
        (year - 1...year + 1).flatMap { changes(in: $0) }.sorted { $0.at < $1.at }
    }
}

extension PosixZone.Change {
    func localSeconds(in year: Int64) -> Int64 { day.date(in: year).localSeconds + seconds }
}

extension PosixZone.Day {
    func date(in year: Int64) -> CivilDay {
        let first = CivilDay(year: year, month: 1, day: 1)
        switch self {
        case .julian(let number):
            let leap: Int64 = CivilDay.isLeap(year) && number >= 60 ? 1 : 0
            return CivilDay(number: first.number + number - 1 + leap)
        case .zeroBased(let number):
            return CivilDay(number: first.number + number)
        case .monthly(let month, let week, let weekday):
            let start = CivilDay(year: year, month: month, day: 1)
            let next =
                month == 12
                ? CivilDay(year: year + 1, month: 1, day: 1)
                : CivilDay(year: year, month: month + 1, day: 1)
            let ahead = floorRemainder(weekday - start.weekday, 7)
            var date = start.number + ahead + (week - 1) * 7
            while date >= next.number { date -= 7 }
            assert(date >= start.number)
            return CivilDay(number: date)
        }
    }
}

extension PosixZone {
    /// Reads `CET-1CEST,M3.5.0,M10.5.0/3` and the like.
    init(parsing text: [UInt8]) throws(DecodingFault) {
        var scanner = Scanner(text: text)
        try scanner.name()
        let offset = -(try scanner.time(hoursMax: 24))
        guard !scanner.isAtEnd else {
            self.init(offset: offset, summer: nil)
            return
        }
        try scanner.name()
        let summerOffset =
            scanner.peek == UInt8(ascii: ",")
            ? offset + 3_600 : -(try scanner.time(hoursMax: 24))
        let start = try scanner.change()
        let end = try scanner.change()
        guard scanner.isAtEnd else { throw scanner.fault("a zone's rule goes on after its end") }
        self.init(
            offset: offset,
            summer: Summer(offset: summerOffset, start: start, end: end)
        )
    }

    private struct Scanner {
        let text: [UInt8]
        var place = 0

        var isAtEnd: Bool { place == text.count }
        var peek: UInt8? { place < text.count ? text[place] : nil }

        func fault(_ reason: String) -> DecodingFault {
            DecodingFault(offset: place, reason: reason)
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            place += 1
            return true
        }

        /// `CET`, or anything between `<` and `>`.
        mutating func name() throws(DecodingFault) {
            let start = place
            if take(UInt8(ascii: "<")) {
                while let byte = peek, byte != UInt8(ascii: ">") { place += 1 }
                guard take(UInt8(ascii: ">")) else { throw fault("a zone's name has no end") }
            } else {
                while let byte = peek, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                {
                    place += 1
                }
            }
            guard place - start >= 3 else { throw fault("a zone's name was expected") }
        }

        mutating func number(max: Int64) throws(DecodingFault) -> Int64 {
            let start = place
            var value: Int64 = 0
            while let byte = peek, (0x30...0x39).contains(byte) {
                value = value * 10 + Int64(byte - 0x30)
                guard value <= max else { throw fault("a number above \(max)") }
                place += 1
            }
            guard place > start else { throw fault("a number was expected") }
            return value
        }

        /// `[+-]hh[:mm[:ss]]`, in seconds.
        mutating func time(hoursMax: Int64) throws(DecodingFault) -> Int64 {
            let sign: Int64 = take(UInt8(ascii: "-")) ? -1 : 1
            if sign > 0 { _ = take(UInt8(ascii: "+")) }
            var seconds = try number(max: hoursMax) * 3_600
            if take(UInt8(ascii: ":")) {
                seconds += try number(max: 59) * 60
                if take(UInt8(ascii: ":")) { seconds += try number(max: 59) }
            }
            return sign * seconds
        }

        /// `,day[/time]`.
        mutating func change() throws(DecodingFault) -> Change {
            guard take(UInt8(ascii: ",")) else { throw fault("a rule's date was expected") }
            let day = try day()
            let seconds = take(UInt8(ascii: "/")) ? try time(hoursMax: 167) : 7_200
            return Change(day: day, seconds: seconds)
        }

        private mutating func day() throws(DecodingFault) -> Day {
            if take(UInt8(ascii: "J")) {
                let number = try number(max: 365)
                guard number >= 1 else { throw fault("day 0 of a count from 1") }
                return .julian(number)
            }
            guard take(UInt8(ascii: "M")) else { return .zeroBased(try number(max: 365)) }
            let month = try number(max: 12)
            guard take(UInt8(ascii: ".")) else { throw fault("a week was expected") }
            let week = try number(max: 5)
            guard take(UInt8(ascii: ".")) else { throw fault("a weekday was expected") }
            let weekday = try number(max: 6)
            guard month >= 1, week >= 1 else { throw fault("month or week 0") }
            return .monthly(month: month, week: week, weekday: weekday)
        }
    }
}
