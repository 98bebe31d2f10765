import ClusterPrimitives
import Foundation

/// Reads a JSON record, and says of what is wrong which field it is.
///
/// Fields that the form does not know are passed over: a switchboard that adds one must not stop
/// the intake.
enum RecordReader {
    static func decode<Record: Decodable>(
        _ type: Record.Type,
        from bytes: [UInt8]
    ) throws(IntakeError) -> Record {
        guard bytes.count <= IntakeLimits.recordBytesMax else {
            throw .tooLarge(bytes: bytes.count, limit: IntakeLimits.recordBytesMax)
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw intakeError(error)
        } catch {
            throw .notJSON
        }
    }

    private static func intakeError(_ error: DecodingError) -> IntakeError {
        switch error {
        case .keyNotFound(let key, let context):
            return .missingField(path: path(context.codingPath + [key]))
        case .valueNotFound(_, let context):
            return .missingField(path: path(context.codingPath))
        case .typeMismatch(let type, let context):
            guard !context.codingPath.isEmpty else { return .notJSON }
            return .invalidField(
                path: path(context.codingPath),
                reason: "must be \(name(of: type))"
            )
        case .dataCorrupted(let context):
            guard !context.codingPath.isEmpty else { return .notJSON }
            return .invalidField(
                path: path(context.codingPath),
                reason: "has a value that is not known"
            )
        @unknown default:
            return .notJSON
        }
    }

    /// `messages[3].at`.
    private static func path(_ keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path
    }

    private static func name(of type: Any.Type) -> String {
        if type == String.self { return "a text" }
        if type == Bool.self { return "true or false" }
        if type == Int64.self || type == Int.self || type == Double.self { return "a number" }
        return "\(type)".hasPrefix("Array") || type == [Any].self ? "a list" : "an object"
    }

    // MARK: Fields

    /// A field that names something: one line, not blank, of limited size.
    static func name(_ text: String, path: String) throws(IntakeError) -> String {
        guard text.utf8.count <= IntakeLimits.recordNameBytesMax else {
            throw .invalidField(
                path: path,
                reason: "must have at most \(IntakeLimits.recordNameBytesMax) bytes"
            )
        }
        let line = TextHygiene.line(text, bytesMax: IntakeLimits.recordNameBytesMax)
        guard !line.isEmpty else { throw .invalidField(path: path, reason: "must not be blank") }
        return line
    }

    /// A name that may be absent; a blank one is an absent one.
    static func name(ifPresent text: String?, path: String) throws(IntakeError) -> String? {
        guard let text, !TextHygiene.isBlank(text) else { return nil }
        return try name(text, path: path)
    }

    /// An id that becomes a key: visible ASCII without white space, so that no two ways to write it
    /// exist.
    static func id(_ text: String, path: String) throws(IntakeError) -> String {
        guard !text.isEmpty, text.utf8.count <= IntakeLimits.recordNameBytesMax,
            text.utf8.allSatisfy({ (33...126).contains($0) })
        else {
            throw .invalidField(
                path: path,
                reason: "must be 1 to \(IntakeLimits.recordNameBytesMax) visible ASCII characters"
            )
        }
        return text
    }

    static func instant(_ text: String, path: String) throws(IntakeError) -> Timestamp {
        guard let instant = InstantReader.iso8601(text) else {
            throw .invalidField(
                path: path,
                reason: "must be a time with its zone, such as 2026-03-02T08:15:30Z"
            )
        }
        return instant
    }

    static func caseID(ifPresent text: String?, path: String) throws(IntakeError) -> CaseID? {
        guard let text, !TextHygiene.isBlank(text) else { return nil }
        do {
            return try CaseID(parsing: text)
        } catch {
            throw .invalidField(path: path, reason: error.description)
        }
    }

    static func email(ifPresent text: String?, path: String) throws(IntakeError) -> String? {
        guard let text, !TextHygiene.isBlank(text) else { return nil }
        guard let address = MailAddresses.normalised(text, needsDomain: true) else {
            throw .invalidField(path: path, reason: "must be a mail address")
        }
        return address
    }
}
