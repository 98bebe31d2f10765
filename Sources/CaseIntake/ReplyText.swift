/// Cuts the quoted history off a reply, for readers in a hurry; the full text is kept beside it.
///
/// It cuts only where a mail program's own marks stand: quote marks, an attribution line, a header
/// block, a separator. In doubt text stays: too much is an inconvenience, too little hides what a
/// customer said.
enum ReplyText {
    /// The new part of `text`.
    ///
    /// - Parameters:
    ///   - text: a mail's whole text, lines ended by `\n`.
    ///   - isReply: the mail answers another, so that lines with `>` are quotes even without an
    ///     attribution.
    ///   - isForward: what it carries along is its content: nothing is cut.
    /// - Returns: `text` itself where nothing else would be left.
    static func newPart(of text: String, isReply: Bool, isForward: Bool) -> String {
        guard !isForward else { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var kept: [Substring] = []
        var wasCut = false
        var index = 0
        while index < lines.count {
            if History.begins(at: index, in: lines) {
                wasCut = true
                break
            }
            guard isQuoted(lines[index]) else {
                kept.append(lines[index])
                index += 1
                continue
            }
            let end =
                lines[index...].firstIndex { !isQuoted($0) && !TextHygiene.isBlank($0) }
                ?? lines.count
            let attribution = Attribution.length(atEndOf: kept)
            if isReply || attribution > 0 {
                dropAttribution(lines: attribution, from: &kept)
                wasCut = true
            } else {
                kept.append(contentsOf: lines[index..<end])
            }
            index = end
        }
        guard wasCut else { return text }
        while let last = kept.last, isRule(last) || TextHygiene.isBlank(last) { kept.removeLast() }
        let reply = TextHygiene.multiline(kept.joined(separator: "\n"))
        return TextHygiene.isBlank(reply) ? text : reply
    }

    /// `Re: ...`, as mail programs of several languages write it.
    static func isReplySubject(_ subject: String) -> Bool {
        hasPrefix(["re", "sv", "aw", "antw", "vs", "odp", "rif"], subject)
    }

    /// `Fwd: ...`.
    static func isForwardSubject(_ subject: String) -> Bool {
        hasPrefix(["fw", "fwd", "vb", "wg", "tr", "i"], subject)
    }

    private static func hasPrefix(_ prefixes: [String], _ subject: String) -> Bool {
        guard let colon = subject.firstIndex(of: ":") else { return false }
        // `Re[2]:` counts the answers.
        let word = subject[..<colon].prefix { $0.isLetter }
        let rest = subject[word.endIndex..<colon]
        return prefixes.contains(word.lowercased())
            && rest.allSatisfy { $0 == "[" || $0 == "]" || $0 == " " || $0.isNumber }
    }

    private static func isQuoted(_ line: Substring) -> Bool {
        line.first == ">" || line.hasPrefix(" >")
    }

    /// A line of dashes or underscores alone, as it stands above a header block.
    private static func isRule(_ line: Substring) -> Bool {
        let trimmed = TextHygiene.trimmed(line)
        return trimmed.utf8.count >= 3 && trimmed.allSatisfy { $0 == "_" || $0 == "-" }
    }

    private static func dropAttribution(lines count: Int, from kept: inout [Substring]) {
        guard count > 0 else { return }
        while let last = kept.last, TextHygiene.isBlank(last) { kept.removeLast() }
        kept.removeLast(count)
    }
}

/// Marks after which all the rest is history, without any quote marks.
enum History {
    static func begins(at index: Int, in lines: [Substring]) -> Bool {
        let line = TextHygiene.trimmed(lines[index])
        guard let first = line.utf8.first else { return false }
        if first == UInt8(ascii: "-") || first == UInt8(ascii: "_") {
            return isSeparator(line)
        }
        return isHeaderBlock(at: index, in: lines) || Attribution.begins(at: index, in: lines)
    }

    private static let separators: Set<String> = [
        "original message", "original meddelande", "ursprungligt meddelande", "originalmeddelande",
        "ursprüngliche nachricht", "message d'origine", "mensaje original", "opprinnelig melding",
        "oprindelig meddelelse", "alkuperäinen viesti", "oorspronkelijk bericht",
    ]

    /// `-----Original Message-----`.
    private static func isSeparator(_ line: Substring) -> Bool {
        guard line.hasPrefix("--") || line.hasPrefix("__"), line.utf8.count <= 200 else {
            return false
        }
        let words = line.drop { $0 == "-" || $0 == "_" || $0 == " " }
        var text = words.lowercased()
        while let last = text.last, last == "-" || last == "_" || last == " " { text.removeLast() }
        return separators.contains(text)
    }

    private static let fromKeys: Set<String> = [
        "from", "från", "von", "fra", "de", "van", "lähettäjä",
    ]
    private static let otherKeys: [Set<String>] = [
        [
            "sent", "date", "skickat", "datum", "gesendet", "envoyé", "sendt", "dato", "lähetetty",
            "verzonden",
        ],
        ["to", "till", "an", "à", "til", "aan", "vastaanottaja"],
        ["subject", "ämne", "betreff", "objet", "emne", "aihe", "onderwerp"],
    ]

