/// Turns HTML into text that reads well in a case: paragraphs and lists as lines, quotes with `> `,
/// links with their target. Linear in the input, whatever the input.
///
/// Why own: a case needs text, not a page. A browser's parser repairs nesting, which does not
/// matter here, and is a large attack surface for what strangers send.
struct HTMLText {
    /// The text of `html`.
    static func plain(_ html: String) -> String {
        var converter = HTMLText(Array(html.utf8))
        converter.run()
        return String(decoding: converter.output, as: UTF8.self)
    }

    /// The character set that the page's own head names.
    static func declaredCharset(in bytes: [UInt8]) -> String? {
        let head = bytes.prefix(2_048).map(ASCII.lowercased)
        let pattern = Array("charset=".utf8)
        guard head.count > pattern.count else { return nil }
        for start in 0..<(head.count - pattern.count) where head[start...].starts(with: pattern) {
            let value = head[(start + pattern.count)...]
                .drop { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") }
                .prefix { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == 45 || $0 == 95 }
            return value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    private let source: [UInt8]
    private var position = 0
    private var output: [UInt8] = []
    private var pendingLines = 0
    private var wantsSpace = false
    private var quoteDepth = 0
    private var preformattedDepth = 0
    private var link: (target: String, start: Int)?
    /// Once a search for the end of a comment or of a skipped element has failed, none can succeed.
    private var hopeless: Set<String> = []

    private init(_ source: [UInt8]) {
        self.source = source
        output.reserveCapacity(source.count / 2)
    }

    private mutating func run() {
        while position < source.count {
            switch source[position] {
            case UInt8(ascii: "<"):
                markup()
            case UInt8(ascii: "&"):
                if let (scalar, end) = HTMLEntities.reference(in: source, at: position) {
                    emit(scalar)
                    position = end
                } else {
                    emit(source[position])
                    position += 1
                }
            default:
                emit(source[position])
                position += 1
            }
        }
        closeLink()
    }

    // MARK: Markup

    private mutating func markup() {
        let rest = source[position...]
        if rest.starts(with: Array("<!--".utf8)) {
            if skip(past: "-->", from: position + 4) { return }
            // Never closed: only the mark itself is dropped, the text behind it is shown.
            position += 4
            return
        }
        guard let next = rest.dropFirst().first,
            ASCII.isLetter(next) || "/!?".utf8.contains(next)
        else {
            emit(source[position])
            position += 1
            return
        }
        guard let end = endOfTag() else {
            emit(source[position])
            position += 1
            return
        }
        let tag = source[(position + 1)..<end]
        position = end + 1
        let isClosing = tag.first == UInt8(ascii: "/")
        let name = tag.dropFirst(isClosing ? 1 : 0).prefix {
            ASCII.isLetter($0) || ASCII.isDigit($0)
        }
        element(ASCII.lowercased(String(decoding: name, as: UTF8.self)), tag, isClosing: isClosing)
    }

    /// The `>` that closes the tag at `position`; one inside quotes does not, if the quotes close.
    ///
    /// Linear over all tags: outside quotes a scan ends at the next `<`; a scan inside never-closed
    /// quotes runs to the end, and only the last quote of each of the two kinds can be never
    /// closed.
    private func endOfTag() -> Int? {
        var quote: UInt8?
        var firstBracket: Int?
        var index = position + 1
        while index < source.count {
            let byte = source[index]
            if let open = quote {
                if byte == open { quote = nil }
                if byte == UInt8(ascii: ">"), firstBracket == nil { firstBracket = index }
                // A quote that runs over a further tag was never closed.
                if byte == UInt8(ascii: "<"), firstBracket != nil { return firstBracket }
            } else if byte == UInt8(ascii: ">") {
                return index
            } else if byte == UInt8(ascii: "<") {
                return nil
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                if source[index - 1] == UInt8(ascii: "=") || ASCII.isBlank(source[index - 1]) {
                    quote = byte
                }
            }
            index += 1
        }
        return firstBracket
    }

    private mutating func element(_ name: String, _ tag: ArraySlice<UInt8>, isClosing: Bool) {
        switch name {
        case "script", "style", "title", "template":
            if !isClosing { skipElement(name) }
        case "br":
            breakLine()
        case "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "dl":
            endBlock(lines: 2)
        case "div", "tr", "section", "article", "header", "footer", "center", "form", "dt", "dd",
            "address", "body", "thead", "tbody":
            endBlock(lines: 1)
        case "li":
            endBlock(lines: 1)
            if !isClosing { emitRaw("- ") }
        case "hr":
            endBlock(lines: 1)
            emitRaw("---")
            endBlock(lines: 1)
        case "td", "th":
            wantsSpace = true
        case "blockquote":
            endBlock(lines: 1)
            quoteDepth = max(0, quoteDepth + (isClosing ? -1 : 1))
        case "pre", "textarea":
            endBlock(lines: 1)
            preformattedDepth = max(0, preformattedDepth + (isClosing ? -1 : 1))
        case "a":
            closeLink()
            if !isClosing, let target = attribute("href", of: tag) { openLink(target) }
        case "img":
            if let alternative = attribute("alt", of: tag), !TextHygiene.isBlank(alternative) {
                for scalar in "[\(alternative)]".unicodeScalars { emit(scalar) }
            }
        default:
            break
        }
    }

    private mutating func skipElement(_ name: String) {
        if skip(past: "</\(name)", from: position) {
            _ = skip(past: ">", from: position)
        }
    }

    /// Moves behind the next `mark` (in lower case); false, and no move, if there is none.
    private mutating func skip(past mark: String, from start: Int) -> Bool {
        guard !hopeless.contains(mark) else { return false }
        let pattern = Array(mark.utf8)
        var index = start
        while index + pattern.count <= source.count {
            if source[index] == pattern[0],
                pattern.indices.allSatisfy({ ASCII.lowercased(source[index + $0]) == pattern[$0] })
            {
                position = index + pattern.count
                return true
            }
            index += 1
        }
        hopeless.insert(mark)
        return false
    }

    private func attribute(_ name: String, of tag: ArraySlice<UInt8>) -> String? {
        let pattern = Array(name.utf8)
        var index = tag.startIndex
        while let start = tag[index...].firstIndex(where: ASCII.isBlank) {
            index = start + 1
            let rest = tag[index...]
            guard rest.count > pattern.count,
                rest.prefix(pattern.count).map(ASCII.lowercased) == pattern
            else { continue }
            let afterName = rest.dropFirst(pattern.count).drop(while: ASCII.isBlank)
            guard afterName.first == UInt8(ascii: "=") else { continue }
            var value = afterName.dropFirst().drop(while: ASCII.isBlank)
            if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                value = value.dropFirst().prefix { $0 != quote }
            } else {
                value = value.prefix { !ASCII.isBlank($0) }
            }
            return unescaped(Array(value))
        }
        return nil
    }

    private func unescaped(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        var run: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "&"),
                let (scalar, end) = HTMLEntities.reference(in: bytes, at: index)
            {
                text.append(contentsOf: String(decoding: run, as: UTF8.self).unicodeScalars)
                run = []
                text.append(scalar)
                index = end
            } else {
                run.append(bytes[index])
                index += 1
            }
        }
        text.append(contentsOf: String(decoding: run, as: UTF8.self).unicodeScalars)
        return String(text)
    }

