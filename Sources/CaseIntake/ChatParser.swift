import ClusterPrimitives

/// Reads a web chat's transcript (JSON; `Protocol/intake.md` has the form) into a contact. A pure
/// function of the bytes; safe on any thread.
public enum ChatParser {
    /// Reads one transcript.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 JSON, at most `IntakeLimits.recordBytesMax`.
    ///   - countryCode: for the visitor's national telephone number, digits only, such as `46`.
    /// - Returns: the contact; equal for equal bytes.
    /// - Throws: `.tooLarge`, `.notJSON`, `.missingField` and `.invalidField`, all final for these
    ///   bytes.
    public static func parse(
        _ bytes: [UInt8],
        countryCode: String? = nil
    ) throws(IntakeError) -> IncomingContact {
        let record = try RecordReader.decode(ChatRecord.self, from: bytes)
        let id = try RecordReader.id(record.chatID, path: "chatID")
        let widget = try RecordReader.name(record.widget, path: "widget")
        let startedAt = try RecordReader.instant(record.startedAt, path: "startedAt")
        var endedAt: Timestamp?
        if let text = record.endedAt {
            let end = try RecordReader.instant(text, path: "endedAt")
            guard end >= startedAt else {
                throw .invalidField(path: "endedAt", reason: "must not be before startedAt")
            }
            endedAt = end
        }
        let sender = try sender(record.visitor, chatID: id, countryCode: countryCode)
        let subject = TextHygiene.line(record.subject ?? "", bytesMax: IntakeLimits.titleBytesMax)
        let transcript = try transcript(record.messages, visitorName: sender.displayName)
        let fullText = TextHygiene.truncated(transcript, bytesMax: IntakeLimits.textBytesMax)
        let locale = try RecordReader.name(ifPresent: record.locale, path: "locale")
        var details = [ContactDetail(name: "widget", value: widget)]
        if let locale { details.append(ContactDetail(name: "locale", value: locale)) }
        details.append(ContactDetail(name: "startedAt", value: startedAt.description))
        if let endedAt {
            details.append(ContactDetail(name: "endedAt", value: endedAt.description))
        }
        return IncomingContact(
            channel: .chat,
            externalKey: "chat:" + id,
            sender: sender,
            recipients: [ContactAddress(kind: .widget, value: widget)],
            title: subject.isEmpty ? IncomingContact.defaultTitle : subject,
            text: fullText.isEmpty ? IncomingContact.defaultText : fullText,
            fullText: fullText,
            sentAt: startedAt,
            references: [],
            caseIDHint: try RecordReader.caseID(ifPresent: record.caseID, path: "caseID"),
            automatic: .none,
            attachments: [],
            language: locale.flatMap(LanguageHint.code(ofTag:))
                ?? LanguageHint.code(ofText: fullText),
            details: details,
            rawByteCount: bytes.count,
            rawDigest: SHA256Digest(hashing: bytes)
        )
    }

    /// The mail address before the number before the visitor's id; a nameless visitor is known by
    /// the chat.
    private static func sender(
        _ visitor: ChatRecord.Visitor,
        chatID: String,
        countryCode: String?
    ) throws(IntakeError) -> ContactSender {
        let name = try RecordReader.name(ifPresent: visitor.name, path: "visitor.name")
        let email = try RecordReader.email(ifPresent: visitor.email, path: "visitor.email")
        var phone: String?
        if let text = visitor.phone, !TextHygiene.isBlank(text) {
            guard let number = PhoneNumber.e164(text, countryCode: countryCode) else {
                throw .invalidField(
                    path: "visitor.phone",
                    reason: "must be a number like +46701234567"
                )
            }
            phone = number
        }
        let visitorID = try RecordReader.name(ifPresent: visitor.id, path: "visitor.id")
        let address: ContactAddress
        if let email {
            address = ContactAddress(kind: .email, value: email)
        } else if let phone {
            address = ContactAddress(kind: .phone, value: phone)
        } else {
            address = ContactAddress(kind: .visitor, value: visitorID ?? "chat:" + chatID)
        }
        return ContactSender(
            displayName: name ?? address.value,
            address: address,
            isVerified: visitor.verified ?? false
        )
    }

    /// One line a message, more where its text has them; times in UTC.
    private static func transcript(
        _ messages: [ChatRecord.Message],
        visitorName: String
    ) throws(IntakeError) -> String {
        guard !messages.isEmpty, messages.count <= IntakeLimits.chatMessagesMax else {
            throw .invalidField(
                path: "messages",
                reason: "must have 1 to \(IntakeLimits.chatMessagesMax) items"
            )
        }
        var lines: [String] = []
        for (index, message) in messages.enumerated() {
            let at = try RecordReader.instant(message.at, path: "messages[\(index)].at")
            let given = try RecordReader.name(
                ifPresent: message.name,
                path: "messages[\(index)].name"
            )
            let name = given ?? (message.from == .visitor ? visitorName : message.from.rawValue)
            let time = at.description.dropFirst(11).prefix(8)
            let text = TextHygiene.multiline(message.text)
            lines.append("[\(time)] \(name) (\(message.from.rawValue)): \(text)")
        }
        assert(lines.count == messages.count)
        return lines.joined(separator: "\n")
    }
}

/// The form of a transcript.
private struct ChatRecord: Decodable {
    struct Visitor: Decodable {
        var id: String?
        var name: String?
        var email: String?
        var phone: String?
        var verified: Bool?
    }

    struct Message: Decodable {
        enum Author: String, Decodable {
            case visitor
            case agent
            case bot
        }

        var at: String
        var from: Author
        var name: String?
        var text: String
    }

    var chatID: String
    var widget: String
    var locale: String?
    var startedAt: String
    var endedAt: String?
    var subject: String?
    var caseID: String?
    var visitor: Visitor
    var messages: [Message]
}
