import HTTP2Transport
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// How the connections of a test are secured.
enum Security: CaseIterable, Sendable {
    case plain
    case tls
    case mutualTLS
}

/// One authority for all tests, with a server's and a client's certificate.
struct Certificates {
    let authority: CertificateAuthority
    let server: IssuedCertificate
    let client: IssuedCertificate

    init() throws {
        authority = try CertificateAuthority.make(commonName: "test authority", days: 2)
        server = try authority.issue(
            CertificateRequest(
                commonName: "node-1",
                dnsNames: ["localhost"],
                addresses: ["127.0.0.1"],
                usage: .both,
                days: 1
            )
        )
        client = try authority.issue(
            CertificateRequest(
                commonName: "agent",
                dnsNames: ["agent.test"],
                uris: ["case://client/7"],
                usage: .client,
                days: 1
            )
        )
    }

    func serverContext(_ security: Security) throws -> TLSContext? {
        switch security {
        case .plain: nil
        case .tls:
            try TLSContext(
                .server(
                    certificate: .bytes(server.certificatePEM),
                    key: .bytes(server.keyPEM)
                )
            )
        case .mutualTLS:
            try TLSContext(
                .server(
                    certificate: .bytes(server.certificatePEM),
                    key: .bytes(server.keyPEM),
                    clientRoots: .bytes(authority.certificatePEM),
                    clients: .required
                )
            )
        }
    }

    func clientContext(_ security: Security) throws -> TLSContext? {
        switch security {
        case .plain: nil
        case .tls: try TLSContext(.client(roots: .bytes(authority.certificatePEM)))
        case .mutualTLS:
            try TLSContext(
                .client(
                    roots: .bytes(authority.certificatePEM),
                    certificate: .bytes(client.certificatePEM),
                    key: .bytes(client.keyPEM)
                )
            )
        }
    }
}

/// A server of the echo service and a client for it, on loops of their own.
struct Harness {
    let group: MultiThreadedEventLoopGroup
    let server: RPCServer
    let client: RPCClient
    let echo: Echo

    /// Runs a test between start and a full stop; nothing outlives it.
    static func run(
        _ security: Security = .plain,
        server adjustServer: (inout RPCServer.Configuration) -> Void = { _ in },
        client adjustClient: (inout RPCClient.Configuration) -> Void = { _ in },
        _ body: (Harness) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let certificates = try Certificates()
        let echo = Echo()
        var configuration = RPCServer.Configuration(
            host: "127.0.0.1",
            port: 0,
            tls: try certificates.serverContext(security)
        )
        adjustServer(&configuration)
        let server = try await RPCServer.start(configuration, router: echo.router(), group: group)
        var clientConfiguration = RPCClient.Configuration(
            targets: [RPCTarget(host: "127.0.0.1", port: server.port)],
            tls: try certificates.clientContext(security)
        )
        adjustClient(&clientConfiguration)
        let client = RPCClient(clientConfiguration, group: group)
        let harness = Harness(group: group, server: server, client: client, echo: echo)
        do {
            try await body(harness)
        } catch {
            await harness.stop()
            throw error
        }
        await harness.stop()
    }

    private func stop() async {
        echo.releaseHeld()
        await client.shutdown(within: .seconds(2))
        await server.drain(within: .seconds(2))
        do {
            try await group.shutdownGracefully()
        } catch {
            Issue.record("the event loops did not stop: \(error)")
        }
    }
}

/// The service under test.
final class Echo: Sendable {
    private let held = Mutex<[UnaryCall]>([])
    private let heldCalls = Counter()
    private let cancelledCalls = Counter()

    static let unary = "/test.Echo/Unary"
    static let hold = "/test.Echo/Hold"
    static let fail = "/test.Echo/Fail"
    static let peer = "/test.Echo/Peer"
    static let drop = "/test.Echo/Drop"
    static let count = "/test.Echo/Count"
    static let flood = "/test.Echo/Flood"
    static let overrun = "/test.Echo/Overrun"
    static let chat = "/test.Echo/Chat"
    static let push = "/test.Echo/Push"
    static let sum = "/test.Echo/Sum"
    static let stuck = "/test.Echo/Stuck"

