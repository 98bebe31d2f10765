/// Why raw input did not become a contact. Every case is final for these bytes: sending them again,
/// here or to another node, gives the same answer.
public enum IntakeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// More than the limit of its kind, both in bytes. The sender has to make it smaller.
    case tooLarge(bytes: Int, limit: Int)
    /// A mail of which neither From, Sender, Reply-To nor Return-Path names anyone who could be
    /// answered.
    case noSender
    /// Not JSON at all, or not an object.
    case notJSON
    /// A field of a chat or call record is not there. `path` is written `messages[3].at`.
    case missingField(path: String)
    /// A field of a chat or call record can't be read; `reason` says what it has to be.
    case invalidField(path: String, reason: String)

    /// A short stable word for logs, counters and the record of refused contacts.
    public var code: String {
        switch self {
        case .tooLarge: "too-large"
        case .noSender: "no-sender"
        case .notJSON: "not-json"
        case .missingField: "missing-field"
        case .invalidField: "invalid-field"
        }
    }

    /// For people. Carries names of fields and sizes, never content.
    public var description: String {
        switch self {
        case .tooLarge(let bytes, let limit): "\(bytes) bytes; at most \(limit) are taken"
        case .noSender: "no sender can be read in From, Sender, Reply-To or Return-Path"
        case .notJSON: "not a JSON object"
        case .missingField(let path): "\(path): missing"
        case .invalidField(let path, let reason): "\(path): \(reason)"
        }
    }
}