    /// Outlook's block: `From:` with at least two of Sent, To and Subject in the lines below.
    private static func isHeaderBlock(at index: Int, in lines: [Substring]) -> Bool {
        guard let key = key(of: lines[index]), fromKeys.contains(key) else { return false }
        var found: Set<Int> = []
        for line in lines[(index + 1)...].prefix(8) {
            guard let key = self.key(of: line) else { continue }
            if let group = otherKeys.firstIndex(where: { $0.contains(key) }) { found.insert(group) }
        }
        return found.count >= 2
    }

    /// The word before the colon, in lower case; `*From:*` is how bold text comes out.
    private static func key(of line: Substring) -> String? {
        let trimmed = TextHygiene.trimmed(line).drop { $0 == "*" }
        guard let colon = trimmed.prefix(20).firstIndex(of: ":") else { return nil }
        let word = trimmed[..<colon].filter { $0 != "*" }.lowercased()
        return word.allSatisfy(\.isLetter) && !word.isEmpty ? word : nil
    }
}

/// The line that mail programs write above a quote: `On Mon, 2 Apr 2012 at 18:26, Anna wrote:`,
/// wrapped over up to `IntakeLimits.attributionLinesMax` lines.
enum Attribution {
    private static let verbs = [
        " wrote", " skrev", " schrieb", " a écrit", " escribió", " ha scritto", " написал",
        " kirjoitti",
        " schreef", " napisał",
    ]
    private static let openings = ["on ", "den ", "am ", "le ", "el ", "op ", "il "]

    /// How many of the last lines of `lines` are one; it stands above quote marks, so any
    /// language's will do: it ends with a colon and has a date, an address or a known verb.
    static func length(atEndOf lines: [Substring]) -> Int {
        guard let last = lines.lastIndex(where: { !TextHygiene.isBlank($0) }),
            lines.count - last <= 3,
            TextHygiene.trimmed(lines[last]).hasSuffix(":")
        else { return 0 }
        let first = max(0, last - IntakeLimits.attributionLinesMax + 1)
        for start in (first...last).reversed() {
            guard !TextHygiene.isBlank(lines[start]) else { break }
            guard hasDate(lines[start]) else { continue }
            let isWrapped = start > first && !opens(lines[start]) && opens(lines[start - 1])
            return last - start + (isWrapped ? 2 : 1)
        }
        return isEnding(lines[last]) ? 1 : 0
    }

    /// Whether one begins at `index` and all below it is history, though nothing is marked as a
    /// quote. Strict: a verb, a year, and a time of day or an address.
    static func begins(at index: Int, in lines: [Substring]) -> Bool {
        let line = TextHygiene.trimmed(lines[index])
        guard line.first?.isNumber == true || opens(line) else { return false }
        var joined = ""
        for (offset, next) in lines[index...].prefix(IntakeLimits.attributionLinesMax).enumerated()
        {
            guard !TextHygiene.isBlank(next), next.utf8.count <= 500 else { return false }
            joined += " " + TextHygiene.trimmed(next)
            guard joined.hasSuffix(":") else { continue }
            let lower = joined.lowercased()
            guard verbs.contains(where: lower.contains), hasYear(joined[...]),
                joined.contains("@") || hasTime(joined)
            else { return false }
            let following = lines[(index + offset + 1)...].first { !TextHygiene.isBlank($0) }
            // With quote marks below it is for `length(atEndOf:)`: an answer may follow them.
            return following?.first != ">" && following?.hasPrefix(" >") != true
        }
        return false
    }

    private static func opens(_ line: Substring) -> Bool {
        let start = TextHygiene.trimmed(line).prefix(4).lowercased()
        return openings.contains { start.hasPrefix($0) }
    }

    private static func isEnding(_ line: Substring) -> Bool {
        let lower = line.lowercased()
        return line.contains("@") || verbs.contains { lower.contains($0) }
    }

    private static func hasDate(_ line: Substring) -> Bool {
        hasYear(line) || numbers(in: line, separatedBy: ["/", ".", "-"])
    }

    /// A number of four digits from 1990 to 2099.
    private static func hasYear(_ line: Substring) -> Bool {
        line.utf8.prefix(500).split { !ASCII.isDigit($0) }.contains {
            $0.count == 4 && (1990...2099).contains(Int(String(decoding: $0, as: UTF8.self)) ?? 0)
        }
    }

    /// `18:26` or `18.26`.
    private static func hasTime(_ line: String) -> Bool {
        let bytes = Array(line.utf8.prefix(500))
        return bytes.indices.dropFirst().dropLast(2).contains {
            (bytes[$0] == UInt8(ascii: ":") || bytes[$0] == UInt8(ascii: "."))
                && ASCII.isDigit(bytes[$0 - 1]) && ASCII.isDigit(bytes[$0 + 1])
                && ASCII.isDigit(bytes[$0 + 2])
        }
    }

    /// `04/02/12`: three short numbers in a row.
    private static func numbers(in line: Substring, separatedBy separators: [Character]) -> Bool {
        line.prefix(500).split(separator: " ").contains { word in
            separators.contains { separator in
                let parts = word.split(separator: separator)
                return parts.count >= 3
                    && parts.prefix(3).allSatisfy { $0.count <= 4 && $0.allSatisfy(\.isNumber) }
            }
        }
    }
}
