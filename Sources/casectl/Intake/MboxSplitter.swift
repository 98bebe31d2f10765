/// Cuts an mbox file into its messages while it is read; never holds more than one of them.
///
/// The `mboxrd` form: a line `From …` at the start or after an empty line begins a message, the
/// empty line before it belongs to the cut, and in a message's text each `>From …`, `>>From …`
/// loses one `>`. A message above the limit is passed over to its end and reported with its size:
/// the rest of the file must not suffer from it. Lines end with LF or CRLF and keep their ends.
struct MboxSplitter {
    /// What was found, in the order of the file.
    enum Item: Equatable {
        /// A message's bytes.
        case message([UInt8])
        /// A message of more bytes than the limit.
        case tooLong(bytes: Int)
        /// Bytes before the first `From ` line: the file is no mbox.
        case notMbox
    }

    private let bytesMax: Int
    private var line: [UInt8] = []
    private var message: [UInt8] = []
    private var messageBytes = 0
    private var pendingBlank: [UInt8] = []
    private var afterBlank = true
    private var isInMessage = false
    private var isBroken = false

    /// - Parameter bytesMax: the most bytes of one message.
    init(bytesMax: Int) {
        precondition(bytesMax > 0)
        self.bytesMax = bytesMax
    }

    /// Takes the next piece of the file.
    mutating func take(_ piece: some Sequence<UInt8>) -> [Item] {
        var found: [Item] = []
        for byte in piece where !isBroken {
            // One byte past the limit is enough to know; the rest of such a line is only counted.
            if line.count <= bytesMax { line.append(byte) } else { messageBytes += 1 }
            if byte == UInt8(ascii: "\n") { endLine(&found) }
        }
        return found
    }

    /// The end of the file.
    mutating func finish() -> [Item] {
        var found: [Item] = []
        if !line.isEmpty, !isBroken { endLine(&found) }
        endMessage(&found)
        return found
    }

    private mutating func endLine(_ found: inout [Item]) {
        defer { line.removeAll(keepingCapacity: true) }
        let isBlank = line == [10] || line == [13, 10]
        if afterBlank, line.starts(with: Self.separator) {
            pendingBlank = []
            endMessage(&found)
            isInMessage = true
            afterBlank = false
            return
        }
        guard isInMessage else {
            if !isBlank {
                isBroken = true
                found.append(.notMbox)
            }
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
        return rest.count < line.count && rest.starts(with: Self.separator)
    }

    private static let separator = Array("From ".utf8)
}
