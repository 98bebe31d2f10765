import ArgumentParser
import CaseClient

/// How casectl ends, after sysexits where that has a number for it.
enum ExitStatus: Int32 {
    case ok = 0
    case internalError = 1
    case someFailed = 2
    case usage = 64
    case badInput = 65
    case notFound = 66
    case unavailable = 69
    case conflict = 75
    case refused = 76
    case notPermitted = 77
    case outputClosed = 141

    static let help = """
        EXIT STATUS
          0   done
          1   an internal error, of casectl or of the server
          2   some of several items failed; they are named on standard error
          64  wrong usage
          65  bad input: a text, a file, an id, a field
          66  no such case, name or file, or not for you
          69  no answer in time; the message says if the command may have been carried out
          75  somebody was faster: the case has another version by now
          76  a rule of the domain said no
          77  no token, a wrong one, or not permitted
          141 the reader of the output went away, as head does
        """
}

extension CaseClientError {
    /// The exit status that goes with an error of the cluster.
    var exitStatus: ExitStatus {
        if outcomeUnknown { return .unavailable }
        switch code {
        case .invalidArgument: return .badInput
        case .notFound: return .notFound
        case .aborted: return .conflict
        case .failedPrecondition, .alreadyExists, .outOfRange: return .refused
        case .permissionDenied, .unauthenticated: return .notPermitted
        case .unavailable, .deadlineExceeded, .resourceExhausted, .cancelled: return .unavailable
        default: return .internalError
        }
    }

    /// What to do now, in a line; nil where the message says it.
    func advice(_ servers: String) -> String? {
        switch code {
        case .unauthenticated:
            "give a token with --token-file or CASECTL_TOKEN_FILE; the first start of a cluster "
                + "writes one to casenode-data/admin.token"
        case .aborted where currentVersion != nil:
            "look at it again (casectl case show), decide, and repeat with "
                + "--expect-version \(currentVersion ?? 0)"
        case .unavailable, .deadlineExceeded:
            outcomeUnknown && idempotencyKey != nil
                ? "repeat the same command with --key \(idempotencyKey ?? "")"
                : "is a node running at \(servers)? See --server, --ca, --plaintext and --timeout"
        case .alreadyExists: "use another --key for another request"
        case .outOfRange: "read the state anew and watch without --resume-token"
        default: nil
        }
    }
}

/// A failure of casectl's own, with what to do in its message.
struct Failure: Error, CustomStringConvertible {
    let status: ExitStatus
    let description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
