import CGMime

/// Turns bytes of a named character set into text. Never fails: what can't be read becomes U+FFFD.
///
/// Mail lies about its character sets in a few well-known ways, and each is answered here: UTF-8
/// under another name, a superset under its subset's name (GBK as GB2312, windows-1252 as
/// ISO-8859-1), no name at all, a name that nobody knows.
enum CharsetDecoder {
    static func decode(_ bytes: [UInt8], charset: String?) -> String {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            return String(decoding: bytes[3...], as: UTF8.self)
        }
        let name = canonicalName(charset)
        if isWide(name) { return convert(bytes, from: name) ?? fallback(bytes) }
        let multibyte = multibyteSequences(bytes)
        switch multibyte {
        case .some(0) where !isStateful(name):
            return String(decoding: bytes, as: UTF8.self)
        case .some(let count) where count >= sequencesThatProve(name):
            return String(decoding: bytes, as: UTF8.self)
        default:
            break
        }
        if name == "utf-8" || name == "us-ascii" || name.isEmpty { return fallback(bytes) }
        return convert(bytes, from: name) ?? fallback(bytes)
    }

    /// The name that iconv knows, or the superset that its users mean.
    static func canonicalName(_ charset: String?) -> String {
        let allowed = (charset ?? "").utf8.prefix(64).filter {
            ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_")
        }
        let name = String(decoding: allowed.map(ASCII.lowercased), as: UTF8.self)
        return supersets[name] ?? name
    }

    private static let supersets: [String: String] = [
        "utf8": "utf-8", "ascii": "us-ascii", "ansix34-1968": "us-ascii", "unknown-8bit": "",
        "x-unknown": "", "default": "", "8bit": "", "iso-8859-1": "windows-1252",
        "iso8859-1": "windows-1252", "iso_8859-1": "windows-1252", "latin1": "windows-1252",
        "cp1252": "windows-1252", "cp-1252": "windows-1252", "ansi": "windows-1252",
        "iso-8859-9": "windows-1254", "iso-8859-11": "windows-874", "tis-620": "windows-874",
        "gb2312": "gb18030", "gb_2312-80": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030",
        "cp936": "gb18030", "euc-cn": "gb18030", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949",
        "euc-kr": "cp949", "euckr": "cp949", "shift_jis": "cp932", "shift-jis": "cp932",
        "sjis": "cp932", "x-sjis": "cp932", "big5": "big5-hkscs", "x-mac-roman": "macintosh",
    ]

    /// UTF-16 and UTF-32 have zero bytes in ASCII: nothing else about them holds.
    private static func isWide(_ name: String) -> Bool {
        name.hasPrefix("utf-16") || name.hasPrefix("utf-32") || name.hasPrefix("ucs-")
    }

    /// Character sets whose ASCII bytes are not ASCII.
    private static func isStateful(_ name: String) -> Bool {
        name.hasPrefix("iso-2022") || name.hasPrefix("utf-7") || name.hasPrefix("hz")
            || name.hasPrefix("ibm") || name.hasPrefix("ebcdic")
    }

    /// How many multi-byte sequences prove UTF-8 against the declared name. One, against a set of
    /// single bytes, in which they are nonsense; several where two bytes make a character, because
    /// there short words exist that are right in both (a known one has two).
    private static func sequencesThatProve(_ name: String) -> Int {
        let doubleByte = ["gb18030", "cp949", "cp932", "big5-hkscs", "euc-jp", "euc-tw", "johab"]
        return doubleByte.contains(name) ? 4 : 1
    }

    /// How many multi-byte sequences `bytes` has; nil if it is no UTF-8.
    private static func multibyteSequences(_ bytes: [UInt8]) -> Int? {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return 0 }
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        return bytes.reduce(0) { $0 + ($1 >= 0xC0 ? 1 : 0) }
    }

    /// Without a usable name: UTF-8 if it is almost that (a cut in the last character, a stray
    /// byte), else windows-1252, in which every byte is something.
    private static func fallback(_ bytes: [UInt8]) -> String {
        let high = bytes.reduce(0) { $0 + ($1 >= 0x80 ? 1 : 0) }
        let asUTF8 = String(decoding: bytes, as: UTF8.self)
        let broken = asUTF8.unicodeScalars.reduce(0) { $0 + ($1 == "\u{FFFD}" ? 1 : 0) }
        if broken * 4 <= high { return asUTF8 }
        return convert(bytes, from: "windows-1252") ?? asUTF8
    }

    /// Converts with iconv; a byte that it refuses becomes U+FFFD. Nil if iconv does not know the
    /// name.
    private static func convert(_ bytes: [UInt8], from name: String) -> String? {
        guard !name.isEmpty else { return nil }
        let converter = g_iconv_open("UTF-8", name)
        guard let converter, cgmime_iconv_is_open(converter) else { return nil }
        defer { g_iconv_close(converter) }
        // iconv takes its input as a pointer to mutable bytes but does not write there: a copy is
        // safe.
        var input = bytes
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        input.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var next: UnsafeMutablePointer<CChar>? = base.assumingMemoryBound(to: CChar.self)
            var remaining = gsize(buffer.count)
            var chunk = [CChar](repeating: 0, count: 8_192)
            while remaining > 0 {
                let before = remaining
                let produced = chunk.withUnsafeMutableBufferPointer { space -> Int in
                    var target = space.baseAddress
                    var room = gsize(space.count)
                    g_iconv(converter, &next, &remaining, &target, &room)
                    return space.count - Int(room)
                }
                output.append(contentsOf: chunk.prefix(produced).lazy.map { UInt8(bitPattern: $0) })
                if produced == 0, remaining == before {
                    // Refused or incomplete here: pass one byte, so that the loop always ends.
                    output.append(contentsOf: [0xEF, 0xBF, 0xBD])
                    next = next.map { $0 + 1 }
                    remaining -= 1
                }
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
