/// The outcome of a call as a number; open, for a peer may send any.
public struct RPCStatusCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// gRPC's number.
    public let rawValue: Int

    /// Wraps a number from the wire.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// It worked.
    public static let ok = RPCStatusCode(rawValue: 0)
    /// The caller does not want it any more.
    public static let cancelled = RPCStatusCode(rawValue: 1)
    /// No better word; the other side said nothing more exact.
    public static let unknown = RPCStatusCode(rawValue: 2)
    /// The request is wrong, whatever state the system is in.
    public static let invalidArgument = RPCStatusCode(rawValue: 3)
    /// The time ran out; it may have been done nevertheless.
    public static let deadlineExceeded = RPCStatusCode(rawValue: 4)
    /// There is no such thing.
    public static let notFound = RPCStatusCode(rawValue: 5)
    /// There is one already.
    public static let alreadyExists = RPCStatusCode(rawValue: 6)
    /// The caller is known, and may not.
    public static let permissionDenied = RPCStatusCode(rawValue: 7)
    /// A limit is reached: quota, queue, or length of a message.
    public static let resourceExhausted = RPCStatusCode(rawValue: 8)
    /// Not in this state of the system; retrying alone does not help.
    public static let failedPrecondition = RPCStatusCode(rawValue: 9)
    /// A conflict with something at the same time; retry the whole.
    public static let aborted = RPCStatusCode(rawValue: 10)
    /// Past the end.
    public static let outOfRange = RPCStatusCode(rawValue: 11)
    /// The server has no such method, or does not speak this encoding.
    public static let unimplemented = RPCStatusCode(rawValue: 12)
    /// A fault of the program, or a broken protocol.
    public static let internalError = RPCStatusCode(rawValue: 13)
    /// Not reachable now; retry with a pause.
    public static let unavailable = RPCStatusCode(rawValue: 14)
    /// Data were lost or damaged.
    public static let dataLoss = RPCStatusCode(rawValue: 15)
    /// Who calls is not known.
    public static let unauthenticated = RPCStatusCode(rawValue: 16)

    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ]

    /// gRPC's name, or the number.
    public var description: String {
        Self.names.indices.contains(rawValue) ? Self.names[rawValue] : "STATUS_\(rawValue)"
    }
}

/// Why a call did not give its result; the one error of this module.
public struct RPCStatus: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a program decides by.
    public let code: RPCStatusCode
    /// What a person reads. Never case content, a token or a key.
    public let message: String
    /// What came with it: typed detail, such as where to turn instead.
    public let metadata: RPCMetadata
    /// A client's own word that nothing of the call has left it: it was surely not carried out.
    public let isNeverSent: Bool

    /// A status; `metadata` travels in the trailers.
    public init(
        _ code: RPCStatusCode,
        _ message: String = "",
        metadata: RPCMetadata = [:],
        isNeverSent: Bool = false
    ) {
        self.isNeverSent = isNeverSent
        self.code = code
        self.message = message
        self.metadata = metadata
    }

    /// It worked.
    public static let ok = RPCStatus(.ok)

    /// Code and message.
    public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}
