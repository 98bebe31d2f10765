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

/// `grpc-timeout`: one to eight digits and a unit. By bytes: it comes with every call.
enum TimeoutText {
    private static let units: [(letter: UInt8, nanoseconds: Int64)] = [
        (UInt8(ascii: "n"), 1), (UInt8(ascii: "u"), 1_000), (UInt8(ascii: "m"), 1_000_000),
        (UInt8(ascii: "S"), 1_000_000_000), (UInt8(ascii: "M"), 60_000_000_000),
        (UInt8(ascii: "H"), 3_600_000_000_000),
    ]
    /// The protocol's limit.
    private static let digitsMax = 8
    private static let countMax: Int64 = 99_999_999
    /// Digits that `encode` writes before it goes on with zeros: the peer may be a thousandth late, and calls with one
    /// time allowed mostly have one text, of which header compression leaves a byte.
    private static let significantMax: Int64 = 9_999
    /// Longer times are cut to this, sent and received: ten years fit into nanoseconds with room to add.
    private static let nanosecondsMax: Int64 = 315_360_000 * 1_000_000_000

    /// Nil for anything that is not a timeout.
    static func decode(_ text: String) -> TimeAmount? {
        var text = text
        return text.withUTF8 { bytes in
            guard let letter = bytes.last, let unit = units.first(where: { $0.letter == letter }),
                (1...digitsMax).contains(bytes.count - 1)
            else { return nil }
            var count: Int64 = 0
            for digit in bytes.dropLast() {
                guard (0x30...0x39).contains(digit) else { return nil }
                count = count * 10 + Int64(digit - 0x30)
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
            return .nanoseconds(overflow ? nanosecondsMax : min(product, nanosecondsMax))
        }
    }

    /// In the finest unit that fits, rounded up to four digits that say something, so that the peer is never earlier.
    static func encode(_ amount: TimeAmount) -> String {
        let nanoseconds = min(max(0, amount.nanoseconds), nanosecondsMax)
        for unit in units {
            var step = unit.nanoseconds
            while nanoseconds / step >= significantMax { step *= 10 }
            let count =
                (nanoseconds / step + (nanoseconds % step > 0 ? 1 : 0)) * (step / unit.nanoseconds)
            if count <= countMax { return "\(count)\(Unicode.Scalar(unit.letter))" }
        }
        preconditionFailure("ten years have fewer than eight digits of hours")
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
