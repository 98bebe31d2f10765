import ClusterPrimitives

/// Reads dates without locale, time zone data or clock: the same text is the same instant
/// everywhere.
enum InstantReader {
    /// A mail's date (RFC 5322 with its obsolete forms, and what else is common): `Mon, 2 Apr 2012
    /// 18:22:10 +0400 (MSK)`. Without a zone it is taken as UTC. Nil if it can't be read.
    static func mailDate(_ text: String) -> Timestamp? {
        if let instant = iso8601(TextHygiene.trimmed(text).description) { return instant }
        var day: Int64?
        var month: Int64?
        var year: Int64?
        var time: Int64?
        var zone: Int64?
        for token in tokens(of: text) {
            if token.contains(":"), time == nil, !token.hasPrefix("+"), !token.hasPrefix("-") {
                guard let seconds = timeOfDay(token) else { return nil }
                time = seconds
            } else if token.hasPrefix("+") || token.hasPrefix("-"), time != nil {
                zone = zone ?? offset(token)
            } else if let number = Int64(token), number >= 0 {
                if day == nil, token.utf8.count <= 2 {
                    day = number
                } else if year == nil {
                    year = fullYear(number, digits: token.utf8.count)
                }
            } else if month == nil, let index = monthIndex(token) {
                month = index
            } else if time != nil, zone == nil {
                zone = namedZones[token]
            }
        }
        guard let day, let month, let year, let time else { return nil }
        return instant(year, month, day, seconds: time, milliseconds: 0, offset: zone ?? 0)
    }

    /// `2026-03-02T08:15:30Z`, with a fraction or an offset if wanted. The zone is needed.
    static func iso8601(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == 45, bytes[7] == 45,
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t") || bytes[10] == 32,
            bytes[13] == 58, bytes[16] == 58,
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        var milliseconds: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix(while: ASCII.isDigit)
            guard !digits.isEmpty, digits.count <= 9 else { return nil }
            let padded = (Array(digits) + [48, 48]).prefix(3)
            milliseconds = number(padded) ?? 0
            rest = rest.dropFirst(1 + digits.count)
        }
        let zoneText = String(decoding: rest, as: UTF8.self)
        guard let zone = zoneText == "Z" || zoneText == "z" ? 0 : offset(zoneText) else {
            return nil
        }
        let seconds = hour * 3_600 + minute * 60 + min(second, 59)
        return instant(year, month, day, seconds: seconds, milliseconds: milliseconds, offset: zone)
    }

    /// Lower-case words, without comments and commas.
    private static func tokens(of text: String) -> [String] {
        var tokens: [String] = []
        var current: [UInt8] = []
        var depth = 0
        for byte in text.utf8.prefix(200) {
            if byte == UInt8(ascii: "(") { depth += 1 }
            if byte == UInt8(ascii: ")"), depth > 0 { depth -= 1 }
            let ends =
                ASCII.isBlank(byte) || byte == UInt8(ascii: ",")
                || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
            // `2-Apr-2012`: hyphens separate a date, but a zone begins with one.
            let separates = byte == UInt8(ascii: "-") && !current.isEmpty
            if depth == 0, !ends, !separates {
                current.append(ASCII.lowercased(byte))
            } else if !current.isEmpty {
                tokens.append(String(decoding: current, as: UTF8.self))
                current = []
            }
        }
        if !current.isEmpty { tokens.append(String(decoding: current, as: UTF8.self)) }
        return tokens
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    private static func monthIndex(_ token: String) -> Int64? {
        months.firstIndex { token.hasPrefix($0) }.map { Int64($0) + 1 }
    }

    /// Obsolete names, in seconds east of Greenwich (RFC 5322, 4.3); others say nothing.
    private static let namedZones: [String: Int64] = [
        "ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -18_000, "edt": -14_400, "cst": -21_600,
        "cdt": -18_000, "mst": -25_200, "mdt": -21_600, "pst": -28_800, "pdt": -25_200,
        "cet": 3_600, "cest": 7_200, "eet": 7_200, "eest": 10_800,
    ]

    private static func fullYear(_ number: Int64, digits: Int) -> Int64 {
        if digits >= 4 { return number }
        return number < 50 ? 2_000 + number : 1_900 + number
    }

    private static func timeOfDay(_ token: String) -> Int64? {
        let parts = token.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = Int64(parts[0]),
            let minute = Int64(parts[1]),
            (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        guard parts.count == 3 else { return hour * 3_600 + minute * 60 }
        guard let second = Int64(parts[2].prefix { $0 != "." }), (0...60).contains(second) else {
            return nil
        }
        return hour * 3_600 + minute * 60 + min(second, 59)
    }

    /// `+0200`, `-05:00`, in seconds.
    private static func offset(_ text: String) -> Int64? {
        let digits = text.utf8.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard let sign = text.utf8.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            digits.count == 4, let value = number(digits[...]), value % 100 < 60, value < 2_400
        else { return nil }
        let seconds = value / 100 * 3_600 + value % 100 * 60
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy(ASCII.isDigit) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    /// Days from civil (H. Hinnant), 1970...9999.
    private static func instant(
        _ year: Int64,
        _ month: Int64,
        _ day: Int64,
        seconds: Int64,
        milliseconds: Int64,
        offset: Int64
    ) -> Timestamp? {
        guard (1970...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= daysIn(month: month, year: year)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let monthShifted = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthShifted + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Timestamp(
            millisecondsSince1970: (days * 86_400 + seconds - offset) * 1_000 + milliseconds
        )
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
