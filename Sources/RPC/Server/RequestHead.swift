import HTTP2Transport
import NIOCore

/// The head of a request, checked.
struct RequestHead {
    let path: String
    let metadata: RPCMetadata
    let deadline: NIODeadline?

    /// A head, or the whole response that refuses it.
    enum Parsed {
        case accepted(RequestHead)
        case refused(StaticHeaders, HTTP2Headers)
    }

    /// Checks what the protocol asks of a request.
    static func parse(_ headers: HTTP2Headers, now: NIODeadline) -> Parsed {
        var path: String?
        var method: String?
        var contentType: String?
        var te: String?
        var timeout: String?
        var encoding: String?
        for field in headers.fields where WireHeaders.mayBeProtocol(field.name) {
            switch field.name {
            case ":path": path = field.value
            case ":method": method = field.value
            case "content-type": contentType = field.value
            case "te": te = field.value
            case "grpc-timeout": timeout = field.value
            case "grpc-encoding": encoding = field.value
            default: break
            }
        }
        if headers.isTruncated {
            return refuse(.resourceExhausted, "the header list is too long")
        }
        guard method == "POST" else { return refuse(http: "405", ("allow", "POST")) }
        guard WireHeaders.isGRPC(contentType: contentType) else { return refuse(http: "415") }
        guard te == "trailers" else {
            // Whoever does not ask for trailers would never learn the outcome.
            return refuse(.invalidArgument, "te: trailers is missing")
        }
        guard let path, path.hasPrefix("/") else { return refuse(.unimplemented, "no path") }
        guard encoding == nil || encoding == "identity" else {
            return refuse(
                .unimplemented,
                "the encoding is not known",
                ["grpc-accept-encoding": "identity"]
            )
        }
        var deadline: NIODeadline?
        if let timeout {
            guard let amount = TimeoutText.decode(timeout) else {
                return refuse(.invalidArgument, "grpc-timeout is not a timeout")
            }
            deadline = now + amount
        }
        do {
            let metadata = try WireHeaders.metadata(headers)
            return .accepted(RequestHead(path: path, metadata: metadata, deadline: deadline))
        } catch {
            return refuse(.invalidArgument, "\(error.name) is not base64")
        }
    }

    private static func refuse(
        _ code: RPCStatusCode,
        _ message: String,
        _ fields: [String: String] = [:]
    ) -> Parsed {
        var trailers = WireHeaders.trailers(RPCStatus(code, message))
        for name in fields.keys.sorted() { trailers.append(name, fields[name] ?? "") }
        return .refused(WireHeaders.responseHead, trailers)
    }

    /// For peers that don't speak gRPC at all.
    private static func refuse(http status: String, _ field: (String, String)? = nil) -> Parsed {
        var headers = HTTP2Headers()
        headers.append(":status", status)
        if let field { headers.append(field.0, field.1) }
        return .refused(.none, headers)
    }
}
