import ClusterPrimitives
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTP2Transport

/// Two TLS handlers on embedded channels, with the bytes between them carried by hand.
@Suite struct TLSHandlerTests {
    /// Notes what a handler above TLS sees. Confined to its channel's loop.
    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        var isActive = false
        var peer: PeerIdentity?
        var plain: [UInt8] = []
        var errors: [TransportError] = []

        func channelActive(context: ChannelHandlerContext) { isActive = true }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            plain += Array(unwrapInboundIn(data).readableBytesView)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let ready = event as? TLSReady { peer = ready.peer }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let error = error as? TransportError { errors.append(error) }
        }
    }

    private struct End {
        let channel: EmbeddedChannel
        let recorder: Recorder
    }

    private func end(_ context: TLSContext, serverName: String?) throws -> End {
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        let handler = try TLSHandler(context: context, serverName: serverName)
        try channel.pipeline.syncOperations.addHandlers([handler, recorder])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return End(channel: channel, recorder: recorder)
    }

    /// Carries bytes both ways until there are none; in random pieces.
    private func pump(_ left: End, _ right: End, _ random: inout SeededGenerator) throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            for (from, to) in [(left, right), (right, left)] {
                while var bytes = try from.channel.readOutbound(as: ByteBuffer.self) {
                    isMoving = true
                    while bytes.readableBytes > 0, to.channel.isActive {
                        let count = min(
                            bytes.readableBytes,
                            Int.random(in: 1...2_000, using: &random)
                        )
                        guard let piece = bytes.readSlice(length: count) else { break }
                        _ = try to.channel.writeInbound(piece)
                    }
                }
            }
        }
    }

    private func contexts() throws -> (server: TLSContext, client: TLSContext) {
        let authority = try CertificateAuthority.make(commonName: "test", days: 1)
        let node = try authority.issue(
            CertificateRequest(
                commonName: "node",
                dnsNames: ["node.test", "*.wild.test"],
                addresses: ["10.0.0.1", "::1"],
                uris: ["case://node/1"],
                usage: .both,
                days: 1
            )
        )
        return (
            try TLSContext(
                .server(
                    certificate: .bytes(node.certificatePEM),
                    key: .bytes(node.keyPEM),
                    clientRoots: .bytes(authority.certificatePEM),
                    clients: .required
                )
            ),
            try TLSContext(
                .client(
                    roots: .bytes(authority.certificatePEM),
                    certificate: .bytes(node.certificatePEM),
                    key: .bytes(node.keyPEM)
                )
            )
        )
    }

    /// New files count for connections made after the reload; one that stands is not touched. Files that
    /// can't be used change nothing.
    @Test func aReloadIsForNewConnections() throws {
        let folder = try PEMFolder()
        let old = try CertificateAuthority.make(commonName: "old", days: 1)
        let new = try CertificateAuthority.make(commonName: "new", days: 2)
        try folder.put(old)
        let server = try TLSContext(
            .server(
                certificate: .file(folder.certificate),
                key: .file(folder.key),
                clientRoots: .file(folder.roots),
                clients: .none
            )
        )
        func opens(trusting authority: CertificateAuthority) throws -> (End, End) {
            var random = SeededGenerator(seed: 1)
            let client = try TLSContext(.client(roots: .bytes(authority.certificatePEM)))
            let ends = (try end(client, serverName: "node.test"), try end(server, serverName: nil))
            try pump(ends.0, ends.1, &random)
            return ends
        }
        let standing = try opens(trusting: old)
        #expect(standing.0.recorder.isActive)
        #expect(try !server.reload(), "nothing has changed")

        try folder.write("no PEM", to: folder.certificate)
        #expect(throws: TransportError.self) { try server.reload() }
        #expect(try opens(trusting: old).0.recorder.isActive)

        try folder.put(new)
        #expect(try server.reload())
        #expect(try !opens(trusting: old).0.recorder.isActive)
        #expect(try opens(trusting: new).0.recorder.isActive)
        #expect(server.validities.first?.file == folder.certificate)

        var random = SeededGenerator(seed: 2)
        _ = try standing.0.channel.writeOutbound(ByteBuffer(string: "still here"))
        try pump(standing.0, standing.1, &random)
        #expect(standing.1.recorder.plain == Array("still here".utf8))
    }

    /// However the wire cuts the bytes: one handshake, the same plain bytes, a clean end.
    @Test(arguments: UInt64(1)...16)
    func anyCut(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let contexts = try contexts()
        let server = try end(contexts.server, serverName: nil)
        let client = try end(contexts.client, serverName: "node.test")
        #expect(!client.recorder.isActive && !server.recorder.isActive)
        try pump(client, server, &random)
        #expect(client.recorder.isActive && server.recorder.isActive)
        let identity = PeerIdentity(
            commonName: "node",
            dnsNames: ["node.test", "*.wild.test"],
            uris: ["case://node/1"],
            addresses: ["10.0.0.1", "::1"]
        )
        #expect(server.recorder.peer == identity)
        #expect(client.recorder.peer == identity)
        var sent: [UInt8] = []
        for _ in 0..<20 {
            let count = Int.random(in: 0...40_000, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            sent += bytes
            try client.channel.writeOutbound(ByteBuffer(bytes: bytes))
            try pump(client, server, &random)
        }
        #expect(server.recorder.plain == sent, "SEED=\(seed)")
        client.channel.close(promise: nil)
        client.channel.embeddedEventLoop.run()
        try pump(client, server, &random)
        server.channel.embeddedEventLoop.run()
        #expect(!server.channel.isActive, "close_notify ends the other side")
        #expect(server.recorder.errors.isEmpty)
        #expect(client.recorder.errors.isEmpty)
    }

    @Test(arguments: [
        ("node.test", true), ("NODE.test", true), ("a.wild.test", true), ("10.0.0.1", true),
        ("::1", true), ("other.test", false), ("a.b.wild.test", false), ("wild.test", false),
        ("10.0.0.2", false), ("node", false), ("node.test.evil", false),
    ])
    func names(name: String, isGood: Bool) throws {
        var random = SeededGenerator(seed: 1)
        let contexts = try contexts()
        let server = try end(contexts.server, serverName: nil)
        let client = try end(contexts.client, serverName: name)
        try pump(client, server, &random)
        #expect(client.recorder.isActive == isGood)
        #expect(client.recorder.errors.isEmpty == isGood)
    }

    /// Silence during the handshake is not waited for longer than its time.
    @Test func handshakeTimeout() throws {
        let contexts = try contexts()
        let server = try end(contexts.server, serverName: nil)
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(server.recorder.errors.isEmpty)
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(server.recorder.errors == [.handshakeTimeout])
        #expect(!server.recorder.isActive)
    }

    /// Bytes that are no TLS, and TLS bytes with a bit turned: an error, never plain bytes.
    @Test(arguments: UInt64(1)...32)
    func damage(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let contexts = try contexts()
        let server = try end(contexts.server, serverName: nil)
        let client = try end(contexts.client, serverName: "node.test")
        if seed % 2 == 0 { try pump(client, server, &random) }
        if client.recorder.isActive {
            try client.channel.writeOutbound(ByteBuffer(repeating: 9, count: 500))
        }
        var bytes = try #require(try client.channel.readOutbound(as: ByteBuffer.self))
        let index = Int.random(in: 5..<bytes.readableBytes, using: &random)
        let old = bytes.getInteger(at: index, as: UInt8.self) ?? 0
        bytes.setInteger(old ^ UInt8(1 << Int.random(in: 0...7, using: &random)), at: index)
        _ = try server.channel.writeInbound(bytes)
        try pump(client, server, &random)
        #expect(server.recorder.plain.isEmpty, "SEED=\(seed)")
        if seed % 2 == 0 { #expect(!server.recorder.errors.isEmpty, "SEED=\(seed)") }
    }
}
