import ClusterPrimitives

/// Reads a telephone call's record (JSON; `Protocol/intake.md` has the form) into a contact. A pure
/// function of the bytes; safe on any thread.
public enum CallParser {
    /// Reads one record.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 JSON, at most `IntakeLimits.recordBytesMax`.
    ///   - countryCode: for national numbers, digits only, such as `46`; without it they are
    ///     refused.
    /// - Returns: the contact; equal for equal bytes.
    /// - Throws: `.tooLarge`, `.notJSON`, `.missingField` and `.invalidField`, all final for these
    ///   bytes.
    public static func parse(
        _ bytes: [UInt8],
        countryCode: String? = nil
    ) throws(IntakeError) -> IncomingContact {
        let record = try RecordReader.decode(CallRecord.self, from: bytes)
        let id = try RecordReader.id(record.callID, path: "callID")
        let caller = try number(record.callerNumber, path: "callerNumber", countryCode)
        guard let dialled = try number(record.dialledNumber, path: "dialledNumber", countryCode)
        else {
            throw .missingField(path: "dialledNumber")
        }
        let customer = record.direction == .inbound ? caller : dialled
        let house = record.direction == .inbound ? dialled : caller
        let name = try RecordReader.name(ifPresent: record.callerName, path: "callerName")
        let address =
            customer.map { ContactAddress(kind: .phone, value: $0) }
            ?? ContactAddress(kind: .visitor, value: "call:" + id)
        let startedAt = try RecordReader.instant(record.startedAt, path: "startedAt")
        let subject = TextHygiene.line(record.subject ?? "", bytesMax: IntakeLimits.titleBytesMax)
        let fullText = TextHygiene.truncated(text(of: record), bytesMax: IntakeLimits.textBytesMax)
        return IncomingContact(
            channel: .call,
            externalKey: "call:" + id,
            sender: ContactSender(
                displayName: name ?? customer ?? "Withheld number",
                address: address,
                isVerified: false
            ),
            recipients: house.map { [ContactAddress(kind: .phone, value: $0)] } ?? [],
            title: subject.isEmpty ? IncomingContact.defaultTitle : subject,
            text: fullText.isEmpty ? IncomingContact.defaultText : fullText,
            fullText: fullText,
            sentAt: startedAt,
            references: [],
            caseIDHint: try RecordReader.caseID(ifPresent: record.caseID, path: "caseID"),
            automatic: .none,
            attachments: [],
            language: record.locale.flatMap(LanguageHint.code(ofTag:))
                ?? LanguageHint.code(ofText: fullText),
            details: try details(of: record, startedAt: startedAt),
            rawByteCount: bytes.count,
            rawDigest: SHA256Digest(hashing: bytes)
        )
    }

    /// Nil for a number that is withheld.
    private static func number(
        _ text: String?,
        path: String,
        _ countryCode: String?
    ) throws(IntakeError) -> String? {
        let trimmed = text.map { TextHygiene.trimmed($0).lowercased() } ?? ""
        guard !["", "anonymous", "withheld", "private", "unknown"].contains(trimmed) else {
            return nil
        }
        if let number = PhoneNumber.e164(trimmed, countryCode: countryCode) { return number }
        if let inner = PhoneNumber.inner(trimmed) { return inner }
        throw .invalidField(
            path: path,
            reason: countryCode == nil
                ? "must be a number like +46701234567" : "must be a telephone number"
        )
    }

    /// The summary, then the transcript.
    private static func text(of record: CallRecord) -> String {
        [record.summary, record.transcript]
            .compactMap { $0.map(TextHygiene.multiline) }
            .filter { !TextHygiene.isBlank($0) }
            .joined(separator: "\n\n")
    }

    private static func details(
        of record: CallRecord,
        startedAt: Timestamp
    ) throws(IntakeError) -> [ContactDetail] {
        var details = [ContactDetail(name: "direction", value: record.direction.rawValue)]
        details.append(ContactDetail(name: "startedAt", value: startedAt.description))
        if let text = record.endedAt {
            let endedAt = try RecordReader.instant(text, path: "endedAt")
            guard endedAt >= startedAt else {
                throw .invalidField(path: "endedAt", reason: "must not be before startedAt")
            }
            details.append(ContactDetail(name: "endedAt", value: endedAt.description))
        }
        if let seconds = record.durationSeconds {
            guard (0...IntakeLimits.callSecondsMax).contains(seconds) else {
                throw .invalidField(
                    path: "durationSeconds",
                    reason: "must be 0 to \(IntakeLimits.callSecondsMax)"
                )
            }
            details.append(ContactDetail(name: "durationSeconds", value: String(seconds)))
        }
        if let agent = try RecordReader.name(ifPresent: record.agent, path: "agent") {
            details.append(ContactDetail(name: "agent", value: agent))
        }
        if let recording = try recording(record.recording) {
            details.append(ContactDetail(name: "recording", value: recording))
        }
        return details
    }

    /// A reference, kept as it is and never fetched.
    private static func recording(_ text: String?) throws(IntakeError) -> String? {
        guard let text, !TextHygiene.isBlank(text) else { return nil }
        let lower = text.lowercased()
        guard text.utf8.count <= IntakeLimits.urlBytesMax,
            lower.hasPrefix("https://") || lower.hasPrefix("http://") || lower.hasPrefix("s3://"),
            text.utf8.allSatisfy({ (33...126).contains($0) })
        else {
            throw .invalidField(
                path: "recording",
                reason:
                    "must be a URL (https, http or s3) of at most \(IntakeLimits.urlBytesMax) bytes"
            )
        }
        return text
    }
}

/// The form of a call's record.
private struct CallRecord: Decodable {
    enum Direction: String, Decodable {
        case inbound
        case outbound
    }

    var callID: String
    var direction: Direction
    var callerNumber: String?
    var callerName: String?
    var dialledNumber: String
    var agent: String?
    var locale: String?
    var startedAt: String
    var endedAt: String?
    var durationSeconds: Int64?
    var subject: String?
    var caseID: String?
    var summary: String?
    var transcript: String?
    var recording: String?
}
