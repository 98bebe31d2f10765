import HTTP2Transport
import NIOCore

/// Between metadata and header lists.
enum WireHeaders {
    /// Head of every response with HTTP status 200.
    static let responseHead = StaticHeaders([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    /// Trailers of a call that worked.
    static let okTrailers = StaticHeaders([("grpc-status", "0")])
    static let requestPlain = StaticHeaders([
        (":method", "POST"), (":scheme", "http"), ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
    static let requestTLS = StaticHeaders([
        (":method", "POST"), (":scheme", "https"), ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])

    /// Names of the protocol itself, which are not metadata. By length first: every field of every call is asked for.
    private static func isProtocol(_ name: String) -> Bool {
        switch name.utf8.count {
        case 2: if name == "te" { return true }
        case 11: if name == "grpc-status" { return true }
        case 12:
            if name == "content-type" || name == "grpc-timeout" || name == "grpc-message" {
                return true
            }
        case 13: if name == "grpc-encoding" { return true }
        case 17: if name == "grpc-message-type" { return true }
        case 20: if name == "grpc-accept-encoding" { return true }
        default: break
        }
        return name.utf8.first == UInt8(ascii: ":")
    }

    /// Whether the name begins like one of the protocol's: most fields need not be compared with all of them.
    static func mayBeProtocol(_ name: String) -> Bool {
        switch name.utf8.first {
        case UInt8(ascii: ":"), UInt8(ascii: "c"), UInt8(ascii: "t"), UInt8(ascii: "g"): true
        default: false
        }
    }

    /// The metadata in a header list.
    ///
    /// - Throws: the name of a `-bin` field that is not base64.
    static func metadata(_ headers: HTTP2Headers) throws(BadHeader) -> RPCMetadata {
        var metadata = RPCMetadata()
        metadata.reserveCapacity(headers.fields.count)
        for field in headers.fields where !isProtocol(field.name) {
            guard RPCMetadata.isOfBytes(field.name) else {
                metadata.add(wireName: field.name, field.value)
                continue
            }
            // Several values of one name may come joined by commas.
            for part in field.value.split(separator: ",", omittingEmptySubsequences: false) {
                guard let bytes = Base64.decode(trimmed(part)) else {
                    throw BadHeader(name: field.name)
                }
                metadata.add(field.name, bytes: bytes)
            }
        }
        return metadata
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }

    /// A header whose value can't be read.
    struct BadHeader: Error {
        let name: String
    }

    /// Appends metadata; fields that HTTP would refuse are dropped with an assertion, for they
    /// come from this program.
    static func append(_ metadata: RPCMetadata, to headers: inout HTTP2Headers) {
        for entry in metadata.entries where !isProtocol(entry.name) {
            switch entry.value {
            case .text(let text):
                var copy = text
                let isClean = copy.withUTF8 { $0.allSatisfy { (0x20...0x7e).contains($0) } }
                assert(isClean, "metadata text is printable ASCII: \(entry.name)")
                if isClean { headers.append(entry.name, text) }
            case .bytes(let bytes):
                headers.append(entry.name, Base64.encode(bytes))
            }
        }
    }

    /// The trailers of a status.
    static func trailers(_ status: RPCStatus, _ metadata: RPCMetadata = [:]) -> HTTP2Headers {
        var headers = HTTP2Headers()
        headers.append("grpc-status", String(status.code.rawValue))
        if !status.message.isEmpty {
            headers.append("grpc-message", PercentText.encode(status.message))
        }
        append(status.metadata, to: &headers)
        append(metadata, to: &headers)
        return headers
    }

    /// The status in trailers; nil if there is none.
    static func status(_ headers: HTTP2Headers) -> RPCStatus? {
        guard let text = headers["grpc-status"] else { return nil }
        let code = Int(text).map { RPCStatusCode(rawValue: $0) } ?? .unknown
        let message = headers["grpc-message"].map { PercentText.decode($0) } ?? ""
        do {
            return RPCStatus(code, message, metadata: try metadata(headers))
        } catch {
            return RPCStatus(.internalError, "bad \(error.name) in the trailers")
        }
    }

    /// What an HTTP status means where gRPC's own is missing.
    static func status(http: String?) -> RPCStatus {
        let code: RPCStatusCode =
            switch http {
            case "400": .internalError
            case "401": .unauthenticated
            case "403": .permissionDenied
            case "404": .unimplemented
            case "429", "502", "503", "504": .unavailable
            default: .unknown
            }
        return RPCStatus(code, "HTTP status \(http ?? "missing")")
    }

    /// `application/grpc`, alone or for protobuf, with parameters or not.
    static func isGRPC(contentType: String?) -> Bool {
        guard let contentType else { return false }
        // What nearly everybody sends; a byte comparison.
        if contentType == "application/grpc" { return true }
        let kind = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return kind == "application/grpc" || kind == "application/grpc+proto"
    }
}
