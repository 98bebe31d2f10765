/// Splits an mbox (mboxo, mboxrd) into mails while it is read, in bounded memory.
///
/// A mail begins at a line `From ...` that names a time and a year and stands at the beginning or
/// below an empty line: writers exist that don't escape `From ` in texts, and none that leave out
/// the date. One `>` is taken off lines `>From `, `>>From ` ..., which is exact for mboxrd, and
/// right for mboxo except where a text had `>From ` itself. The separator and the empty line above
/// it belong to no mail, so that a mail has the same bytes, and the same key, by whichever way it
/// comes in.
public struct MboxSplitter: Sendable {
    /// What was found.
    public enum Item: Equatable, Sendable {
        /// A mail's bytes.
        case message([UInt8])
        /// A mail that is larger than the limit, both in bytes; its bytes are not kept. `number`
        /// counts all items from 1.
        case tooLarge(number: Int, bytes: Int, limit: Int)
    }

    private let limit: Int
    private var line: [UInt8] = []
    /// The line is too long for a separator and was handed on in part.
    private var isLongLine = false
    private var message: [UInt8] = []
    private var messageBytes = 0
    private var hasBegun = false
    private var lastWasEmpty = true
    /// The empty line just read: it belongs to the mail only if no separator follows.
    private var heldLine: [UInt8] = []
    private var itemCount = 0

    /// - Parameter messageBytesMax: larger mails are reported, not kept.
    public init(messageBytesMax: Int = IntakeLimits.mailBytesMax) {
        precondition(messageBytesMax > 0)
        limit = messageBytesMax
    }

    /// Takes the next bytes of the file; gives the mails that they complete, in order.
    public mutating func append(_ chunk: some Sequence<UInt8>) -> [Item] {
        var items: [Item] = []
        for byte in chunk {
            line.append(byte)
            if byte == UInt8(ascii: "\n") {
                endLine(into: &items)
            } else if line.count >= IntakeLimits.separatorLineBytesMax {
                releaseHeldLine()
                keep(unescaped(line))
                line.removeAll(keepingCapacity: true)
                isLongLine = true
                lastWasEmpty = false
            }
        }
        assert(message.count <= limit)
        return items
    }

    /// Takes the end of the file; gives the last mail.
    public mutating func finish() -> [Item] {
        var items: [Item] = []
        if !line.isEmpty { endLine(into: &items) }
        endMessage(into: &items)
        self = MboxSplitter(messageBytesMax: limit)
        return items
    }

    private mutating func endLine(into items: inout [Item]) {
        defer { line.removeAll(keepingCapacity: true) }
        if isLongLine {
            keep(line[...])
            isLongLine = false
            return
        }
        if lastWasEmpty, isSeparator(line) {
            heldLine = []
            endMessage(into: &items)
            hasBegun = true
            lastWasEmpty = false
            return
        }
        releaseHeldLine()
        lastWasEmpty = line == [10] || line == [13, 10]
        if lastWasEmpty {
            heldLine = line
        } else {
            keep(unescaped(line))
        }
    }

    private mutating func endMessage(into items: inout [Item]) {
        // Before the first separator only what is not blank counts as a mail.
        if hasBegun || !message.allSatisfy(ASCII.isBlank) {
            itemCount += 1
            items.append(
                messageBytes > limit
                    ? .tooLarge(number: itemCount, bytes: messageBytes, limit: limit)
                    : .message(message)
            )
        }
        message = []
        messageBytes = 0
    }

    private mutating func releaseHeldLine() {
        if !heldLine.isEmpty { keep(heldLine[...]) }
        heldLine = []
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        messageBytes += bytes.count
        if messageBytes > limit {
            message = []  // From here on it is only counted.
        } else {
            message.append(contentsOf: bytes)
        }
    }

    private func unescaped(_ line: [UInt8]) -> ArraySlice<UInt8> {
        guard !isLongLine, line.first == UInt8(ascii: ">") else { return line[...] }
        let rest = line.drop { $0 == UInt8(ascii: ">") }
        return rest.starts(with: Array("From ".utf8)) ? line.dropFirst() : line[...]
    }

    private func isSeparator(_ line: [UInt8]) -> Bool {
        guard line.starts(with: Array("From ".utf8)) else { return false }
        let words = line.split { ASCII.isBlank($0) }.dropFirst()
        let hasYear = words.contains { word in
            word.count == 4 && word.allSatisfy(ASCII.isDigit)
        }
        let hasTime = words.contains { word in
            word.split(separator: UInt8(ascii: ":")).count >= 2
                && word.allSatisfy { ASCII.isDigit($0) || $0 == UInt8(ascii: ":") }
        }
        return hasYear && hasTime
    }
}
