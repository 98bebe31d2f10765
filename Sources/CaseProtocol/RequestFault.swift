/// Why a request can't even be proposed. Nothing happened and nothing is remembered; mend the request.
public struct RequestFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The field, as the .proto spells it: `requester.address`.
    public let field: String
    /// What is wrong with it.
    public let reason: String

    /// Names a field and its fault.
    public init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    /// For people.
    public var description: String { "\(field): \(reason)" }
}

/// Checks that name the field they fail on.
enum Check {
    static func name(_ text: String, _ field: String, bytesMax: Int) throws(RequestFault) -> String
    {
        guard !text.isEmpty else { throw RequestFault(field, "is required") }
        return try length(text, field, bytesMax: bytesMax)
    }

    static func length(
        _ text: String,
        _ field: String,
        bytesMax: Int
    ) throws(RequestFault) -> String {
        guard text.utf8.count <= bytesMax else {
            throw RequestFault(
                field,
                "has \(text.utf8.count) bytes, at most \(bytesMax) are allowed"
            )
        }
        return text
    }

    static func count(_ count: Int, _ field: String, max: Int) throws(RequestFault) {
        guard count <= max else {
            throw RequestFault(field, "has \(count) items, at most \(max) are allowed")
        }
    }
}
