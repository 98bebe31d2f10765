import NIOCore
import NIOEmbedded
import Testing

@testable import HTTP2Transport

/// A socket that turns out to be gone while something is written to it, as when the process slept too long.
@Suite struct GoneSocketTests {
    /// Ends the channel within a write, as a socket does that the peer has reset.
    private final class GoneOnWrite: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var isGone = false
        var writes = 0

        func write(
            context: ChannelHandlerContext,
            data: NIOAny,
            promise: EventLoopPromise<Void>?
        ) {
            guard isGone else {
                promise?.succeed(())
                return
            }
            writes += 1
            context.close(promise: nil)
            promise?.fail(ChannelError.ioOnClosedChannel)
        }

        func flush(context: ChannelHandlerContext) {}
    }

    private final class Connection: HTTP2ConnectionDelegate {
        var ends = 0

        func connectionMade(_ connection: HTTP2Handler) {}
        func connectionStarted(_ connection: HTTP2Handler, peer: PeerIdentity?) {}
        func streamOpened(
            _ stream: HTTP2Stream,
            on connection: HTTP2Handler
        ) -> any HTTP2StreamDelegate { Call() }
        func capacityChanged(_ connection: HTTP2Handler) {}
        func connectionClosed(_ connection: HTTP2Handler, error: TransportError?) { ends += 1 }
    }

    private final class Call: HTTP2StreamDelegate {
        var ends = 0

        func received(_ headers: HTTP2Headers, on stream: HTTP2Stream) {}
        func received(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream) {}
        func receivedEnd(on stream: HTTP2Stream) {}
        func sent(_ bytes: Int, on stream: HTTP2Stream) {}
        func deadlineReached(on stream: HTTP2Stream) {}
        func closed(_ end: HTTP2StreamEnd, on stream: HTTP2Stream) { ends += 1 }
    }

    /// Its streams are over then, and the session, which still points at them, is asked for nothing more.
    @Test func nothingIsLaidOutForStreamsThatAreOver() throws {
        let channel = EmbeddedChannel()
        let socket = GoneOnWrite()
        let connection = Connection()
        var limits = HTTP2Limits()
        limits.writeBatchBytes = 1  // A frame a write.
        let handler = HTTP2Handler(
            role: .client,
            limits: limits,
            eventLoop: channel.eventLoop,
            delegate: connection
        )
        try channel.pipeline.syncOperations.addHandlers([socket, handler])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        channel.embeddedEventLoop.run()

        let calls = (0..<3).map { _ in Call() }
        let streams = try calls.map { call in
            let stream = try handler.openStream(
                .none,
                HTTP2Headers(),
                endStream: false,
                delegate: call
            )
            try stream.write([UInt8](repeating: 7, count: 4_096), startsMessage: true)
            return stream
        }
        socket.isGone = true
        channel.embeddedEventLoop.run()

        #expect(socket.writes == 1)
        #expect(connection.ends == 1)
        #expect(calls.map(\.ends) == [1, 1, 1])
        #expect(streams.allSatisfy { $0.connection == nil })
    }

    /// What a stream's user holds on to keeps neither the connection nor its session.
    @Test func aConnectionThatEndedIsLetGo() throws {
        weak var gone: HTTP2Handler?
        var kept: HTTP2Stream?
        let channel = EmbeddedChannel()
        do {
            let handler = HTTP2Handler(
                role: .client,
                limits: HTTP2Limits(),
                eventLoop: channel.eventLoop,
                delegate: Connection()
            )
            gone = handler
            try channel.pipeline.syncOperations.addHandlers([GoneOnWrite(), handler])
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            channel.embeddedEventLoop.run()
            kept = try handler.openStream(
                .none,
                HTTP2Headers(),
                endStream: false,
                delegate: Call()
            )
        }
        #expect(gone != nil && kept?.connection === gone)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        #expect(kept?.connection == nil)
        #expect(gone == nil)
    }
}
