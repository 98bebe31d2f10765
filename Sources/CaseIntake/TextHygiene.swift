/// Makes text from outside safe to keep and to show, and cuts it to size where a character ends.
enum TextHygiene {
    /// Text of several lines: `\n` ends a line; other control characters, which no reader shows and
    /// stores choke on, are dropped; no white space at line ends nor blank lines around the whole.
    static func multiline(_ text: String) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count)
        var previousWasReturn = false
        for scalar in text.unicodeScalars {
            let isReturn = scalar == "\r"
            if isReturn || scalar == "\u{0C}" || scalar == "\u{2028}" || scalar == "\u{2029}" {
                endLine(&output)
            } else if scalar == "\n" {
                if !previousWasReturn { endLine(&output) }
            } else if scalar == "\t" || !isControl(scalar) {
                output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
            previousWasReturn = isReturn
        }
        while let last = output.last, isBlank(last) { output.removeLast() }
        // The first line keeps its indentation: only the blank lines before it go.
        let firstText = output.firstIndex { !isBlank($0) } ?? 0
        let start = output[..<firstText].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return String(decoding: output[start...], as: UTF8.self)
    }

    /// One line: white space runs become a space; control characters and marks that turn the
    /// direction of writing, with which a name can pretend to be another, are dropped; at most
    /// `limit` bytes.
    static func line(_ text: String, bytesMax limit: Int) -> String {
        precondition(limit > 3)
        var scalars = String.UnicodeScalarView()
        var wantsSpace = false
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                wantsSpace = !scalars.isEmpty
            } else if !isControl(scalar), !turnsDirection(scalar) {
                if wantsSpace { scalars.append(" ") }
                wantsSpace = false
                scalars.append(scalar)
            }
        }
        let line = String(scalars)
        guard line.utf8.count > limit else { return line }
        return prefix(of: line, bytesMax: limit - 3) + "…"
    }

    /// `text` itself, or its beginning with a notice of how much is left out; at most `limit`
    /// bytes.
    static func truncated(_ text: String, bytesMax limit: Int) -> String {
        let count = text.utf8.count
        guard count > limit else { return text }
        // The notice's own length varies with two numbers only: 100 bytes hold it.
        let kept = prefix(of: text, bytesMax: limit - 100)
        return kept + "\n[… \(count - kept.utf8.count) bytes left out; the raw contact has them]"
    }

    /// The longest beginning of at most `limit` bytes that ends where a scalar ends.
    static func prefix(of text: String, bytesMax limit: Int) -> String {
        let bytes = text.utf8
        guard bytes.count > limit else { return text }
        var end = bytes.index(bytes.startIndex, offsetBy: max(0, limit))
        while end > bytes.startIndex, bytes[end] & 0xC0 == 0x80 { end = bytes.index(before: end) }
        return String(text[..<end])
    }

    /// Whether there is nothing to read in it.
    static func isBlank(_ text: some StringProtocol) -> Bool {
        text.unicodeScalars.allSatisfy { isSpace($0) }
    }

    /// Without white space around, also the kinds that mail programs put into dates and quotes.
    static func trimmed(_ text: some StringProtocol) -> Substring {
        let scalars = Substring(text).unicodeScalars
        guard let first = scalars.firstIndex(where: { !isSpace($0) }),
            let last = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return Substring(scalars[first...last])
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar == "\u{200B}" || scalar == "\u{FEFF}"
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
    }

    private static func endLine(_ output: inout [UInt8]) {
        while let last = output.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
            output.removeLast()
        }
        output.append(UInt8(ascii: "\n"))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar == "\u{FEFF}"
    }

    private static func turnsDirection(_ scalar: Unicode.Scalar) -> Bool {
        (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }
}
