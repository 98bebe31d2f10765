import CaseProtocol
import Foundation
import HTTP2Transport
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization

/// One call whose head and body are given as they go onto the wire: says what no client library would.
struct WireCall: Sendable {
    var path: String
    var token: String?
    /// Replaces fields of the head; nil removes one.
    var head: [String: String?] = [:]
    /// The body, frames and all.
    var body: [UInt8]
    /// The body's end is said.
    var hasEnd = true

    /// A proper call of one message.
    init(_ path: String, _ message: some Message, token: String? = nil) throws {
        self.init(path, bytes: try message.serializedBytes(), token: token)
    }

    /// A proper call of one message that may be anything.
    init(_ path: String, bytes: [UInt8], token: String? = nil) {
        self.path = path
        self.token = token
        body = Self.frame(bytes)
    }

    /// A message as gRPC frames it.
    static func frame(_ message: [UInt8], flag: UInt8 = 0, length: Int? = nil) -> [UInt8] {
        let length = UInt32(length ?? message.count)
        return [flag] + stride(from: 24, through: 0, by: -8).map { UInt8(length >> $0 & 0xFF) }
            + message
    }

    /// What came back.
    struct Answer: Sendable, CustomStringConvertible {
        var fields: [String: String] = [:]
        var body: [UInt8] = []
        /// How the stream ended where no trailers came.
        var end = ""

        var code: Int? { fields["grpc-status"].flatMap { Int($0) } }
        var message: String {
            let text = fields["grpc-message"] ?? ""
            return text.removingPercentEncoding ?? text
        }
        var detail: PBErrorDetail {
            get throws {
                var text = fields[WireError.trailer] ?? ""
                text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
                return try PBErrorDetail(serializedBytes: Data(base64Encoded: text) ?? Data())
            }
        }
        var description: String { "\(fields) \(body.count) bytes \(end)" }
    }

    /// Makes the call on a connection of its own.
    func run(port: Int) async throws -> Answer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Answer.self)
        let call = self
        let connecting = HTTP2Bootstrap.connect(
            host: "127.0.0.1",
            port: port,
            tls: nil,
            serverName: nil,
            limits: HTTP2Limits(),
            connectTime: .seconds(5),
            eventLoop: loop,
            makeDelegate: { _ in WireExchange(call, promise) }
        )
        connecting.whenFailure { promise.fail($0) }
        return try await promise.futureResult.get()
    }

    fileprivate var headers: HTTP2Headers {
        var fields: [String: String?] = [
            ":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": path,
            "content-type": "application/grpc", "te": "trailers",
        ]
        if let token { fields["authorization"] = "Bearer \(token)" }
        fields.merge(head) { $1 }
        var headers = HTTP2Headers()
        // Pseudo fields first, which the alphabet happens to do.
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            if let value { headers.append(name, value) }
        }
        return headers
    }
}

/// The exchange on its event loop.
private final class WireExchange: HTTP2ConnectionDelegate, HTTP2StreamDelegate {
    private let call: WireCall
    private let promise: EventLoopPromise<WireCall.Answer>
    private var answer = WireCall.Answer()
    private var isOver = false
    private weak var connection: HTTP2Handler?

    init(_ call: WireCall, _ promise: EventLoopPromise<WireCall.Answer>) {
        self.call = call
        self.promise = promise
    }

    private func finish(_ end: String = "") {
        guard !isOver else { return }
        isOver = true
        answer.end = end
        promise.succeed(answer)
        connection?.abort()
    }

    func connectionMade(_ connection: HTTP2Handler) { self.connection = connection }

    func connectionStarted(_ connection: HTTP2Handler, peer: PeerIdentity?) {
        do {
            let stream = try connection.openStream(
                .none,
                call.headers,
                endStream: false,
                delegate: self
            )
            if !call.body.isEmpty { try stream.write(call.body, startsMessage: true) }
            if call.hasEnd { stream.end() }
        } catch {
            finish("\(error)")
        }
    }

    func streamOpened(
        _ stream: HTTP2Stream,
        on connection: HTTP2Handler
    ) -> any HTTP2StreamDelegate { self }

    func capacityChanged(_ connection: HTTP2Handler) {}

    func connectionClosed(_ connection: HTTP2Handler, error: TransportError?) {
        finish("connection: \(error.map { "\($0)" } ?? "closed")")
    }

    func received(_ headers: HTTP2Headers, on stream: HTTP2Stream) {
        for field in headers.fields { answer.fields[field.name] = field.value }
        if headers.endsStream { finish() }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream) {
        answer.body += bytes
        stream.grantCredit(bytes.count)
        stream.releaseHeld(bytes.count)
    }

    func receivedEnd(on stream: HTTP2Stream) { finish() }
    func sent(_ bytes: Int, on stream: HTTP2Stream) {}
    func deadlineReached(on stream: HTTP2Stream) {}
    func closed(_ end: HTTP2StreamEnd, on stream: HTTP2Stream) { finish("stream: \(end.code)") }
}
