import HTTP2Transport
import NIOCore
import NIOPosix
import Synchronization

/// Asks a node's operations port, for `casenode health`.
public enum OperationsProbe {
    /// Time for the whole question, in seconds: the node answers within two whatever is wrong with it.
    public static let secondsMax: Int64 = 5
    /// Bytes of an answer that are kept: some reasons, not a page of metrics.
    public static let answerBytesMax = 64 << 10

    /// What a node has answered.
    public struct Answer: Equatable, Sendable {
        /// The HTTP status.
        public let status: Int
        /// The lines of text that came with it.
        public let text: String
    }

    /// Why there is no answer.
    public struct Unreachable: Error, CustomStringConvertible {
        /// For people.
        public let description: String
    }

    /// `GET path` at a node on this machine. Of the answer at most `bytesMax` bytes are kept.
    /// - Throws: `Unreachable`, where nobody answers in time, or not in HTTP.
    public static func get(
        _ path: String,
        host: String,
        port: Int,
        bytesMax: Int = answerBytesMax
    ) async throws -> Answer {
        let collected = Collected(bytesMax: bytesMax)
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(secondsMax))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Collector(into: collected))
                    }
                }
                .connect(host: host, port: port).get()
            let timer = channel.eventLoop.scheduleTask(in: .seconds(secondsMax)) {
                channel.close(promise: nil)
            }
            let request = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n"
            try await channel.writeAndFlush(ByteBuffer(string: request))
            try await channel.closeFuture.get()
            timer.cancel()
        } catch {
            throw Unreachable(description: "\(TransportError(connecting: error))")
        }
        guard let answer = parse(collected.text) else {
            throw Unreachable(description: "\(host):\(port): no answer within \(secondsMax) s")
        }
        return answer
    }

    /// Reads an answer that ends with its connection.
    static func parse(_ text: String) -> Answer? {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let words = text.prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            return nil
        }
        return Answer(status: status, text: String(text[end.upperBound...]))
    }

    private final class Collected: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        private let bytesMax: Int

        init(bytesMax: Int) { self.bytesMax = bytesMax }

        var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

        func add(_ buffer: ByteBuffer) {
            bytes.withLock { bytes in
                bytes.append(
                    contentsOf: buffer.readableBytesView.prefix(bytesMax - bytes.count)
                )
            }
        }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let collected: Collected

        init(into collected: Collected) { self.collected = collected }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            collected.add(unwrapInboundIn(data))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
