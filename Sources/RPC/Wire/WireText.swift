import NIOCore

/// `grpc-message`: bytes outside printable ASCII, and `%`, are written as `%` and two digits.
enum PercentText {
    static func encode(_ text: String) -> String {
        if text.utf8.allSatisfy({ isPlain($0) }) { return text }
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                encoded.append(byte)
            } else {
                encoded += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Never fails: what is no escape stays as it is, as the protocol asks.
    static func decode(_ text: String) -> String {
        guard text.utf8.contains(0x25) else { return text }
        let raw = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < raw.count {
            if raw[index] == 0x25, index + 2 < raw.count, let high = digit(raw[index + 1]),
                let low = digit(raw[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(raw[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7e).contains(byte) && byte != 0x25
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// `grpc-timeout`: one to eight digits and a unit.
enum TimeoutText {
    private static let units: [(letter: Character, nanoseconds: Int64)] = [
        ("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000),
        ("H", 3_600_000_000_000),
    ]
    /// Longer times are cut to this: ten years fit into nanoseconds with room to add.
    private static let nanosecondsMax: Int64 = 315_360_000 * 1_000_000_000

    /// Nil for anything that is not a timeout.
    static func decode(_ text: String) -> TimeAmount? {
        guard let letter = text.last, let unit = units.first(where: { $0.letter == letter }) else {
            return nil
        }
        let digits = text.dropLast()
        guard (1...8).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int64(digits)
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        return .nanoseconds(overflow ? nanosecondsMax : min(product, nanosecondsMax))
    }

    /// In the finest unit that fits eight digits, rounded up, so that the peer is never earlier.
    static func encode(_ amount: TimeAmount) -> String {
        let nanoseconds = max(0, amount.nanoseconds)
        for unit in units {
            let count = (nanoseconds + unit.nanoseconds - 1) / unit.nanoseconds
            if count <= 99_999_999 { return "\(count)\(unit.letter)" }
        }
        return "99999999H"
    }
}

/// Base64 as metadata use it: written without padding, read with or without.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                text.append(alphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { text.append(alphabet[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for a character or a length that base64 does not have.
    static func decode(_ text: Substring) -> [UInt8]? {
        var body = Array(text.utf8)
        var padding = 0
        while body.last == 0x3d, padding < 2 {
            body.removeLast()
            padding += 1
        }
        guard body.count % 4 != 1, padding == 0 || (body.count + padding) % 4 == 0 else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.count * 3 / 4)
        var bits: UInt32 = 0
        var bitCount = 0
        for letter in body {
            let value = values[Int(letter)]
            guard value != 0xff else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bytes
    }
}
