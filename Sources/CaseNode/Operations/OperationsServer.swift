import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// `/livez`, `/readyz` and `/metrics` over HTTP/1.1, on a port and an event loop of their own, so that a stalled
/// loop of the node's can be told of.
final class OperationsServer: Sendable {
    /// Connections at once: a probe and a scraper or two, each with room to spare.
    static let connectionsMax = 64
    /// Time after which a connection that says nothing is closed, in seconds.
    static let idleSeconds: Int64 = 60

    /// A page as text.
    struct Page: Sendable {
        let isFine: Bool
        let contentType: String
        let text: String

        /// Plain text: lines, or `fine` where there are none.
        init(_ faults: [String], fine: String) {
            isFine = faults.isEmpty
            contentType = "text/plain; charset=utf-8"
            text = (faults.isEmpty ? [fine] : faults).map { $0 + "\n" }.joined()
        }

        /// Metrics; nil while there are none.
        init(metrics: String?) {
            isFine = metrics != nil
            contentType = MetricPage.contentType
            text = metrics ?? ""
        }
    }

    /// The port that it listens on.
    let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let serving: Task<Void, any Error>

    /// Listens.
    /// - Throws: where the address can't be had.
    static func start(
        host: String,
        port: Int,
        health: NodeHealth,
        logger: Logger
    ) async throws -> OperationsServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            return try await OperationsServer(host, port, router(health), group, logger)
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private static func router(_ health: NodeHealth) -> Router<BasicRequestContext> {
        let router = Router()
        router.get("livez") { _, _ in response(Page(try await health.faults(), fine: "alive")) }
        router.get("readyz") { _, _ in response(Page(health.objections, fine: "ready")) }
        router.get("metrics") { _, _ in response(Page(metrics: try await health.metrics())) }
        return router
    }

    private static func response(_ page: Page) -> Response {
        Response(
            status: page.isFine ? .ok : .serviceUnavailable,
            headers: [.contentType: page.contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page.text))
        )
    }

    private init(
        _ host: String,
        _ port: Int,
        _ router: Router<BasicRequestContext>,
        _ group: MultiThreadedEventLoopGroup,
        _ logger: Logger
    ) async throws {
        var logger = logger
        // It tells of each of its own steps, and calls its end an error; what matters is thrown.
        logger.logLevel = .critical
        let (ports, said) = AsyncThrowingStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            server: .http1(configuration: .init(idleTimeout: .seconds(Self.idleSeconds))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)
            ),
            onServerRunning: { channel in
                said.yield(channel.localAddress?.port ?? port)
                said.finish()
            },
            eventLoopGroupProvider: .shared(group),
            logger: logger
        )
        let serving = Task {
            do {
                try await application.run()
            } catch {
                said.finish(throwing: error)
                throw error
            }
        }
        var bound: Int?
        for try await port in ports { bound = port }
        self.port = bound ?? port
        self.group = group
        self.serving = serving
    }

    /// Where its connections live.
    var eventLoop: any EventLoop { group.next() }

    /// Listens no more.
    func stop() async throws {
        serving.cancel()
        do {
            try await serving.value
        } catch is CancellationError {
            // As asked.
        }
        try await group.shutdownGracefully()
    }
}
