/// Decodes header text: RFC 2047 encoded words, and raw 8-bit bytes, which mail programs send
/// regardless.
///
/// Why not the MIME library's decoder: of two adjacent base64 words in one character set it loses
/// the second if the first ends with padding, which is what long subjects look like.
enum EncodedWords {
    /// The field's value as text, words decoded.
    static func decode(_ value: [UInt8]) -> String {
        var text = ""
        for run in runs(of: value) {
            switch run {
            case .plain(let bytes): text += CharsetDecoder.decode(bytes, charset: nil)
            case .encoded(let charset, let bytes):
                text += CharsetDecoder.decode(bytes, charset: charset)
            }
        }
        return text
    }

    /// A stretch of a header value.
    enum Run: Equatable {
        /// As it stands.
        case plain([UInt8])
        /// One or more adjacent words of one character set: a character may be split over two of
        /// them.
        case encoded(charset: String, [UInt8])
    }

    /// Takes a value apart. White space between two encoded words belongs to neither and is
    /// dropped.
    static func runs(of value: [UInt8]) -> [Run] {
        let bytes = value.prefix(IntakeLimits.headerFieldBytesMax)
        var runs: [Run] = []
        var plain: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "="), let word = word(in: bytes, at: index) else {
                plain.append(bytes[index])
                index += 1
                continue
            }
            let separates = !plain.allSatisfy(ASCII.isBlank)
            if case .encoded(let charset, let decoded)? = runs.last, !separates {
                runs.removeLast()
                if charset == word.charset {
                    runs.append(.encoded(charset: charset, decoded + word.bytes))
                } else {
                    runs.append(.encoded(charset: charset, decoded))
                    runs.append(.encoded(charset: word.charset, word.bytes))
                }
            } else {
                if !plain.isEmpty { runs.append(.plain(plain)) }
                runs.append(.encoded(charset: word.charset, word.bytes))
            }
            plain = []
            index = word.end
        }
        if !plain.isEmpty { runs.append(.plain(plain)) }
        return runs
    }

    private struct Word {
        var charset: String
        var bytes: [UInt8]
        var end: Int
    }

    /// A word may have 75 characters; longer ones are sent all the same. The bound keeps the scan
    /// linear.
    private static let wordBytesMax = 2_048

    /// The word `=?charset?B?text?=` that begins at `start`, if one does.
    private static func word(in bytes: ArraySlice<UInt8>, at start: Int) -> Word? {
        let question = UInt8(ascii: "?")
        let window = bytes[start...].prefix(wordBytesMax)
        guard window.count >= 8, window[start + 1] == question,
            let afterCharset = window[(start + 2)...].prefix(64).firstIndex(of: question),
            afterCharset + 2 < window.endIndex, window[afterCharset + 2] == question
        else { return nil }
        let textStart = afterCharset + 3
        var end = textStart
        while end + 1 < window.endIndex,
            !(window[end] == question && window[end + 1] == UInt8(ascii: "="))
        {
            end += 1
        }
        guard end + 1 < window.endIndex else { return nil }
        let name = window[(start + 2)..<afterCharset].prefix { $0 != UInt8(ascii: "*") }
        guard !name.isEmpty, name.allSatisfy({ (33...126).contains($0) }) else { return nil }
        let text = window[textStart..<end]
        let decoded: [UInt8]
        switch ASCII.lowercased(window[afterCharset + 1]) {
        case UInt8(ascii: "b"): decoded = base64(text)
        case UInt8(ascii: "q"): decoded = quotedPrintable(text)
        default: return nil
        }
        let charset = String(decoding: name.map(ASCII.lowercased), as: UTF8.self)
        return Word(charset: charset, bytes: decoded, end: end + 2)
    }

    private static func base64(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte + 4
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            case UInt8(ascii: "="):
                count = 0  // Padding ends a quantum; some senders join two encoded texts here.
                continue
            default: continue
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return output
    }

    private static func quotedPrintable(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "="), index + 2 < text.endIndex,
                let high = nibble(text[index + 1]), let low = nibble(text[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(byte == UInt8(ascii: "_") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return output
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
        default: nil
        }
    }
}