    func router() -> RPCRouter {
        var router = RPCRouter()
        let health = HealthService()
        health.set("", serving: true)
        health.register(in: &router)
        router.unary(Self.unary) { call in
            var trailers = RPCMetadata()
            if let echo = call.context.metadata["echo"] { trailers["echo"] = echo }
            if let bytes = call.context.metadata.bytes("echo-bin") {
                trailers.add("echo-bin", bytes: bytes)
            }
            call.complete(call.message, metadata: trailers)
        }
        router.unary(Self.hold) { call in
            call.context.onCancel { self.cancelledCalls.increment() }
            self.held.withLock { $0.append(call) }
            self.heldCalls.increment()
        }
        router.unary(Self.fail) { call in
            call.fail(
                RPCStatus(.aborted, "väry %bad\n", metadata: ["retry": "no"])
            )
        }
        router.unary(Self.peer) { call in
            let peer = call.context.peer
            let text =
                "\(peer.identity?.commonName ?? "-") \(peer.identity?.uris ?? []) "
                + "\(peer.isLoopback) \(peer.isEncrypted)"
            call.complete(Array(text.utf8))
        }
        router.unary(Self.drop) { _ in }
        router.serverStream(Self.count) { call in
            for index in 0..<(call.message.first ?? 0) { call.writer.write([index]) }
            call.writer.finish(metadata: ["counted": "yes"])
        }
        // Writes for ever, as fast as it is let.
        router.serverStream(Self.flood) { call in
            let piece = [UInt8](repeating: 7, count: 10_000)
            let task = Task {
                while true { try await call.writer.send(piece) }
            }
            call.context.onCancel { task.cancel() }
        }
        // Writes on without a look at whether there is room: a little, or without end.
        router.stream(Self.overrun) { call in
            let piece = [UInt8](repeating: 7, count: 10_000)
            call.messages.receive { inbound in
                guard case .message(let order) = inbound else { return }
                for _ in 0..<(order == [0] ? 30 : Int.max) {
                    if case .closed(let status) = call.writer.write(piece) {
                        return call.writer.finish(status)
                    }
                }
            }
        }
        router.stream(Self.chat) { call in
            Task {
                do throws(RPCStatus) {
                    for try await message in call.messages { try await call.writer.send(message) }
                    call.writer.finish()
                } catch {
                    call.writer.finish(error)
                }
            }
        }
        router.stream(Self.push) { call in
            call.messages.receive { inbound in
                switch inbound {
                case .message(let message): call.writer.write(message)
                case .end: call.writer.finish()
                case .failed(let status): call.writer.finish(status)
                }
            }
        }
        router.stream(Self.sum) { call in
            Task {
                var bytes = 0
                do throws(RPCStatus) {
                    for try await message in call.messages { bytes += message.count }
                    call.writer.write(Array("\(bytes)".utf8))
                    call.writer.finish()
                } catch {
                    call.writer.finish(error)
                }
            }
        }
        // Takes the call and reads nothing until it is cancelled.
        router.stream(Self.stuck) { call in
            call.context.onCancel {
                self.cancelledCalls.increment()
                call.writer.finish(RPCStatus(.cancelled))
            }
        }
        return router
    }

    /// Waits until so many calls of `hold` have come.
    func waitHeld(_ count: Int) async { await heldCalls.reached(count) }

    /// Waits until so many calls heard of their cancellation.
    func waitCancelled(_ count: Int) async { await cancelledCalls.reached(count) }

    /// Calls that are held now.
    var heldCount: Int { held.withLock { $0.count } }

    /// Answers all held calls with their own messages.
    func releaseHeld() {
        let calls = held.withLock { held in
            defer { held = [] }
            return held
        }
        for call in calls { call.complete(call.message) }
    }
}

/// The status that an operation fails with; nil if it does not.
func status<Result>(
    _ operation: () async throws(RPCStatus) -> Result
) async -> RPCStatus? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error
    }
}

/// A count that several tasks raise.
final class Counter: Sendable {
    private struct State {
        var count = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var value: Int { state.withLock { $0.count } }

    func increment() {
        let woken = state.withLock { state in
            state.count += 1
            let count = state.count
            let woken = state.waiters.filter { $0.count <= count }
            state.waiters.removeAll { $0.count <= count }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Waits until it has come so far.
    func reached(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.count >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
