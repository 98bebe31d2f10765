import HTTP2Transport
import NIOCore
import NIOPosix
import RPC
import Testing

/// The client against servers that err, refuse, go away or say nothing.
@Suite(.timeLimit(.minutes(1)))
struct ClientTests {
    private func run(
        _ adjust: (inout RPCClient.Configuration) -> Void = { _ in },
        _ body: (RawServer, RPCClient) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let server = try await RawServer.listen(group: group)
        var configuration = RPCClient.Configuration(
            targets: [RPCTarget(host: "127.0.0.1", port: server.port)]
        )
        adjust(&configuration)
        let client = RPCClient(configuration, group: group)
        try await body(server, client)
        await client.shutdown(within: .milliseconds(100))
        try await server.channel.close()
        try await group.shutdownGracefully()
    }

    private static let head = RawPeer.block([
        (":status", "200"), ("content-type", "application/grpc"),
    ])

    private static func answer(_ stream: UInt32, _ message: [UInt8]) -> [UInt8] {
        RawPeer.frame(RawFrame.headers, flags: 4, stream: stream, head)
            + RawPeer.message(stream, message, endStream: false)
            + RawPeer.frame(
                RawFrame.headers,
                flags: 5,
                stream: stream,
                RawPeer.block([("grpc-status", "0")])
            )
    }

    private func reply(
        _ client: RPCClient,
        deadline: NIODeadline? = nil
    ) async -> Result<RPCReply, RPCStatus> {
        do {
            return .success(try await client.unary("/a/b", [1], deadline: deadline))
        } catch {
            return .failure(error)
        }
    }

