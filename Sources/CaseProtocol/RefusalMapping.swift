import CaseModel
import ClusterPrimitives

/// A refusal in the protocol's words: a gRPC status code, a message for people, the detail for programs.
public struct WireError: Error, Sendable {
    /// gRPC's number, as `google.rpc.Code` has it.
    public let code: Int
    /// Names the cause; carries no content of a case.
    public let message: String
    /// Goes into the trailer `casecluster-error-bin`.
    public let detail: PBErrorDetail

    /// Puts an error together.
    public init(code: Int, message: String, detail: PBErrorDetail) {
        self.code = code
        self.message = message
        self.detail = detail
    }

    /// An error with a kind and at most a field.
    public init(code: Int, kind: String, field: String = "", message: String) {
        self.code = code
        self.message = message
        detail = PBErrorDetail.with {
            $0.kind = kind
            $0.field = field
        }
    }

    /// The trailer's name.
    public static let trailer = "casecluster-error-bin"

    /// gRPC's numbers that this product uses.
    public enum Code {
        /// The request is wrong whatever the state.
        public static let invalidArgument = 3
        /// The deadline passed; the outcome of a command is unknown.
        public static let deadlineExceeded = 4
        /// No such case, or not for this caller.
        public static let notFound = 5
        /// The key is taken by other content.
        public static let alreadyExists = 6
        /// The caller's role may not.
        public static let permissionDenied = 7
        /// Over a limit; wait.
        public static let resourceExhausted = 8
        /// The case's state does not allow it.
        public static let failedPrecondition = 9
        /// Decided on an older version.
        public static let aborted = 10
        /// A feed position that is too old.
        public static let outOfRange = 11
        /// Our fault.
        public static let `internal` = 13
        /// Nobody to answer just now; retry with the same key.
        public static let unavailable = 14
        /// No token, or a wrong one.
        public static let unauthenticated = 16
    }
}

extension WireError {
    /// A malformed request.
    public init(_ fault: RequestFault) {
        self.init(
            code: Code.invalidArgument,
            kind: "invalid-request",
            field: fault.field,
            message: fault.description
        )
    }

    /// A rule's refusal: committed and remembered.
    public init(_ refusal: CaseRefusal) {
        let (code, kind, field, message) = Self.describe(refusal)
        self.code = code
        self.message = message
        detail = PBErrorDetail.with {
            $0.kind = kind
            $0.field = field
            $0.refused = true
            if case .staleVersion(let current) = refusal { $0.currentVersion = current }
        }
    }

    private typealias Description = (code: Int, kind: String, field: String, message: String)

    private static func describe(_ refusal: CaseRefusal) -> Description {
        switch refusal {
        case .notFound: (Code.notFound, "not-found", "case_id", "no such case")
        case .wrongStatus(let action, let status):
            (
                Code.failedPrecondition, "wrong-status", action.label,
                "\(action.label) is not possible in status \(status.label)"
            )
        case .wrongRole(let action, let role):
            (
                Code.permissionDenied, "wrong-role", action.label,
                "\(action.label) is not for the role \(role.label) here"
            )
        case .notOwner(let action):
            (
                Code.permissionDenied, "not-owner", action.label,
                "\(action.label) is for the case's owner"
            )
        case .notRequester:
            (Code.permissionDenied, "not-requester", "", "this is another requester's case")
        case .wrongTeam(let team):
            (Code.permissionDenied, "wrong-team", "", "the case belongs to team \(team)")
        case .missing(let field):
            (Code.invalidArgument, "missing", field, "\(field): is required")
        case .invalid(let field, let reason):
            (Code.invalidArgument, "invalid", field, "\(field): \(reason)")
        case .tooLong(let field, let limit):
            (Code.invalidArgument, "too-long", field, "\(field): more than \(limit)")
        case .staleVersion(let current):
            (
                Code.aborted, "stale-version", "expected_version",
                "the case is at version \(current) by now: read it and decide again"
            )
        case .unsuitableAgent(let id, let reason):
            (Code.failedPrecondition, "unsuitable-agent", "agent", "\(id): \(reason)")
        case .needsSupervisor:
            (
                Code.permissionDenied, "needs-supervisor", "",
                "the case was handed up to a supervisor: only a supervisor can take it"
            )
        case .overLimit(let agent, let maximum):
            (
                Code.failedPrecondition, "over-limit", "agent",
                "\(agent) has \(maximum) cases, which is the maximum"
            )
        case .notDue(let dueAt):
            (Code.failedPrecondition, "not-due", "", "not before \(dueAt)")
        case .alreadyDone(let action):
            (
                Code.failedPrecondition, "already-done", action.label,
                "\(action.label) was done before and can be done once"
            )
        case .keyReused:
            (
                Code.alreadyExists, "key-reused", "idempotency_key",
                "the idempotency key was used with other content: use a new key"
            )
        case .staleEpoch:
            (Code.aborted, "stale-epoch", "", "a newer coordinator has spoken")
        }
    }
}
