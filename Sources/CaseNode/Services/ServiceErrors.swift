import CaseModel
import CaseProtocol
import CoordinatorCore
import RPC
import ReplicaDriver

extension RPCStatus {
    /// An error in the protocol's words, with its detail in the trailer.
    init(_ error: WireError) {
        var metadata = RPCMetadata()
        do {
            metadata.add(WireError.trailer, bytes: try error.detail.serializedBytes())
        } catch {
            // A detail of strings and numbers always serialises; without it the status still says what is wrong.
            assertionFailure("an error detail does not serialise: \(error)")
        }
        self.init(
            RPCStatusCode(rawValue: error.code),
            error.message,
            metadata: metadata
        )
    }
}

extension WireError {
    /// No token, an unknown or an expired one. Which of these is not said.
    static let unauthenticated = WireError(
        code: Code.unauthenticated,
        kind: "unauthenticated",
        field: "authorization",
        message:
            "authorization: needs \"Bearer <token>\" with a token that is known and not expired"
    )

    /// The caller's role may not do this at all.
    static func forbidden(_ role: CaseModel.Role, needs: String) -> WireError {
        WireError(
            code: Code.permissionDenied,
            kind: "wrong-role",
            message: "this call needs \(needs), the token is for the role \(role.label)"
        )
    }

    /// A read found nothing. Not a refusal: nothing is committed or remembered, and the answer may change.
    static let notFound = WireError(
        code: Code.notFound,
        kind: "not-found",
        field: "case_id",
        message: "no such case"
    )

    /// This node could not read or write its files; it stops.
    static let storage = WireError(
        code: Code.unavailable,
        kind: "storage",
        message: "the node can't read its store: try another node"
    )

    static let notFounded = WireError(
        code: Code.unavailable,
        kind: "starting",
        message: "the node is starting: try again"
    )

    /// A proposal or read that ended without a result.
    init(_ failure: ReplicaFailure) {
        switch failure {
        case .notLeader(let leader):
            self.init(
                code: Code.unavailable,
                message: leader.map { "node \($0) leads the shard" }
                    ?? "the shard has no leader just now",
                detail: PBErrorDetail.with {
                    $0.kind = "not-leader"
                    $0.retryAfterMs = 50
                }
            )
        case .overloaded(let inFlight, let limit):
            self.init(
                code: Code.resourceExhausted,
                message:
                    "\(inFlight) commands are in flight, the limit is \(limit): wait and try again",
                detail: PBErrorDetail.with {
                    $0.kind = "overloaded"
                    $0.retryAfterMs = 100
                }
            )
        case .tooLarge(let bytes, let limit):
            self.init(
                code: Code.invalidArgument,
                kind: "too-large",
                field: "request",
                message: "the command has \(bytes) bytes, this cluster's log takes \(limit)"
            )
        case .diskFull:
            self.init(
                code: Code.resourceExhausted,
                message:
                    "the node's disk is full: it reads on, and writes again when there is room",
                detail: PBErrorDetail.with {
                    $0.kind = "disk-full"
                    $0.retryAfterMs = 1_000
                }
            )
        case .unfitChange(let reason):
            self.init(
                code: Code.failedPrecondition,
                kind: "unfit-change",
                message: "the membership can't be changed so now: \(reason)"
            )
        case .outcomeUnknown:
            self.init(
                code: Code.unavailable,
                message:
                    "it may have been carried out, the leader changed meanwhile: "
                    + "repeat with the same idempotency key to learn the outcome",
                detail: PBErrorDetail.with {
                    $0.kind = "outcome-unknown"
                    $0.outcomeUnknown = true
                }
            )
        case .stopping:
            self.init(
                code: Code.unavailable,
                message: "the node stops: repeat at another one with the same idempotency key",
                detail: PBErrorDetail.with {
                    $0.kind = "stopping"
                    $0.outcomeUnknown = true
                }
            )
        }
    }

    /// A refusal of the system group.
    init(_ refusal: SystemRefusal) {
        let (code, kind, field, message) = Self.describe(refusal)
        self.init(
            code: code,
            message: message,
            detail: PBErrorDetail.with {
                $0.kind = kind
                $0.field = field
                $0.refused = true
            }
        )
    }

    private static func describe(
        _ refusal: SystemRefusal
    ) -> (code: Int, kind: String, field: String, message: String) {
        switch refusal {
        case .notInitialized:
            (Code.unavailable, "starting", "", "the cluster is not founded yet: try again")
        case .alreadyInitialized:
            (Code.failedPrecondition, "already-done", "", "the cluster is founded already")
        case .forbidden(let role):
            (Code.permissionDenied, "wrong-role", "", "not for the role \(role.label)")
        case .notFound(let field, let id):
            (Code.notFound, "not-found", field, "\(field): there is no \(id)")
        case .exists(let field, let id):
            (Code.alreadyExists, "exists", field, "\(field): is taken by \(id)")
        case .invalid(let field, let reason):
            (Code.invalidArgument, "invalid", field, "\(field): \(reason)")
        case .tooLong(let field, let limit):
            (Code.invalidArgument, "too-long", field, "\(field): more than \(limit) bytes")
        case .tooMany(let field, let limit):
            (Code.invalidArgument, "too-many", field, "\(field): more than \(limit) items")
        case .inUse(let field, let id, let by):
            (Code.failedPrecondition, "in-use", field, "\(id) is still used by \(by)")
        case .lastAdmin:
            (
                Code.failedPrecondition, "last-admin", "name",
                "the last admin can't be removed or given another role: add another first"
            )
        case .versionUnknown(let node, let known):
            (
                Code.failedPrecondition, "version", "version",
                "node \(node) knows version \(known): upgrade it first"
            )
        case .keyReused:
            (
                Code.alreadyExists, "key-reused", "idempotency_key",
                "the idempotency key was used with other content: use a new key"
            )
        case .staleEpoch: (Code.aborted, "stale-epoch", "", "a newer coordinator has spoken")
        case .notDue(let boundary):
            (Code.failedPrecondition, "not-due", "boundary", "not before \(boundary)")
        case .wrongNight(let expected):
            (Code.aborted, "wrong-night", "number", "night \(expected) comes next")
        case .nightRunning(let number):
            (Code.failedPrecondition, "night-running", "number", "night \(number) is running")
        case .nightIncomplete(let missing):
            (Code.failedPrecondition, "night-incomplete", "number", "\(missing) shards are missing")
        }
    }
}
