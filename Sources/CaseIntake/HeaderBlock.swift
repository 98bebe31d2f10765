/// The header fields at the head of a mail, read with all the tolerance that real mail needs.
///
/// Why not the MIME library's own list: it ends the block at the first line that is no field, so
/// that one broken line hides a From below it. Here such a line is passed over.
struct HeaderBlock: Equatable, Sendable {
    /// A field: the name in lower case, the value as it came, still folded and encoded.
    struct Field: Equatable, Sendable {
        let name: String
        let value: [UInt8]
    }

    private(set) var fields: [Field] = []
    /// Where the body begins.
    private(set) var bodyStart = 0
    /// Fields that were left out for their number or size.
    private(set) var omittedCount = 0

    /// The names that are read; the limit on fields in number never leaves these out.
    private static let essential: Set<String> = [
        "from", "sender", "reply-to", "return-path", "to", "cc", "delivered-to", "x-original-to",
        "subject", "date", "message-id", "in-reply-to", "references", "content-type",
        "content-transfer-encoding", "content-disposition", "auto-submitted", "precedence",
    ]

    /// Reads the block at the head of `message`: it ends at the first empty line, or with the
    /// bytes.
    init(parsing message: [UInt8]) {
        var lines = LineCursor(message)
        lines.skipPreamble()
        var name: String?
        var value: [UInt8] = []
        while let line = lines.next() {
            if line.isEmpty { break }
            if line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t") {
                if value.count + line.count <= IntakeLimits.headerFieldBytesMax {
                    value.append(UInt8(ascii: " "))
                    value.append(contentsOf: line)
                }
                continue
            }
            guard let colon = Self.endOfName(in: line) else { continue }
            if let name { keep(name, value) }
            name = Self.lowercased(line[line.startIndex..<colon])
            value = Array(line[(colon + 1)...].prefix(IntakeLimits.headerFieldBytesMax))
            while name?.last == " " || name?.last == "\t" { name?.removeLast() }
        }
        if let name { keep(name, value) }
        bodyStart = lines.position
        assert(bodyStart <= message.count)
    }

    /// The first field of this name (in lower case).
    func first(_ name: String) -> [UInt8]? {
        assert(name == name.lowercased())
        return fields.first { $0.name == name }?.value
    }

    /// Every field of this name, in order.
    func all(_ name: String) -> [[UInt8]] {
        assert(name == name.lowercased())
        return fields.compactMap { $0.name == name ? $0.value : nil }
    }

    /// The first field of this name as one line of lower-case text: for keywords, not for people.
    func keyword(_ name: String) -> String? {
        first(name).map { TextHygiene.trimmed(Self.lowercased($0[...])).description }
    }

    private mutating func keep(_ name: String, _ value: [UInt8]) {
        let isNeeded = Self.essential.contains(name) && first(name) == nil
        guard fields.count < IntakeLimits.headerFieldsMax || isNeeded else {
            omittedCount += 1
            return
        }
        fields.append(Field(name: name, value: value))
    }

    /// Where the name ends, if the line is a field at all: printable ASCII up to a colon; a blank
    /// before the colon is an old habit.
    private static func endOfName(in line: ArraySlice<UInt8>) -> Int? {
        guard let colon = line.prefix(200).firstIndex(of: UInt8(ascii: ":")),
            colon > line.startIndex
        else { return nil }
        var end = colon
        while end > line.startIndex, line[end - 1] == UInt8(ascii: " ") { end -= 1 }
        guard end > line.startIndex,
            line[line.startIndex..<end].allSatisfy({ (33...126).contains($0) })
        else { return nil }
        return colon
    }

    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map(ASCII.lowercased), as: UTF8.self)
    }
}

/// Walks over lines that end with LF, CRLF, or a CR alone at the very end.
struct LineCursor {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Passes what stands before the first field: a byte-order mark, blank lines, an mbox
    /// separator.
    mutating func skipPreamble() {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        while position < bytes.count, bytes[position] == 10 || bytes[position] == 13 {
            position += 1
        }
        let rest = bytes[position...]
        if rest.starts(with: Array("From ".utf8)) || rest.starts(with: Array(">From ".utf8)) {
            _ = next()
        }
    }

    /// The next line without its end; nil after the last.
    mutating func next() -> ArraySlice<UInt8>? {
        guard position < bytes.count else { return nil }
        let start = position
        let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
        position = min(end + 1, bytes.count)
        let hasReturn = end > start && bytes[end - 1] == 13
        return bytes[start..<(hasReturn ? end - 1 : end)]
    }
}

/// What of ASCII the parsers need, without a locale.
enum ASCII {
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 32 : byte
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 32 || byte == 9 || byte == 10 || byte == 13
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lowercased(byte))
    }

    /// `text` with A...Z made small; other letters stay.
    static func lowercased(_ text: some StringProtocol) -> String {
        String(decoding: text.utf8.map(lowercased), as: UTF8.self)
    }
}
