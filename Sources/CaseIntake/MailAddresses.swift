import CGMime

/// Reads address fields, as broken as they come.
enum MailAddresses {
    /// A name, if the field gives one, and an address as written.
    struct Mailbox: Equatable {
        var name: String
        var address: String
    }

    /// The mailboxes of a field, groups opened, at most `IntakeLimits.recipientsMax`.
    static func mailboxes(in field: [UInt8]) -> [Mailbox] {
        let prepared = withWordsDecoded(field)
        let parsed = parse(prepared)
        if parsed.contains(where: { $0.address.contains("@") }) { return parsed }
        return scan(prepared) ?? parsed
    }

    /// The address as a value that equals others: lower case, without white space; nil if it is
    /// none.
    static func normalised(_ address: String, needsDomain: Bool) -> String? {
        let bytes = address.utf8.filter { !ASCII.isBlank($0) && $0 >= 32 && $0 != 127 }
        let value = String(decoding: bytes.map(ASCII.lowercased), as: UTF8.self)
        guard !value.isEmpty, value.utf8.count <= IntakeLimits.nameBytesMax else { return nil }
        guard value.unicodeScalars.contains(where: { $0 != "@" && $0 != "." && $0 != "\u{FFFD}" })
        else { return nil }
        guard let at = value.lastIndex(of: "@") else { return needsDomain ? nil : value }
        let domain = value[value.index(after: at)...]
        return at > value.startIndex && !domain.isEmpty ? value : nil
    }

    /// The field with its encoded words written as quoted UTF-8, so that a comma inside a name
    /// stays inside it, and raw 8-bit bytes as UTF-8.
    static func withWordsDecoded(_ field: [UInt8]) -> String {
        var output = ""
        var isQuoted = false
        for run in EncodedWords.runs(of: field) {
            switch run {
            case .plain(let bytes):
                for byte in bytes where byte == UInt8(ascii: "\"") { isQuoted.toggle() }
                output += CharsetDecoder.decode(bytes, charset: nil)
            case .encoded(let charset, let bytes):
                let text = CharsetDecoder.decode(bytes, charset: charset)
                let escaped = TextHygiene.line(text, bytesMax: IntakeLimits.headerWordBytesMax)
                    .flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }
                output += isQuoted ? String(escaped) : "\"" + String(escaped) + "\""
            }
        }
        return output
    }

    private static func parse(_ text: String) -> [Mailbox] {
        MIMEReader.initialize
        guard let list = internet_address_list_parse(nil, withoutTraps(text)) else { return [] }
        defer { cgmime_unref(list) }
        var found: [Mailbox] = []
        collect(list, depth: 0, into: &found)
        return found
    }

    /// Without zero bytes, which would end the text, and with few colons: each can open a group
    /// within the last one, and the MIME library takes a stack frame for each.
    private static func withoutTraps(_ text: String) -> String {
        var colons = 0
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 where byte != 0 {
            if byte == UInt8(ascii: ":") { colons += 1 }
            let isSurplus = byte == UInt8(ascii: ":") && colons > IntakeLimits.addressColonsMax
            bytes.append(isSurplus ? UInt8(ascii: " ") : byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func collect(
        _ list: UnsafeMutablePointer<InternetAddressList>,
        depth: Int,
        into found: inout [Mailbox]
    ) {
        // Groups don't nest by the standard; the bound is for senders who don't know that.
        guard depth < 4 else { return }
        for index in 0..<max(0, internet_address_list_length(list)) {
            guard found.count < IntakeLimits.recipientsMax,
                let address = internet_address_list_get_address(list, index)
            else { return }
            if let group = cgmime_as_group(address) {
                guard let members = internet_address_group_get_members(group) else { continue }
                collect(members, depth: depth + 1, into: &found)
            } else if let mailbox = cgmime_as_mailbox(address),
                let value = internet_address_mailbox_get_addr(mailbox)
            {
                let name = internet_address_get_name(address).map { String(cString: $0) } ?? ""
                found.append(Mailbox(name: name, address: String(cString: value)))
            }
        }
    }

    /// Last resort: the first thing with an `@` in it is the address, what stands before it the
    /// name.
    private static func scan(_ text: String) -> [Mailbox]? {
        let bytes = Array(text.utf8)
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else { return nil }
        var start = at
        while start > 0, isAddressByte(bytes[start - 1]) { start -= 1 }
        var end = at + 1
        while end < bytes.count, isAddressByte(bytes[end]) { end += 1 }
        guard start < at, end > at + 1 else { return nil }
        let before = String(decoding: bytes[..<start], as: UTF8.self)
        let name = before.filter { !"<>\"'[](),;:".contains($0) }
        let isScheme = ASCII.lowercased(TextHygiene.trimmed(name)).hasSuffix("mailto")
        return [
            Mailbox(
                name: isScheme ? "" : name,
                address: String(decoding: bytes[start..<end], as: UTF8.self)
            )
        ]
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        byte > 32 && byte != 127 && !"<>\"'[](),;:@\\".utf8.contains(byte)
    }
}
