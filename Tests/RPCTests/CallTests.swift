import ClusterPrimitives
import HTTP2Transport
import NIOCore
import RPC
import Testing

/// Calls of each kind, over each kind of connection.
@Suite(.timeLimit(.minutes(2)))
struct CallTests {
    @Test(arguments: Security.allCases)
    func unary(security: Security) async throws {
        try await Harness.run(security) { harness in
            for size in [0, 1, 5, 1_000, 16_384, 16_385, 70_000, 3_000_000] {
                let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                let reply = try await harness.client.unary(Echo.unary, message)
                #expect(reply.message == message, "\(size) bytes")
            }
        }
    }

    @Test func metadata() async throws {
        try await Harness.run { harness in
            var metadata: RPCMetadata = ["echo": "a b", "authorization": "secret"]
            metadata.add("echo-bin", bytes: [0, 1, 255])
            let reply = try await harness.client.unary(Echo.unary, [1], metadata: metadata)
            #expect(reply.trailers["echo"] == "a b")
            #expect(reply.trailers.bytes("echo-bin") == [0, 1, 255])
        }
    }

    @Test(arguments: Security.allCases)
    func peer(security: Security) async throws {
        try await Harness.run(security) { harness in
            let reply = try await harness.client.unary(Echo.peer, [])
            let text = String(decoding: reply.message, as: UTF8.self)
            switch security {
            case .plain: #expect(text == "- [] true false")
            case .tls: #expect(text == "- [] true true")
            case .mutualTLS: #expect(text == "agent [\"case://client/7\"] true true")
            }
        }
    }

    @Test func statusAndItsDetail() async throws {
        try await Harness.run { harness in
            let failed = await status { () throws(RPCStatus) in
                try await harness.client.unary(Echo.fail, [])
            }
            #expect(failed?.code == .aborted)
            #expect(failed?.message == "väry %bad\n")
            #expect(failed?.metadata["retry"] == "no")
            let missing = await status { () throws(RPCStatus) in
                try await harness.client.unary("/test.Echo/Nothing", [])
            }
            #expect(missing?.code == .unimplemented)
            let dropped = await status { () throws(RPCStatus) in
                try await harness.client.unary(Echo.drop, [])
            }
            #expect(dropped?.code == .internalError)
        }
    }

