import ClusterPrimitives

/// The ids that tie mails together, and the case named in a subject.
enum MailThreading {
    /// What a key that is no Message-ID begins with; a Message-ID that begins so is not believed.
    static let digestPrefix = "sha256:"

    /// The ids of a field, in order: what stands in angle brackets, else the words that have an
    /// `@`.
    static func ids(in field: [UInt8]) -> [String] {
        var ids: [String] = []
        var position = field.startIndex
        while let open = field[position...].firstIndex(of: UInt8(ascii: "<")) {
            // An id that is never closed ends with the field.
            let rest = field[(open + 1)...]
            let close = rest.firstIndex(of: UInt8(ascii: ">")) ?? field.endIndex
            if let id = normalised(field[(open + 1)..<close]) { ids.append(id) }
            position = min(close + 1, field.endIndex)
        }
        if !ids.isEmpty || field.contains(UInt8(ascii: "<")) { return ids }
        return field.split(whereSeparator: ASCII.isBlank)
            .filter { $0.contains(UInt8(ascii: "@")) }
            .compactMap(normalised)
    }

    /// A mail's own id: the first of its field, else the whole field if it is one word.
    static func messageID(in field: [UInt8]) -> String? {
        if let id = ids(in: field).first { return id }
        let words = field.split(whereSeparator: ASCII.isBlank)
        guard words.count == 1, !field.contains(UInt8(ascii: "<")), let word = words.first else {
            return nil
        }
        return normalised(word)
    }

    /// References, then In-Reply-To, then `further`, oldest first, none twice and not the mail
    /// itself. Of too many, the first (the thread's root) and the newest are kept.
    static func references(
        of headers: HeaderBlock,
        further: [String],
        excluding own: String
    ) -> [String] {
        var seen: Set<String> = [own]
        var ordered: [String] = []
        let named = (headers.all("references") + headers.all("in-reply-to")).flatMap(ids)
        for id in named + further where seen.insert(id).inserted { ordered.append(id) }
        guard ordered.count > IntakeLimits.referencesMax else { return ordered }
        return Array(ordered.prefix(1) + ordered.suffix(IntakeLimits.referencesMax - 1))
    }

    /// The case in `[Case 0123456789ABC]` or `[Ärende ...]`, anywhere in the subject; the last one
    /// that checks.
    static func caseID(in subject: String) -> CaseID? {
        var found: CaseID?
        for piece in subject.split(separator: "[").dropFirst() {
            guard let end = piece.firstIndex(of: "]") else { continue }
            let words = piece[..<end].split(whereSeparator: { $0 == " " || $0 == "#" || $0 == ":" })
            guard words.count >= 2, ["case", "ärende"].contains(words[0].lowercased()) else {
                continue
            }
            do {
                found = try CaseID(parsing: words.dropFirst().joined())
            } catch {
                continue  // Mistyped or another system's number: no hint, and no harm.
            }
        }
        return found
    }

    /// Visible ASCII only, white space from folding taken out; nil if nothing usable is left.
    private static func normalised(_ bytes: ArraySlice<UInt8>) -> String? {
        let visible = bytes.filter { !ASCII.isBlank($0) }
        guard !visible.isEmpty, visible.count <= IntakeLimits.keyBytesMax,
            visible.allSatisfy({ (33...126).contains($0) })
        else { return nil }
        let id = String(decoding: visible, as: UTF8.self)
        return id.hasPrefix(digestPrefix) ? nil : id
    }
}
