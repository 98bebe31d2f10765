import ClusterPrimitives
import HTTP2Transport
import NIOCore
import RPC
import Testing

/// Peers that err, or attack. Each test ends with a good call: the server goes on.
@Suite(.timeLimit(.minutes(1)))
struct HostileClientTests {
    private func run(
        server adjust: (inout RPCServer.Configuration) -> Void = { _ in },
        _ body: (RawPeer, Harness) async throws -> Void
    ) async throws {
        try await Harness.run(server: adjust) { harness in
            let peer = try await RawPeer.connect(port: harness.server.port, group: harness.group)
            try await body(peer, harness)
            peer.channel.close(promise: nil)
            let reply = try await harness.client.unary(Echo.unary, [4, 2])
            #expect(reply.message == [4, 2])
        }
    }

    /// What the protocol asks of a request's head, and how the lack of it is answered.
    @Test(
        arguments: [
            (["content-type": "text/plain"], [], ":status", "415"),
            (["content-type": nil], [], ":status", "415"),
            (["content-type": "application/grpc+json"], [], ":status", "415"),
            (["content-type": "application/grpc+proto"], [], ":status", "200"),
            ([":method": "GET"], [], ":status", "405"),
            (["te": nil], [], "grpc-status", "3"),
            ([:], [("grpc-timeout", "1x")], "grpc-status", "3"),
            ([:], [("grpc-timeout", "123456789S")], "grpc-status", "3"),
            ([:], [("grpc-encoding", "gzip")], "grpc-status", "12"),
            ([:], [("grpc-encoding", "gzip")], "grpc-accept-encoding", "identity"),
            ([:], [("token-bin", "a")], "grpc-status", "3"),
            ([":path": "/test.Echo/Nothing"], [], "grpc-status", "12"),
            ([:], [("long", String(repeating: "x", count: 16_000))], "grpc-status", "8"),
        ] as [([String: String?], [(String, String)], String, String)]
    )
    func heads(
        replacing: [String: String?],
        adding: [(String, String)],
        name: String,
        value: String
    ) async throws {
        try await run(server: { $0.http2.headerListBytesMax = 8_000 }) { peer, _ in
            peer.send(
                RawPeer.hello()
                    + RawPeer.request(1, Echo.unary, replacing: replacing, adding: adding)
                    + RawPeer.message(1, [1])
            )
            let head = await peer.next(RawFrame.headers, stream: 1)
            #expect(head?.headers[name] == value, "\(String(describing: head?.headers))")
        }
    }

