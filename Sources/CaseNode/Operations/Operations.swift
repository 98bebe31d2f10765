import HTTP2Transport
import Logging
import NIOCore
import Synchronization

/// What an operator sees of this node without a token: probes and metrics on a port of their own. There from the
/// first moment of a start to the last of a stop.
final class Operations: Sendable {
    /// Between two signs of life, in seconds.
    static let pulseSeconds: Int64 = 1

    let health = NodeHealth()
    /// `host:port`; nil where it is off, or where the derived port was taken.
    let address: String?
    private let server: OperationsServer?
    private let watching = Mutex<RepeatedTask?>(nil)
    private let logger: Logger

    /// Listens as configured.
    /// - Throws: `ConfigurationError`, where a port that was asked for can't be had.
    static func start(_ configuration: NodeConfiguration, logger: Logger) async throws -> Operations
    {
        try await Operations(configuration, logger)
    }

    private init(_ configuration: NodeConfiguration, _ logger: Logger) async throws {
        self.logger = logger
        guard let port = configuration.operationsPort else {
            server = nil
            address = nil
            return
        }
        let host = configuration.operationsListenHost
        do {
            let server = try await OperationsServer.start(
                host: host,
                port: port,
                health: health,
                logger: logger
            )
            self.server = server
            address = host.contains(":") ? "[\(host)]:\(server.port)" : "\(host):\(server.port)"
        } catch {
            let reason = "can't listen on \(host):\(port): \(TransportError.systemWords(error))"
            // Nobody asked for this port: a node that serves its clients is worth more than one that is watched.
            guard configuration.operationsListenPort == .derived else {
                throw ConfigurationError(option: "operations-listen-port", reason: reason)
            }
            logger.error(
                "no health and no metrics are served: name another --operations-listen-port",
                metadata: ["reason": "\(reason)"]
            )
            server = nil
            address = nil
        }
    }

    /// Has the node's threads give signs of life from now on, so that how late they are can be counted.
    func watch(_ pulse: Pulse) {
        let delay = TimeAmount.seconds(Self.pulseSeconds)
        let task = server?.eventLoop.scheduleRepeatedTask(initialDelay: delay, delay: delay) { _ in
            pulse.ask()
        }
        watching.withLock { $0 = task }
    }

    /// The node's threads are about to end: nothing is asked of them any more. Probes are answered still.
    func leaveAlone() async {
        health.ends()
        let task = watching.withLock { task in
            defer { task = nil }
            return task
        }
        guard let task, let loop = server?.eventLoop else { return }
        let over = loop.makePromise(of: Void.self)
        task.cancel(promise: over)
        do {
            try await over.futureResult.get()
        } catch {
            logger.error("the pulse did not end", metadata: ["error": "\(error)"])
        }
    }

    /// The last thing of a stop.
    func stop() async {
        await leaveAlone()
        do {
            try await server?.stop()
        } catch {
            logger.error("the operations port did not close", metadata: ["error": "\(error)"])
        }
    }
}
