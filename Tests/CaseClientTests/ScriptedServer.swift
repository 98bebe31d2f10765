import CaseClient
import CaseProtocol
import ClusterPrimitives
import NIOCore
import NIOPosix
import RPC
import SwiftProtobuf
import Synchronization

/// A real server on loopback whose answers are a script: each call takes the next one, and the last
/// one stays.
final class ScriptedServer: Sendable {
    /// One answer.
    enum Answer: Sendable {
        case message([UInt8], RPCMetadata = [:])
        case status(RPCStatus)
        case silence
        /// Streams: these messages, then this end; nil leaves the stream open.
        case stream([[UInt8]], RPCStatus?)

        static func reply(_ message: some Message) throws -> Answer {
            .message(try message.serializedBytes())
        }

        /// An answer from an older state.
        static func reply(_ message: some Message, age: String) throws -> Answer {
            .message(try message.serializedBytes(), ["casecluster-age-ms": age])
        }

        static func failure(_ code: RPCStatusCode, _ detail: PBErrorDetail? = nil) throws -> Answer
        {
            var metadata = RPCMetadata()
            if let detail {
                metadata.add(WireError.trailer, bytes: try detail.serializedBytes())
            }
            return .status(RPCStatus(code, "scripted", metadata: metadata))
        }
    }

    /// One call as it came.
    struct Received: Sendable {
        let path: String
        let authorization: String?
        /// `casecluster-stale`.
        let stale: String?
        let message: [UInt8]
    }

    private struct State {
        var script: [Answer] = []
        var received: [Received] = []
        var unanswered: [UnaryCall] = []
        /// A stream whose call is dropped ends.
        var open: [ServerStreamCall] = []
    }

    private let state: Mutex<State>
    let server: RPCServer

    private init(state: consuming State, server: RPCServer) {
        self.state = Mutex(state)
        self.server = server
    }

    var endpoint: CaseEndpoint { CaseEndpoint(host: "127.0.0.1", port: server.port) }
    var received: [Received] { state.withLock { $0.received } }

    /// Starts a server and runs `body` with it.
    @discardableResult
    static func with<Result>(
        _ script: [Answer],
        _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let box = Box()
        var router = RPCRouter()
        let paths = [
            "Cases/Create", "Cases/Execute", "Cases/Get", "Cases/List", "Cases/History",
            "Directory/ListTeams", "Intake/Submit", "Cluster/Status",
        ]
        for path in paths {
            router.unary("/casecluster.v1.\(path)") { call in box.value?.answer(call) }
        }
        router.serverStream("/casecluster.v1.Cases/Watch") { call in box.value?.answer(call) }
        let server = try await RPCServer.start(
            RPCServer.Configuration(host: "127.0.0.1", port: 0),
            router: router,
            group: MultiThreadedEventLoopGroup.singleton
        )
        let scripted = ScriptedServer(state: State(script: script), server: server)
        box.set(scripted)
        do {
            let result = try await body(scripted)
            await scripted.stop()
            return result
        } catch {
            await scripted.stop()
            throw error
        }
    }

    /// Stops at once.
    func stop() async {
        let left = state.withLock { state in
            defer {
                state.unanswered = []
                state.open = []
            }
            return state.unanswered
        }
        for call in left { call.fail(RPCStatus(.unavailable)) }
        await server.drain(within: .milliseconds(0))
    }

    private func next(_ context: RPCContext, _ message: [UInt8]) -> Answer {
        state.withLock { state in
            state.received.append(
                Received(
                    path: context.path,
                    authorization: context.metadata["authorization"],
                    stale: context.metadata["casecluster-stale"],
                    message: message
                )
            )
            return state.script.count > 1
                ? state.script.removeFirst()
                : state.script.first ?? .status(RPCStatus(.unimplemented))
        }
    }

    private func answer(_ call: UnaryCall) {
        switch next(call.context, call.message) {
        case .message(let bytes, let metadata): call.complete(bytes, metadata: metadata)
        case .status(let status): call.fail(status)
        case .silence: state.withLock { $0.unanswered.append(call) }
        case .stream: call.fail(RPCStatus(.internalError, "a stream was scripted for a unary call"))
        }
    }

    private func answer(_ call: ServerStreamCall) {
        switch next(call.context, call.message) {
        case .stream(let messages, let end):
            for message in messages { _ = call.writer.write(message) }
            if let end { call.writer.finish(end) } else { state.withLock { $0.open.append(call) } }
        case .status(let status): call.writer.finish(status)
        case .message, .silence: break
        }
    }

    /// The router needs the server before the server is there.
    private final class Box: Sendable {
        private let server = Mutex<ScriptedServer?>(nil)
        var value: ScriptedServer? { server.withLock { $0 } }
        func set(_ value: ScriptedServer) { server.withLock { $0 = value } }
    }
}

/// A seeded source for clients under test; keys and pauses repeat from run to run.
func testConfiguration(
    _ endpoints: [CaseEndpoint],
    seed: UInt64 = 1,
    attemptsMax: Int = 4,
    deadline: Duration = .seconds(20)
) -> CaseClientConfiguration {
    CaseClientConfiguration(
        endpoints: endpoints,
        token: "test-token",
        deadline: deadline,
        // What a server was asked is counted: a slow machine must not make it one more.
        attemptDeadline: deadline,
        retry: CaseRetryPolicy(
            attemptsMax: attemptsMax,
            pauseMin: .milliseconds(1),
            pauseMax: .milliseconds(5)
        ),
        random: SeededGenerator(seed: seed)
    )
}

/// Runs `body` with a client and shuts it down.
@discardableResult
func withClient<Result>(
    _ configuration: CaseClientConfiguration,
    _ body: (CaseClient) async throws -> Result
) async throws -> Result {
    let client = try CaseClient(configuration)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}