    /// A few bytes that unpack to sixty million: counted, not kept.
    @Test func headerBomb() async throws {
        try await run { peer, _ in
            // One long field goes into the table (0x40), and is then named by a byte each (0xbe).
            let long = RawPeer.block([("bomb", String(repeating: "x", count: 3_900))]).dropFirst()
            let request = RawPeer.request(1, Echo.unary)
            let block =
                request.dropFirst(9) + [0x40] + long + [UInt8](repeating: 0xbe, count: 12_000)
            peer.send(RawPeer.hello())
            peer.send(RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, Array(block)))
            peer.send(RawPeer.message(1, [1]))
            let head = await peer.next(RawFrame.headers, stream: 1)
            #expect(head?.headers["grpc-status"] == "8")
        }
    }

    /// Bodies that are not one gRPC message.
    @Test(
        arguments: [
            (RawPeer.message(1, [1], flag: 1), "13"),
            (RawPeer.message(1, [1], flag: 7), "13"),
            (RawPeer.frame(RawFrame.data, flags: 1, stream: 1, []), "13"),
            (RawPeer.frame(RawFrame.data, flags: 1, stream: 1, [0, 0, 0]), "13"),
            (RawPeer.frame(RawFrame.data, flags: 1, stream: 1, [0, 0, 0, 0, 9, 1, 2]), "13"),
            (RawPeer.message(1, [1], endStream: false) + RawPeer.message(1, [2]), "13"),
            (RawPeer.frame(RawFrame.data, stream: 1, [0, 0, 0x41, 0, 0]), "8"),
            (RawPeer.frame(RawFrame.data, stream: 1, [0, 255, 255, 255, 255]), "8"),
        ] as [([UInt8], String)]
    )
    func bodies(body: [UInt8], status: String) async throws {
        try await run { peer, _ in
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.unary) + body)
            let head = await peer.next(RawFrame.headers, stream: 1)
            #expect(head?.headers["grpc-status"] == status)
            #expect(head?.endsStream == true)
        }
    }

    /// Not HTTP/2 at all.
    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: test\r\n\r\n".utf8),
        [UInt8](repeating: 0, count: 100),
        Array("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8),
    ])
    func otherProtocols(bytes: [UInt8]) async throws {
        try await run { peer, _ in
            peer.send(bytes)
            await peer.closed()
        }
    }

    /// Random bytes after a good start, whole or cut: no crash, and others are still served.
    @Test(arguments: UInt64(1)...48)
    func noise(seed: UInt64) async throws {
        try await run { peer, _ in
            var random = SeededGenerator(seed: seed)
            var bytes = RawPeer.hello()
            for stream in 0..<UInt32(20) {
                bytes += RawPeer.request(stream * 2 + 1, Echo.unary)
                bytes += RawPeer.message(stream * 2 + 1, [1, 2, 3])
            }
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                let index = Int.random(in: 24..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...100, using: &random))
            peer.send(bytes)
            // A PING that is answered, or the end: either shows that everything was read.
            peer.send(RawPeer.frame(RawFrame.ping, Array("12345678".utf8)))
            let closing = peer.channel.eventLoop.scheduleTask(in: .milliseconds(300)) {
                peer.channel.close(promise: nil)
            }
            let answer = await peer.next { $0.kind == RawFrame.ping && $0.flags == 1 }
            closing.cancel()
            if let answer {
                #expect(answer.payload == Array("12345678".utf8), "SEED=\(seed)")
            }
        }
    }

    /// Streams opened and reset at once: handlers that still run bound what is started.
    @Test func rapidReset() async throws {
        try await run(server: { $0.http2.concurrentStreamsMax = 50 }) { peer, harness in
            var bytes = RawPeer.hello()
            for index in 0..<UInt32(5_000) {
                let stream = index * 2 + 1
                bytes += RawPeer.request(stream, Echo.hold) + RawPeer.message(stream, [1])
                bytes += RawPeer.reset(stream, 8)
            }
            peer.send(bytes)
            let end = await peer.next(RawFrame.goAway)
            #expect(end != nil)
            await peer.closed()
            #expect(harness.echo.heldCount <= 50)
            #expect(harness.echo.heldCount > 0)
        }
    }

    /// Faults that make the *server* reset streams whose handlers go on: rapid reset in disguise.
    @Test func provokedResets() async throws {
        try await run(server: { $0.http2.concurrentStreamsMax = 50 }) { peer, harness in
            var bytes = RawPeer.hello()
            for index in 0..<UInt32(400) {
                let stream = index * 2 + 1
                bytes += RawPeer.request(stream, Echo.hold) + RawPeer.message(stream, [1])
                // A window above the protocol's limit: a stream error that the server must answer.
                bytes += RawPeer.frame(
                    RawFrame.windowUpdate,
                    stream: stream,
                    RawPeer.bytes(UInt32(Int32.max))
                )
            }
            peer.send(bytes)
            let end = await peer.next(RawFrame.goAway)
            #expect(end?.number(at: 4) == HTTP2ErrorCode.enhanceYourCalm.rawValue)
            await peer.closed()
            #expect(harness.echo.heldCount <= 50)
        }
    }

    /// A reset stream's handler still counts; when it ends there is room again.
    @Test func resetStreamsStillCount() async throws {
        try await run(server: { $0.http2.concurrentStreamsMax = 3 }) { peer, harness in
            var bytes = RawPeer.hello()
            for stream in [UInt32(1), 3, 5] {
                bytes += RawPeer.request(stream, Echo.hold) + RawPeer.message(stream, [1])
            }
            peer.send(bytes)
            await harness.echo.waitHeld(3)
            peer.send([UInt32(1), 3, 5].flatMap { RawPeer.reset($0, 8) })
            await harness.echo.waitCancelled(3)
            peer.send(RawPeer.request(7, Echo.unary) + RawPeer.message(7, [7]))
            let refused = await peer.next(RawFrame.reset, stream: 7)
            #expect(refused?.number(at: 0) == HTTP2ErrorCode.refusedStream.rawValue)
            harness.echo.releaseHeld()
            // The connection may read a request before it hears that the handlers ended.
            var answer: RawFrame?
            var stream: UInt32 = 7
            repeat {
                stream += 2
                peer.send(RawPeer.request(stream, Echo.unary) + RawPeer.message(stream, [9]))
                answer = await peer.next { [stream] in
                    $0.stream == stream && [RawFrame.data, RawFrame.reset].contains($0.kind)
                }
            } while answer?.kind == RawFrame.reset
            #expect(answer?.payload == [0, 0, 0, 0, 1, 9])
        }
    }

    /// Frames that cost work and carry nothing.
    @Test(arguments: [
        RawPeer.frame(RawFrame.ping, [UInt8](repeating: 0, count: 8)),
        RawPeer.frame(RawFrame.settings),
        RawPeer.frame(RawFrame.data, stream: 1),
    ])
    func idleFrames(frame: [UInt8]) async throws {
        try await run { peer, _ in
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.unary))
            for _ in 0..<20 { peer.send((0..<100).flatMap { _ in frame }) }
            let end = await peer.next(RawFrame.goAway)
            #expect(end?.number(at: 4) == HTTP2ErrorCode.enhanceYourCalm.rawValue)
            await peer.closed()
        }
    }

    /// More bytes than the connection's window, on streams that nobody reads: their credit comes
    /// back, so that the connection does not starve.
    @Test(arguments: ["/test.Echo/Nothing", Echo.stuck, Echo.unary])
    func creditOfUnreadStreams(path: String) async throws {
        try await run(server: { $0.http2.connectionWindowBytes = 100_000 }) { peer, _ in
            peer.send(RawPeer.hello())
            var window = 65_535
            let piece = [UInt8](repeating: 1, count: 10_000)
            for index in 0..<UInt32(40) {
                let stream = index * 2 + 1
                peer.send(RawPeer.request(stream, path))
                while window < piece.count {
                    let update = await peer.next(RawFrame.windowUpdate, stream: 0)
                    guard let update else {
                        Issue.record("the connection ended")
                        return
                    }
                    window += Int(update.number(at: 0))
                }
                peer.send(RawPeer.frame(RawFrame.data, stream: stream, piece))
                window -= piece.count
                if path == Echo.unary { peer.send(RawPeer.reset(stream, 8)) }
            }
        }
    }

    /// Messages that a handler does not take give no credit: the sender stops at the window.
    @Test func untakenMessagesGiveNoCredit() async throws {
        try await run(server: { $0.http2.streamWindowBytes = 65_535 }) { peer, _ in
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.stuck))
            let message = [UInt8](repeating: 1, count: 1_000)
            for _ in 0..<(65_535 / 1_005) {
                peer.send(RawPeer.message(1, message, endStream: false))
            }
            peer.send(RawPeer.frame(RawFrame.ping, [UInt8](repeating: 1, count: 8)))
            _ = await peer.next { $0.kind == RawFrame.ping && $0.flags == 1 }
            let update = peer.take { $0.kind == RawFrame.windowUpdate && $0.stream == 1 }
            #expect(update == nil)
            let other = peer.take { $0.kind == RawFrame.windowUpdate && $0.stream == 0 }
            #expect(other != nil, "the connection's credit comes back at once")
        }
    }

    /// A head without its message is not waited for longer than the limit.
    @Test func slowRequest() async throws {
        try await run(server: { $0.rpc.requestTime = .milliseconds(50) }) { peer, _ in
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.unary))
            let head = await peer.next(RawFrame.headers, stream: 1)
            #expect(head?.headers["grpc-status"] == "4")
        }
    }

    /// A connection that says nothing is closed.
    @Test func silence() async throws {
        try await run(
            server: {
                $0.http2.handshakeTime = .milliseconds(50)
                $0.http2.tickInterval = .milliseconds(10)
            }
        ) { peer, _ in
            await peer.closed()
        }
    }

    /// A reader that gives no credit: the writer is told to wait, and the stream is given up.
    @Test func stalledReader() async throws {
        try await run(
            server: {
                $0.http2.writeStallTime = .milliseconds(100)
                $0.http2.tickInterval = .milliseconds(10)
            }
        ) { peer, _ in
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.flood) + RawPeer.message(1, []))
            let reset = await peer.next(RawFrame.reset, stream: 1)
            #expect(reset?.number(at: 0) == HTTP2ErrorCode.cancel.rawValue)
        }
    }

    /// A writer that does not wait for its slow consumer: the call ends with a typed status, also
    /// when no credit is left to send a body with.
    @Test func overrunReader() async throws {
        try await run { peer, _ in
            peer.send(
                RawPeer.hello(RawPeer.setting(4, 0))
                    + RawPeer.request(1, Echo.overrun)
                    + RawPeer.message(1, [1], endStream: false)
            )
            let end = await peer.next { $0.stream == 1 && $0.endsStream }
            #expect(end?.headers["grpc-status"] == "8")
        }
    }

    /// The same with half a message on the wire: a reset is all that is left.
    @Test func overrunReaderWithinAMessage() async throws {
        try await run { peer, _ in
            peer.send(
                RawPeer.hello() + RawPeer.request(1, Echo.overrun)
                    + RawPeer.message(1, [0], endStream: false)
            )
            var received = 0
            while received < 65_535, let frame = await peer.next(RawFrame.data, stream: 1) {
                received += frame.payload.count
            }
            peer.send(RawPeer.message(1, [1], endStream: false))
            let reset = await peer.next(RawFrame.reset, stream: 1)
            #expect(reset?.number(at: 0) == HTTP2ErrorCode.enhanceYourCalm.rawValue)
        }
    }

    /// The server's own clock ends a call, also when the caller says nothing more.
    @Test func deadlineOnTheServer() async throws {
        try await run { peer, harness in
            peer.send(
                RawPeer.hello()
                    // A handler that starts with the head: the deadline may be over when the message comes.
                    + RawPeer.request(1, Echo.stuck, adding: [("grpc-timeout", "50m")])
                    + RawPeer.message(1, [1])
            )
            let head = await peer.next(RawFrame.headers, stream: 1)
            #expect(head?.headers["grpc-status"] == "4")
            await harness.echo.waitCancelled(1)
        }
    }

    /// GOAWAY twice: what was under way between the two is served.
    @Test func drain() async throws {
        // Far away, so that the PING's answer alone brings the second one.
        try await Harness.run(server: { $0.http2.drainNoticeTime = .seconds(60) }) { harness in
            let peer = try await RawPeer.connect(port: harness.server.port, group: harness.group)
            peer.send(RawPeer.hello() + RawPeer.request(1, Echo.hold) + RawPeer.message(1, [1]))
            await harness.echo.waitHeld(1)
            async let drained: Void = harness.server.drain(within: .seconds(20))
            let notice = await peer.next(RawFrame.goAway)
            #expect(notice?.number(at: 0) == UInt32(Int32.max))
            let ping = await peer.next { $0.kind == RawFrame.ping && $0.flags == 0 }
            peer.send(RawPeer.request(3, Echo.unary) + RawPeer.message(3, [3]))
            peer.send(RawPeer.frame(RawFrame.ping, flags: 1, ping?.payload ?? []))
            let final = await peer.next(RawFrame.goAway)
            #expect(final?.number(at: 0) == 3)
            #expect(final?.number(at: 4) == 0)
            let between = await peer.next(RawFrame.data, stream: 3)
            #expect(between?.payload.last == 3)
            harness.echo.releaseHeld()
            let held = await peer.next(RawFrame.data, stream: 1)
            #expect(held?.payload.last == 1)
            await peer.closed()
            await drained
            #expect(harness.server.connections == 0)
        }
    }
}
