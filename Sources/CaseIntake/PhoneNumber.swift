/// Brings telephone numbers into one form, so that a caller is the same requester every time.
enum PhoneNumber {
    /// E.164: `+` and 8 to 15 digits (the standard allows 15; shorter international numbers don't
    /// exist).
    ///
    /// Reads `+46 70-123 45 67`, `0046701234567`, `tel:+46701234567`, `sip:+46701234567@pbx`, and
    /// national numbers with a leading 0 where a country code is given. Nil for anything else.
    static func e164(_ text: String, countryCode: String?) -> String? {
        guard let (digits, isInternational) = digits(of: text) else { return nil }
        let number: String
        if isInternational {
            number = digits
        } else if digits.hasPrefix("00") {
            number = String(digits.dropFirst(2))
        } else if digits.hasPrefix("0"), let countryCode {
            number = countryCode + digits.dropFirst()
        } else {
            return nil
        }
        guard (8...15).contains(number.utf8.count), !number.hasPrefix("0") else { return nil }
        return "+" + number
    }

    /// An inner extension: 2 to 7 digits, as dialled; these belong to a switchboard, not to E.164.
    static func inner(_ text: String) -> String? {
        guard let (digits, isInternational) = digits(of: text), !isInternational,
            (2...7).contains(digits.utf8.count)
        else { return nil }
        return digits
    }

    /// The digits, and whether a `+` stands before them; nil if anything but usual separators is
    /// between.
    private static func digits(of text: String) -> (digits: String, isInternational: Bool)? {
        var rest = TextHygiene.trimmed(text)
        for scheme in ["tel:", "sip:", "sips:"] where rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        }
        if let at = rest.firstIndex(of: "@") { rest = rest[..<at] }
        if let parameter = rest.firstIndex(of: ";") { rest = rest[..<parameter] }
        guard rest.utf8.count <= 64 else { return nil }
        let isInternational = rest.hasPrefix("+")
        var digits: [UInt8] = []
        for byte in rest.utf8.dropFirst(isInternational ? 1 : 0) {
            if ASCII.isDigit(byte) {
                digits.append(byte)
            } else if !" -()./".utf8.contains(byte) {
                return nil
            }
        }
        guard !digits.isEmpty else { return nil }
        var number = String(decoding: digits, as: UTF8.self)
        // `+46 (0)70`: the 0 is for those who dial from inside the country.
        if isInternational, rest.contains("(0)"), let zero = number.firstIndex(of: "0") {
            number.remove(at: zero)
        }
        return (number, isInternational)
    }
}
