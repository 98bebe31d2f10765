import CaseProtocol
import RPC

/// Why a call gave no result. One struct for all of them, with an open `code`: a server newer than
/// this library may send codes and kinds that have no name here.
///
/// What to do, in this order:
/// - `refused`: a rule said no; it is remembered under the key, and the same request gets the same
///   answer.
/// - `outcomeUnknown`: repeat the call with the same `idempotencyKey`, to any node, whenever you
///   like.
/// - otherwise nothing was done: look at `code`.
public struct CaseClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// gRPC's number; compare with the named ones and keep a default branch.
    public var code: Code
    /// What happened, as a stable word: `wrong-status`, `stale-version`, `not-leader`,
    /// `misconfigured` …
    public var kind: String
    /// The field or action it is about, as the protocol spells it; or empty.
    public var field: String
    /// For people. Carries no content of a case.
    public var message: String
    /// With `stale-version`: the case's version now.
    public var currentVersion: UInt64?
    /// The command may have been carried out, or may yet be.
    public var outcomeUnknown: Bool
    /// A rule said no: committed, remembered, and the same for every retry.
    public var refused: Bool
    /// The key that the command went out with; nil for reads and for what never left.
    public var idempotencyKey: String?
    /// How often it was tried; 0 if it never left.
    public var attempts: Int
    /// What the server advises to wait before another try.
    public var retryAfter: Duration?
    /// Where the leader is, if the server told.
    public var leader: String?

    /// Puts an error together.
    public init(
        code: Code,
        kind: String,
        field: String = "",
        message: String,
        currentVersion: UInt64? = nil,
        outcomeUnknown: Bool = false,
        refused: Bool = false,
        idempotencyKey: String? = nil,
        attempts: Int = 0,
        retryAfter: Duration? = nil,
        leader: String? = nil
    ) {
        self.code = code
        self.kind = kind
        self.field = field
        self.message = message
        self.currentVersion = currentVersion
        self.outcomeUnknown = outcomeUnknown
        self.refused = refused
        self.idempotencyKey = idempotencyKey
        self.attempts = attempts
        self.retryAfter = retryAfter
        self.leader = leader
    }

    /// The message, and what is known about the outcome.
    public var description: String {
        var text = message.isEmpty ? "\(code)" : message
        if !kind.isEmpty { text += " (\(kind))" }
        if outcomeUnknown {
            text += "; it may have been carried out: repeat it with the same idempotency key"
            if let idempotencyKey { text += " \(idempotencyKey)" }
        }
        return text
    }

    /// A gRPC status code.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// gRPC's number.
        public let rawValue: Int
        /// Wraps a number.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// The caller cancelled.
        public static let cancelled = Code(rawValue: 1)
        /// Not said what.
        public static let unknown = Code(rawValue: 2)
        /// The request is wrong, whatever the state.
        public static let invalidArgument = Code(rawValue: 3)
        /// The time ran out.
        public static let deadlineExceeded = Code(rawValue: 4)
        /// No such thing, or not for this caller.
        public static let notFound = Code(rawValue: 5)
        /// The idempotency key was used with other content.
        public static let alreadyExists = Code(rawValue: 6)
        /// This principal may not.
        public static let permissionDenied = Code(rawValue: 7)
        /// Too much at once, or out of room.
        public static let resourceExhausted = Code(rawValue: 8)
        /// The state does not allow it.
        public static let failedPrecondition = Code(rawValue: 9)
        /// Somebody was faster: read, decide again.
        public static let aborted = Code(rawValue: 10)
        /// A resume token that is too old.
        public static let outOfRange = Code(rawValue: 11)
        /// The server does not know the call.
        public static let unimplemented = Code(rawValue: 12)
        /// The server's fault.
        public static let `internal` = Code(rawValue: 13)
        /// Nobody could answer.
        public static let unavailable = Code(rawValue: 14)
        /// Something is lost or damaged.
        public static let dataLoss = Code(rawValue: 15)
        /// No token, or one that is not known.
        public static let unauthenticated = Code(rawValue: 16)

        private static let names = [
            "ok", "cancelled", "unknown", "invalid-argument", "deadline-exceeded", "not-found",
            "already-exists", "permission-denied", "resource-exhausted", "failed-precondition",
            "aborted", "out-of-range", "unimplemented", "internal", "unavailable", "data-loss",
            "unauthenticated",
        ]

        /// `not-found`; a number for a code without a name here.
        public var description: String {
            Self.names.indices.contains(rawValue) ? Self.names[rawValue] : "code-\(rawValue)"
        }
    }
}

extension CaseClientError {
    /// The client was set up or called wrongly; nothing left this process.
    static func misconfigured(_ message: String, field: String = "") -> CaseClientError {
        CaseClientError(
            code: .invalidArgument,
            kind: "misconfigured",
            field: field,
            message: message
        )
    }

    /// One attempt's end as the server, or the transport, told it.
    init(_ status: RPCStatus) {
        let detail = ErrorTrailer.read(status.metadata)
        self.init(
            code: Code(rawValue: status.code.rawValue),
            kind: detail?.kind ?? "",
            field: detail?.field ?? "",
            message: status.message,
            currentVersion: detail.flatMap { $0.currentVersion == 0 ? nil : $0.currentVersion },
            outcomeUnknown: detail?.outcomeUnknown ?? false,
            refused: detail?.refused ?? false,
            retryAfter: detail.flatMap {
                $0.retryAfterMs == 0 ? nil : .milliseconds(Int64($0.retryAfterMs))
            },
            leader: detail.flatMap { $0.leader.isEmpty ? nil : $0.leader }
        )
    }
}

/// The trailer beside grpc-status that says more.
enum ErrorTrailer {
    /// Nil if it is absent, or damaged: the status code alone then says what there is to say.
    static func read(_ metadata: RPCMetadata) -> PBErrorDetail? {
        guard let bytes = metadata.bytes(WireError.trailer) else { return nil }
        do {
            return try PBErrorDetail(serializedBytes: bytes)
        } catch {
            return nil
        }
    }
}
