import CaseClient

// How a history looks.

extension CaseEntry {
    var json: JSONValue {
        .object([
            .init("number", .unsigned(number)),
            .init("version", .unsigned(version)),
            .init("kind", .string(kind.label)),
            .init("at", Times.json(at)),
            .init("actor", .optional(actor)),
            .init("role", .optional(role.label)),
            .init("action", .optional(action)),
            .init("staff_only", .bool(staffOnly)),
            .init("text", .string(text)),
            .init("field", .optional(field)),
            .init("from", .optional(from)),
            .init("to", .optional(to)),
            .init("attachments", .array(attachments.map(\.json))),
            .init("interaction", NamedValues.pairs(interaction)),
            .init("has_raw", .bool(hasRaw_p)),
        ])
    }

    /// The action that moved the case, or else what kind of entry it is.
    var title: String {
        (action.isEmpty ? kind.label : action) + (staffOnly ? " (staff)" : "")
    }

    /// What happened, in a line.
    var summary: String {
        var parts: [String] = []
        if !field.isEmpty { parts.append(field) }
        if !from.isEmpty || !to.isEmpty {
            parts.append("\(from.isEmpty ? "-" : from) → \(to.isEmpty ? "-" : to)")
        }
        if !text.isEmpty { parts.append(text) }
        if !attachments.isEmpty {
            parts.append("[\(attachments.map(\.fileName).joined(separator: ", "))]")
        }
        return parts.joined(separator: "  ")
    }
}

extension CaseAttachment {
    var json: JSONValue {
        .object([
            .init("file_name", .string(fileName)),
            .init("media_type", .string(mediaType)),
            .init("bytes", .unsigned(byteCount)),
            .init("sha256", .string(Hexadecimal.text(sha256))),
        ])
    }
}

/// Bytes as digits.
enum Hexadecimal {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
