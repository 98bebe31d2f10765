import CaseModel

/// What an id of the directory may look like.
///
/// Allowed are printable ASCII without space and the letters of some scripts, all without combining
/// marks: two different ids are then never canonically equivalent, so that `==` on strings, which
/// the shards use to compare owners, can't take one for the other. People's names go into titles.
enum IDText {
    /// Scalars, first and last; each range holds only what normalisation leaves alone or composes.
    static let ranges: [ClosedRange<UInt32>] = [
        0x21...0x7E,
        0xC0...0x17F,  // Latin-1 letters, Latin Extended-A
        0x391...0x3A1, 0x3A3...0x3A9, 0x3B1...0x3C9,  // Greek
        0x410...0x44F,  // Cyrillic
        0x4E00...0x9FFF,  // Unified ideographs
    ]

    /// Beginnings that name somebody whom the directory does not list.
    static let reservedPrefixes = ["mailto:", "tel:", "visitor:"]

    static func check(_ text: String, field: String) throws(SystemRefusal) {
        guard !text.isEmpty else { throw .invalid(field: field, reason: "is empty") }
        guard text.utf8.count <= SystemLimits.idBytesMax else {
            throw .tooLong(field: field, limit: UInt32(SystemLimits.idBytesMax))
        }
        for scalar in text.unicodeScalars
        where !ranges.contains(where: { $0.contains(scalar.value) }) {
            throw .invalid(
                field: field,
                reason: "takes letters, digits and ASCII signs without spaces or combining marks"
            )
        }
    }

    static func checkTitle(_ text: String, field: String) throws(SystemRefusal) {
        guard text.utf8.count <= SystemLimits.titleBytesMax else {
            throw .tooLong(field: field, limit: UInt32(SystemLimits.titleBytesMax))
        }
        for scalar in text.unicodeScalars where scalar.value < 0x20 || scalar.value == 0x7F {
            throw .invalid(field: field, reason: "has a control character")
        }
    }
}

/// The names of addresses, numbers, widgets and visitors: URIs in one canonical, ASCII form.
///
/// Letters fold in ASCII only; other bytes are percent-encoded (RFC 6068), because the tables of
/// Unicode change with the runtime's version and two nodes must name a sender alike.
public enum ContactURI {
    /// `mailto:anna@example.com`; nil unless the text has one `@` with something on both sides, no
    /// spaces, and fits.
    public static func mail(_ address: String) -> String? {
        var encoded: [UInt8] = []
        var atCount = 0
        for byte in address.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                encoded.append(byte | 0x20)
            case UInt8(ascii: "@"):
                guard !encoded.isEmpty, atCount == 0 else { return nil }
                atCount += 1
                encoded.append(byte)
            case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ","), UInt8(ascii: ";"),
                0...0x20, 0x7F:
                return nil
            case 0x80...0xFF, UInt8(ascii: "%"):
                encoded.append(contentsOf: percent(byte))
            default:
                encoded.append(byte)
            }
        }
        guard atCount == 1, encoded.last != UInt8(ascii: "@") else { return nil }
        return fitted("mailto:", encoded)
    }

    /// `tel:+4681234567` (E.164); nil unless the text is `+` and 5 to 15 digits, apart from spaces
    /// and `-().`.
    public static func phone(_ number: String) -> String? {
        var digits: [UInt8] = []
        var hasPlus = false
        for byte in number.utf8 {
            switch byte {
            case UInt8(ascii: "+"):
                guard digits.isEmpty, !hasPlus else { return nil }
                hasPlus = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(byte)
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "."):
                continue
            default:
                return nil
            }
        }
        guard hasPlus, (5...15).contains(digits.count), digits[0] != UInt8(ascii: "0") else {
            return nil
        }
        return fitted("tel:+", digits)
    }

    /// `visitor:3f2a…`: somebody whom a chat's own session names.
    public static func visitor(_ id: String) -> String? { opaque("visitor:", id) }

    /// `widget:shop-front`: where a chat was opened.
    public static func widget(_ id: String) -> String? { opaque("widget:", id) }

    /// The canonical form of an address with a scheme (`mailto:`, `tel:`, `widget:`, `visitor:`),
    /// or of a bare mail address or number; nil for anything else.
    public static func normalized(_ text: String) -> String? {
        if let rest = stripped("mailto:", text) { return mail(unpercented(rest) ?? rest) }
        if let rest = stripped("tel:", text) { return phone(rest) }
        if let rest = stripped("widget:", text) { return widget(unpercented(rest) ?? rest) }
        if let rest = stripped("visitor:", text) { return visitor(unpercented(rest) ?? rest) }
        return mail(text) ?? phone(text)
    }

    /// How a recipient reads on a channel: mail addresses on mail, numbers on calls, widgets on
    /// chat.
    public static func recipient(_ text: String, on channel: Channel) -> String? {
        switch channel {
        case .email: mail(stripped("mailto:", text).map { unpercented($0) ?? $0 } ?? text)
        case .call: phone(stripped("tel:", text) ?? text)
        case .chat: widget(stripped("widget:", text).map { unpercented($0) ?? $0 } ?? text)
        case .api: normalized(text)
        }
    }

    private static func opaque(_ scheme: String, _ id: String) -> String? {
        var encoded: [UInt8] = []
        for byte in id.utf8 {
            switch byte {
            case 0x21...0x24, 0x26...0x7E: encoded.append(byte)
            default: encoded.append(contentsOf: percent(byte))
            }
        }
        return encoded.isEmpty ? nil : fitted(scheme, encoded)
    }

    private static func fitted(_ scheme: String, _ bytes: [UInt8]) -> String? {
        guard scheme.utf8.count + bytes.count <= SystemLimits.idBytesMax else { return nil }
        return scheme + String(decoding: bytes, as: UTF8.self)
    }

    private static func percent(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    /// The rest after a scheme in any case; nil without it.
    private static func stripped(_ scheme: String, _ text: String) -> String? {
        let head = text.utf8.prefix(scheme.utf8.count).map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        guard head.elementsEqual(scheme.utf8) else { return nil }
        return String(decoding: text.utf8.dropFirst(scheme.utf8.count), as: UTF8.self)
    }

    /// Undoes percent-encoding; nil when the result is not UTF-8.
    private static func unpercented(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = nibble(bytes[index + 1]), let low = nibble(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