    @Test(arguments: Security.allCases)
    func manyAtOnce(security: Security) async throws {
        try await Harness.run(security) { harness in
            // More than the server lets open at once: the rest waits in the client.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2_000 {
                    group.addTask {
                        let message = Array("\(number)".utf8)
                        let reply = try await harness.client.unary(Echo.unary, message)
                        #expect(reply.message == message)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: Security.allCases)
    func serverStreaming(security: Security) async throws {
        try await Harness.run(security) { harness in
            var received: [[UInt8]] = []
            for try await message in harness.client.serverStream(Echo.count, [200]).messages {
                received.append(message)
            }
            #expect(received == (0..<200).map { [UInt8($0)] })
        }
    }

    @Test(arguments: Security.allCases)
    func bothWays(security: Security) async throws {
        try await Harness.run(security) { harness in
            for path in [Echo.chat, Echo.push] {
                let call = harness.client.stream(path)
                var messages = call.messages.makeAsyncIterator()
                for number in 0..<100 {
                    let message = [UInt8](repeating: UInt8(number), count: number * 1_000)
                    try await call.writer.send(message)
                    #expect(try await messages.next() == message, "\(path) \(number)")
                }
                call.writer.finish()
                #expect(try await messages.next() == nil)
            }
        }
    }

    @Test func clientStreaming() async throws {
        try await Harness.run { harness in
            let call = harness.client.stream(Echo.sum)
            for _ in 0..<300 { try await call.writer.send([UInt8](repeating: 1, count: 20_000)) }
            call.writer.finish()
            var messages = call.messages.makeAsyncIterator()
            #expect(try await messages.next() == Array("6000000".utf8))
            #expect(try await messages.next() == nil)
        }
    }

    /// Whatever the windows and marks are, many chats at once come through whole and in order.
    @Test(arguments: UInt64(1)...12)
    func anyWindow(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        func limits() -> (HTTP2Limits, RPCLimits) {
            var http2 = HTTP2Limits()
            let windows = [1, 100, 5_000, 65_535, 300_000]
            http2.streamWindowBytes = windows.randomElement(using: &random) ?? 1
            http2.connectionWindowBytes = Bool.random(using: &random) ? 65_535 : 1_000_000
            http2.writeBatchBytes = [1, 1_000, 65_536].randomElement(using: &random) ?? 1
            http2.inboundHeldBytesMax = Bool.random(using: &random) ? 20_000 : 10_000_000
            var rpc = RPCLimits()
            rpc.writerHighWaterBytes = [0, 1_000, 100_000].randomElement(using: &random) ?? 0
            rpc.writerLowWaterBytes = rpc.writerHighWaterBytes / 2
            return (http2, rpc)
        }
        let server = limits()
        let client = limits()
        // Small windows need a round trip for each few bytes.
        let bytesMax =
            switch min(server.0.streamWindowBytes, client.0.streamWindowBytes) {
            case 1: 50
            case 100: 2_000
            default: 50_000
            }
        let sizes = (0..<8).map { _ in
            (0..<20).map { _ in Int.random(in: 0...bytesMax, using: &random) }
        }
        try await Harness.run(
            seed % 2 == 0 ? .plain : .tls,
            server: { ($0.http2, $0.rpc) = server },
            client: { ($0.http2, $0.rpc) = client }
        ) { harness in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for (worker, sizes) in sizes.enumerated() {
                    tasks.addTask {
                        try await chat(harness, worker: worker, sizes: sizes, seed: seed)
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    private func chat(
        _ harness: Harness,
        worker: Int,
        sizes: [Int],
        seed: UInt64
    ) async throws {
        let call = harness.client.stream(worker % 2 == 0 ? Echo.chat : Echo.push)
        let sending = Task {
            for (index, size) in sizes.enumerated() {
                try await call.writer.send([UInt8](repeating: UInt8(index), count: size))
            }
            call.writer.finish()
        }
        var received: [Int] = []
        for try await message in call.messages {
            let isIntact = message.allSatisfy { $0 == UInt8(received.count) }
            #expect(isIntact, "SEED=\(seed)")
            received.append(message.count)
        }
        #expect(received == sizes, "SEED=\(seed)")
        try await sending.value
    }

    /// Cancelling, dropping and leaving a stream all reach the server.
    @Test func serverHearsOfTheEnd() async throws {
        try await Harness.run { harness in
            let first = harness.client.stream(Echo.stuck)
            first.writer.write([1])
            // The echo that comes later on the same connection shows that the call has begun.
            _ = try await harness.client.unary(Echo.unary, [])
            first.cancel()
            await harness.echo.waitCancelled(1)
            let ended = await status { () throws(RPCStatus) in
                var messages = first.messages.makeAsyncIterator()
                return try await messages.next()
            }
            #expect(ended?.code == .cancelled)
            if case .closed(let status) = first.writer.write([2]) {
                #expect(status.code == .cancelled)
            } else {
                Issue.record("a cancelled call took a message")
            }
            var dropped: RPCClientStream? = harness.client.stream(Echo.stuck)
            dropped?.writer.write([1])
            _ = try await harness.client.unary(Echo.unary, [])
            dropped = nil
            await harness.echo.waitCancelled(2)
            let deadline = harness.client.stream(
                Echo.stuck,
                deadline: .now() + .milliseconds(50)
            )
            await harness.echo.waitCancelled(3)
            let late = await status { () throws(RPCStatus) in
                var messages = deadline.messages.makeAsyncIterator()
                return try await messages.next()
            }
            #expect(late?.code == .deadlineExceeded)
        }
    }

    /// A reader whose Task is cancelled wakes up; the call itself goes on.
    @Test func cancelledReader() async throws {
        try await Harness.run { harness in
            let call = harness.client.stream(Echo.chat)
            let reading = Task {
                await status { () throws(RPCStatus) in
                    var messages = call.messages.makeAsyncIterator()
                    return try await messages.next()
                }
            }
            reading.cancel()
            #expect(await reading.value?.code == .cancelled)
            var messages = call.messages.makeAsyncIterator()
            try await call.writer.send([1, 2])
            #expect(try await messages.next() == [1, 2])
        }
    }

    /// A server that is drained while calls hang cuts them when the time is over.
    @Test func drainCutsWhatHangs() async throws {
        try await Harness.run { harness in
            let hanging = Task {
                await status { () throws(RPCStatus) in
                    try await harness.client.unary(Echo.hold, [])
                }
            }
            await harness.echo.waitHeld(1)
            await harness.server.drain(within: .milliseconds(50))
            #expect(await hanging.value?.code == .unavailable)
            #expect(harness.server.connections == 0)
        }
    }

    @Test func slowReaderIsNotFlooded() async throws {
        try await Harness.run { harness in
            let call = harness.client.serverStream(Echo.flood, [])
            var messages = call.messages.makeAsyncIterator()
            for _ in 0..<500 { #expect(try await messages.next()?.count == 10_000) }
            // The other streams of the connection go on meanwhile.
            let reply = try await harness.client.unary(Echo.unary, [1])
            #expect(reply.message == [1])
            call.cancel()
        }
    }
}