    /// REFUSED_STREAM: not processed, so it is sent again by itself, a bounded number of times.
    @Test func refusedIsRetried() async throws {
        try await run { server, client in
            async let reply = reply(client)
            let peer = await server.accept()
            let first = await peer.next(RawFrame.headers)
            peer.send(RawPeer.reset(try #require(first?.stream), 7))
            let second = await peer.next(RawFrame.headers)
            peer.send(Self.answer(try #require(second?.stream), [9]))
            #expect(try await reply.get().message == [9])
            async let refused = self.reply(client)
            for _ in 0..<3 {
                let attempt = await peer.next(RawFrame.headers)
                peer.send(RawPeer.reset(try #require(attempt?.stream), 7))
            }
            let failed = await refused
            #expect(throws: RPCStatus(.unavailable, "the stream was reset: REFUSED_STREAM")) {
                try failed.get()
            }
        }
    }

    /// A connection that breaks after the request was sent: the outcome is unknown, no retry.
    @Test func lostIsNotRetried() async throws {
        try await run { server, client in
            async let reply = reply(client)
            let peer = await server.accept()
            _ = await peer.next(RawFrame.data)
            peer.channel.close(promise: nil)
            let outcome = await reply
            #expect(throws: RPCStatus.self) { try outcome.get() }
            if case .failure(let status) = outcome { #expect(status.code == .unavailable) }
            #expect(server.accepted == 1)
        }
    }

    /// What is above a GOAWAY's last id goes to a new connection; what is below is finished.
    @Test func goAway() async throws {
        try await run { server, client in
            async let first = reply(client)
            let peer = await server.accept()
            let one = await peer.next(RawFrame.data)
            async let second = reply(client)
            let two = await peer.next(RawFrame.data)
            let last = try #require(one?.stream)
            #expect(two?.stream == last + 2)
            peer.send(RawPeer.frame(RawFrame.goAway, RawPeer.bytes(last) + RawPeer.bytes(0)))
            let next = await server.accept()
            let again = await next.next(RawFrame.data)
            next.send(Self.answer(try #require(again?.stream), [2]))
            #expect(try await second.get().message == [2])
            peer.send(Self.answer(last, [1]))
            #expect(try await first.get().message == [1])
        }
    }

    /// More calls than streams: the rest waits, and none is lost.
    @Test func streamLimit() async throws {
        try await run { server, client in
            let replies = Task {
                await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            if case .success = await self.reply(client) { return true }
                            return false
                        }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
            }
            let peer = await server.accept()
            peer.send(RawPeer.frame(RawFrame.settings, RawPeer.setting(3, 2)))
            for _ in 0..<20 {
                let call = await peer.next { $0.kind == RawFrame.data && $0.endsStream }
                peer.send(Self.answer(try #require(call?.stream), [1]))
            }
            #expect(await replies.value == 20)
        }
    }

    @Test func deadlineResetsTheStream() async throws {
        try await run { server, client in
            async let first = reply(client)
            let peer = await server.accept()
            let ready = await peer.next(RawFrame.data)
            peer.send(Self.answer(try #require(ready?.stream), [1]))
            _ = try await first.get()
            async let reply = reply(client, deadline: .now() + .seconds(1))
            let head = await peer.next { $0.kind == RawFrame.headers && $0.stream > 1 }
            #expect(head?.headers["grpc-timeout"] != nil)
            let reset = await peer.next(RawFrame.reset)
            #expect(reset?.number(at: 0) == HTTP2ErrorCode.cancel.rawValue)
            let outcome = await reply
            #expect(throws: RPCStatus(.deadlineExceeded, "the deadline has passed")) {
                try outcome.get()
            }
        }
    }

    /// Cancelling the Task resets the stream.
    @Test func cancellationResetsTheStream() async throws {
        try await run { server, client in
            let task = Task { await reply(client) }
            let peer = await server.accept()
            _ = await peer.next(RawFrame.data)
            task.cancel()
            let reset = await peer.next(RawFrame.reset)
            #expect(reset?.number(at: 0) == HTTP2ErrorCode.cancel.rawValue)
            let outcome = await task.value
            #expect(throws: RPCStatus(.cancelled, "cancelled by the caller")) {
                try outcome.get()
            }
        }
    }

    /// Responses that no server should give.
    @Test(
        arguments: [
            (
                RawPeer.frame(
                    RawFrame.headers,
                    flags: 5,
                    stream: 1,
                    RawPeer.block([(":status", "503")])
                ), 14
            ),
            (
                RawPeer.frame(
                    RawFrame.headers,
                    flags: 5,
                    stream: 1,
                    RawPeer.block([(":status", "404")])
                ), 12
            ),
            (RawPeer.frame(RawFrame.headers, flags: 5, stream: 1, head), 13),
            (
                RawPeer.frame(
                    RawFrame.headers,
                    flags: 4,
                    stream: 1,
                    RawPeer.block([(":status", "200"), ("content-type", "text/html")])
                ), 2
            ),
            (
                RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, head)
                    + RawPeer.frame(RawFrame.data, flags: 1, stream: 1), 13
            ),
            (
                RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, head)
                    + RawPeer.message(1, [1], flag: 1, endStream: false), 13
            ),
            (
                RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, head)
                    + RawPeer.frame(RawFrame.data, stream: 1, [0, 255, 255, 255, 255]), 8
            ),
            (
                RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, head)
                    + RawPeer.message(1, [1], endStream: false)
                    + RawPeer.message(1, [1], endStream: false), 13
            ),
            (
                RawPeer.frame(RawFrame.headers, flags: 4, stream: 1, head)
                    + RawPeer.frame(
                        RawFrame.headers,
                        flags: 5,
                        stream: 1,
                        RawPeer.block([("grpc-status", "0")])
                    ), 13
            ),
            (
                RawPeer.frame(
                    RawFrame.headers,
                    flags: 5,
                    stream: 1,
                    RawPeer.block([
                        (":status", "200"), ("content-type", "application/grpc"),
                        ("grpc-status", "77"), ("grpc-message", "a%20b%zz"),
                    ])
                ), 77
            ),
            (RawPeer.reset(1, 11), 8),
            (RawPeer.reset(1, 2), 13),
        ] as [([UInt8], Int)]
    )
    func badResponses(bytes: [UInt8], code: Int) async throws {
        try await run { server, client in
            async let reply = reply(client)
            let peer = await server.accept()
            _ = await peer.next(RawFrame.data)
            peer.send(bytes)
            let outcome = await reply
            guard case .failure(let status) = outcome else {
                Issue.record("it was taken for an answer")
                return
            }
            #expect(status.code.rawValue == code, "\(status)")
            if code == 77 { #expect(status.message == "a b%zz") }
        }
    }

    /// A server that is gone without a word is found out by its silence.
    @Test func keepalive() async throws {
        try await run({
            $0.http2.keepaliveInterval = .milliseconds(50)
            $0.http2.keepaliveTimeout = .milliseconds(50)
            $0.http2.tickInterval = .milliseconds(10)
        }) { server, client in
            async let reply = reply(client)
            let peer = await server.accept()
            _ = await peer.next(RawFrame.data)
            let ping = await peer.next { $0.kind == RawFrame.ping && $0.flags == 0 }
            #expect(ping != nil)
            if case .failure(let status) = await reply {
                #expect(status.code == .unavailable)
            } else {
                Issue.record("nothing was answered")
            }
        }
    }

    /// Nobody listens: calls fail at once, with the reason, and pauses grow.
    @Test func nobodyListens() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await RawServer.listen(group: group)
        let port = server.port
        try await server.channel.close()
        let client = RPCClient(
            RPCClient.Configuration(targets: [RPCTarget(host: "127.0.0.1", port: port)]),
            group: group
        )
        for _ in 0..<3 {
            let outcome = await reply(client)
            guard case .failure(let status) = outcome else {
                Issue.record("nobody could answer")
                break
            }
            #expect(status.code == .unavailable && status.isNeverSent)
        }
        await client.shutdown()
        let after = await reply(client)
        #expect(throws: RPCStatus(.unavailable, "the client is shut down", isNeverSent: true)) {
            try after.get()
        }
        try await group.shutdownGracefully()
    }

    /// The server that is asked to trust must be the one that is meant.
    @Test(arguments: ["other.test", "127.0.0.2"])
    func wrongServerName(name: String) async throws {
        try await Harness.run(
            .tls,
            client: {
                let target = $0.targets[0]
                $0.targets = [RPCTarget(host: target.host, port: target.port, serverName: name)]
            }
        ) { harness in
            let failed = await status { () throws(RPCStatus) in
                try await harness.client.unary(Echo.unary, [])
            }
            #expect(failed?.code == .unavailable)
            #expect(failed?.message.contains("mismatch") == true, "\(String(describing: failed))")
        }
    }

    /// A server of another authority, and a client without a certificate.
    @Test func untrusted() async throws {
        let other = try Certificates()
        try await Harness.run(
            .tls,
            client: { configuration in
                configuration.tls = nil
                do {
                    configuration.tls = try other.clientContext(.tls)
                } catch {
                    Issue.record(error)
                }
            }
        ) { harness in
            let failed = await status { () throws(RPCStatus) in
                try await harness.client.unary(Echo.unary, [])
            }
            #expect(failed?.code == .unavailable)
            #expect(failed?.message.contains("certificate") == true)
        }
        let certificates = try Certificates()
        try await Harness.run(
            .plain,
            server: { configuration in
                do {
                    configuration.tls = try certificates.serverContext(.mutualTLS)
                } catch {
                    Issue.record(error)
                }
            },
            client: { configuration in
                do {
                    configuration.tls = try certificates.clientContext(.tls)
                } catch {
                    Issue.record(error)
                }
            }
        ) { harness in
            let failed = await status { () throws(RPCStatus) in
                try await harness.client.unary(Echo.unary, [])
            }
            #expect(failed?.code == .unavailable)
        }
    }

    /// One of two servers drains under load: no call fails.
    @Test(arguments: [Security.plain, .tls])
    func drainUnderLoad(security: Security) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let certificates = try Certificates()
        let echo = Echo()
        var servers: [RPCServer] = []
        for _ in 0..<2 {
            servers.append(
                try await RPCServer.start(
                    .init(
                        host: "127.0.0.1",
                        port: 0,
                        tls: try certificates.serverContext(security)
                    ),
                    router: echo.router(),
                    group: group
                )
            )
        }
        let client = RPCClient(
            RPCClient.Configuration(
                targets: servers.map { RPCTarget(host: "127.0.0.1", port: $0.port) },
                tls: try certificates.clientContext(security)
            ),
            group: group
        )
        let done = Counter()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<20 {
                tasks.addTask {
                    for number in 0..<100 {
                        let message = Array("\(worker) \(number)".utf8)
                        let reply = try await client.unary(Echo.unary, message)
                        #expect(reply.message == message)
                        done.increment()
                    }
                }
            }
            let draining = servers[0]
            tasks.addTask {
                await done.reached(300)
                await draining.drain(within: .seconds(10))
            }
            try await tasks.waitForAll()
        }
        #expect(done.value == 2_000)
        await client.shutdown()
        await servers[1].drain(within: .seconds(5))
        try await group.shutdownGracefully()
    }
}
