/// Cuts an mbox file into its messages while it is read; never holds more than one of them.
///
/// As Protocol/intake.md has it: a line `From …` with a time of day and a year of four digits, at
/// the beginning or below an empty line, begins a message; that empty line belongs to the cut, so
/// that a message has the same bytes by whichever way it comes in. In a text each `>From …`,
/// `>>From …` loses one `>`. A message above the limit is passed over to its end and reported with
/// its size, and so is what stands before the first separator: the rest of the file must not suffer
/// from it.
struct MboxSplitter {
    /// What was found, in the order of the file.
    enum Item: Equatable {
        /// A message's bytes.
        case message([UInt8])
        /// A message of more bytes than the limit.
        case tooLong(bytes: Int)
        /// Something before the first separator: no message, or a damaged file.
        case noSeparator
    }

    private let bytesMax: Int
    private var line: [UInt8] = []
    private var message: [UInt8] = []
    private var messageBytes = 0
    private var pendingBlank: [UInt8] = []
    private var afterBlank = true
    private var isInMessage = false
    private var isJunkNamed = false

    /// - Parameter bytesMax: the most bytes of one message.
    init(bytesMax: Int) {
        precondition(bytesMax > 0)
        self.bytesMax = bytesMax
    }

    /// Takes the next piece of the file.
    mutating func take(_ piece: some Sequence<UInt8>) -> [Item] {
        var found: [Item] = []
        for byte in piece {
            // One byte past the limit is enough to know; the rest of such a line is only counted.
            if line.count <= bytesMax { line.append(byte) } else { messageBytes += 1 }
            if byte == UInt8(ascii: "\n") { endLine(&found) }
        }
        return found
    }

    /// The end of the file.
    mutating func finish() -> [Item] {
        var found: [Item] = []
        if !line.isEmpty { endLine(&found) }
        endMessage(&found)
        return found
    }

    private mutating func endLine(_ found: inout [Item]) {
        defer { line.removeAll(keepingCapacity: true) }
        let isBlank = line == [10] || line == [13, 10]
        if afterBlank, isSeparator {
            pendingBlank = []
            endMessage(&found)
            isInMessage = true
            afterBlank = false
            return
        }
        guard isInMessage else {
            if !isBlank, !isJunkNamed {
                isJunkNamed = true
                found.append(.noSeparator)
            }
            messageBytes = 0
            afterBlank = isBlank
            return
        }
        append(pendingBlank)
        pendingBlank = []
        afterBlank = isBlank
        if isBlank {
            // Belongs to the cut if a separator follows, to the message if not.
            pendingBlank = line
        } else {
            append(isQuoted ? Array(line.dropFirst()) : line)
        }
    }

    private mutating func append(_ bytes: [UInt8]) {
        messageBytes += bytes.count
        if messageBytes <= bytesMax { message += bytes } else { message = [] }
    }

    private mutating func endMessage(_ found: inout [Item]) {
        if isInMessage {
            found.append(
                messageBytes > bytesMax ? .tooLong(bytes: messageBytes) : .message(message)
            )
        }
        message = []
        messageBytes = 0
        isInMessage = false
    }

    private var isQuoted: Bool {
        let rest = line.drop { $0 == UInt8(ascii: ">") }
        return rest.count < line.count && rest.starts(with: Self.from)
    }

    /// Writers exist that don't quote `From ` in texts, and none that leave out the date.
    private var isSeparator: Bool {
        guard line.starts(with: Self.from), line.count <= Self.separatorBytesMax else {
            return false
        }
        let words = line.split { $0 == 32 || (9...13).contains($0) }.dropFirst()
        let hasYear = words.contains { $0.count == 4 && $0.allSatisfy(Self.isDigit) }
        let hasTime = words.contains { word in
            word.split(separator: UInt8(ascii: ":")).count >= 2
                && word.allSatisfy { Self.isDigit($0) || $0 == UInt8(ascii: ":") }
        }
        return hasYear && hasTime
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static let from = Array("From ".utf8)
    /// A longer line is a text: a separator has an address of at most 320 bytes and a date.
    private static let separatorBytesMax = 1_024
}
