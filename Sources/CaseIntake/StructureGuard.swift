/// Refuses to take apart what would cost the MIME library far more than it has bytes.
///
/// Each boundary becomes an object of some KiB, each header field of a part one of some hundred
/// bytes, each group within a group of addresses a stack frame. A body that has more of them than
/// real mail has is shown as it stands; no sender is refused for it.
struct StructureGuard {
    /// Whether `body` can be given to the MIME library.
    static func isAffordable(_ body: ArraySlice<UInt8>) -> Bool {
        var guardian = StructureGuard()
        var position = body.startIndex
        while position < body.endIndex {
            let end = body[position...].firstIndex(of: UInt8(ascii: "\n")) ?? body.endIndex
            guardian.note(body[position..<end])
            guard guardian.isWithinLimits else { return false }
            position = end + 1
        }
        return true
    }

    private var boundaryLines = 0
    private var headerLikeLines = 0
    /// Of the field, folded over lines, that is being read; nil outside those that are interpreted.
    private var field: (bytes: Int, colons: Int)?

    /// What the MIME library does not merely keep but takes apart.
    private static let interpreted: Set<String> = [
        "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender",
        "resent-reply-to", "resent-to", "resent-cc", "resent-bcc", "date", "subject",
        "message-id", "references", "in-reply-to", "content-type", "content-disposition",
        "content-id", "content-transfer-encoding", "autocrypt", "autocrypt-gossip",
    ]

    private var isWithinLimits: Bool {
        boundaryLines <= IntakeLimits.boundaryLinesMax
            && headerLikeLines <= IntakeLimits.headerLikeLinesMax
            && (field?.bytes ?? 0) <= IntakeLimits.headerFieldBytesMax
            && (field?.colons ?? 0) <= IntakeLimits.partFieldColonsMax
    }

    private mutating func note(_ line: ArraySlice<UInt8>) {
        if let first = line.first, Self.isSpace(first) {
            if let open = field { field = Self.added(line, to: open) }
            return
        }
        field = nil
        if line.starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-")]) {
            boundaryLines += 1
        } else if let name = Self.fieldName(of: line) {
            headerLikeLines += 1
            if Self.interpreted.contains(name) { field = Self.added(line, to: (0, 0)) }
        }
    }

    private static func added(
        _ line: ArraySlice<UInt8>,
        to field: (bytes: Int, colons: Int)
    ) -> (bytes: Int, colons: Int) {
        let colons = line.reduce(0) { $0 + ($1 == UInt8(ascii: ":") ? 1 : 0) }
        return (field.bytes + line.count, field.colons + colons)
    }

    /// In lower case; empty for a name too long to be one that is interpreted; nil if it is no
    /// field.
    private static func fieldName(of line: ArraySlice<UInt8>) -> String? {
        var end = line.startIndex
        while end < line.endIndex, line[end] != UInt8(ascii: ":") {
            if isSpace(line[end]) {
                guard isBlankBeforeColon(line[end...]) else { return nil }
            } else if line[end] < 32 || line[end] >= 127 {
                return nil
            }
            end += 1
        }
        guard end < line.endIndex else { return nil }
        guard end - line.startIndex <= 40 else { return "" }
        let name = line[line.startIndex..<end].filter { !isSpace($0) }
        return String(decoding: name.map(ASCII.lowercased), as: UTF8.self)
    }

    private static func isBlankBeforeColon(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.prefix(8).first { !isSpace($0) } == UInt8(ascii: ":")
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}