    // MARK: Links

    private mutating func openLink(_ target: String) {
        let isWorthShowing =
            target.hasPrefix("http://") || target.hasPrefix("https://")
            || target.hasPrefix("mailto:")
        guard isWorthShowing, target.utf8.count <= IntakeLimits.urlBytesMax else { return }
        link = (target, output.count)
    }

    /// Writes the target behind the link's text, unless the text is the target already.
    private mutating func closeLink() {
        guard let (target, start) = link else { return }
        link = nil
        let shown = TextHygiene.trimmed(String(decoding: output[start...], as: UTF8.self))
        let plain = target.hasPrefix("mailto:") ? String(target.dropFirst(7)) : target
        guard !shown.isEmpty, !shown.contains(plain), shown + "/" != plain else { return }
        emitRaw(" <\(plain)>")
    }

    // MARK: Output

    private mutating func breakLine() {
        pendingLines = min(pendingLines + 1, 3)
        wantsSpace = false
    }

    private mutating func endBlock(lines: Int) {
        pendingLines = max(pendingLines, lines)
        wantsSpace = false
    }

    private mutating func emit(_ scalar: Unicode.Scalar) {
        if scalar == "\u{A0}" || scalar == " " || scalar == "\n" || scalar == "\t" {
            emit(UInt8(ascii: " "))
        } else if scalar != "\u{AD}" {
            emitRaw(String(scalar))
        }
    }

    private mutating func emit(_ byte: UInt8) {
        if ASCII.isBlank(byte) {
            if preformattedDepth == 0 {
                wantsSpace = true
            } else if byte == 10 {
                breakLine()
            } else if byte != 13 {
                flush()
                output.append(byte)
            }
            return
        }
        flush()
        output.append(byte)
    }

    private mutating func emitRaw(_ text: String) {
        flush()
        output.append(contentsOf: text.utf8)
    }

    /// Writes the line ends, quote marks and space that are owed before the next character.
    private mutating func flush() {
        let mark = [UInt8](
            repeating: UInt8(ascii: ">"),
            count: min(quoteDepth, IntakeLimits.quoteDepthMax)
        )
        if output.isEmpty {
            if !mark.isEmpty { output.append(contentsOf: mark + [32]) }
        } else if pendingLines > 0 {
            for line in 1...pendingLines {
                output.append(10)
                output.append(contentsOf: mark)
                if line == pendingLines, !mark.isEmpty { output.append(32) }
            }
        } else if wantsSpace, output.last != 10, output.last != 32 {
            output.append(32)
        }
        pendingLines = 0
        wantsSpace = false
    }
}
