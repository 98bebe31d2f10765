import HTTP2Transport
import NIOCore
import Synchronization

/// A server of gRPC calls on one address.
public final class RPCServer: Sendable {
    /// What a server needs to know.
    public struct Configuration: Sendable {
        /// A name or an address of this machine.
        public var host: String
        /// 0 for any free one.
        public var port: Int
        /// Nil for plain text.
        public var tls: TLSContext?
        /// Bounds of connections.
        public var http2 = HTTP2Limits()
        /// Bounds of calls.
        public var rpc = RPCLimits()
        /// Hears of every call of a method that the router knows; nil for nobody.
        public var observer: (any RPCCallObserver)?

        /// A server with default bounds.
        public init(host: String, port: Int, tls: TLSContext? = nil) {
            self.host = host
            self.port = port
            self.tls = tls
        }
    }

    private let channel: any Channel
    private let registry: ConnectionRegistry

    /// The port it listens on.
    public let port: Int

    private init(channel: any Channel, registry: ConnectionRegistry) {
        self.channel = channel
        self.registry = registry
        port = channel.localAddress?.port ?? 0
    }

    /// Listens; calls are answered from here on.
    ///
    /// - Throws: UNAVAILABLE when the address can't be had.
    public static func start(
        _ configuration: Configuration,
        router: RPCRouter,
        group: any EventLoopGroup
    ) async throws(RPCStatus) -> RPCServer {
        let registry = ConnectionRegistry(connectionsMax: configuration.rpc.connectionsMax)
        let limits = configuration.rpc
        let (isEncrypted, observer) = (configuration.tls != nil, configuration.observer)
        do {
            let channel = try await HTTP2Bootstrap.listen(
                host: configuration.host,
                port: configuration.port,
                tls: configuration.tls,
                limits: configuration.http2,
                group: group,
                isAdmitted: { registry.hasRoom },
                makeDelegate: { eventLoop in
                    ServerConnection(
                        router: router,
                        limits: limits,
                        isEncrypted: isEncrypted,
                        registry: registry,
                        observer: observer,
                        eventLoop: eventLoop
                    )
                }
            )
            return RPCServer(channel: channel, registry: registry)
        } catch {
            throw RPCStatus(
                .unavailable,
                "can't listen on \(configuration.host):\(configuration.port): "
                    + TransportError.systemWords(error)
            )
        }
    }

    /// Connections that are open now.
    public var connections: Int { registry.count }

    /// Takes no new connections, tells the open ones (GOAWAY twice), waits for their calls, and
    /// cuts what is still open after `time`.
    public func drain(within time: TimeAmount) async {
        // Closing a listener that is closed already is no fault.
        channel.close(promise: nil)
        registry.drain()
        let timer = channel.eventLoop.scheduleTask(in: time) { [registry] in registry.abort() }
        await registry.emptied()
        timer.cancel()
    }
}

/// The connections of a server, for counting, draining and cutting them.
final class ConnectionRegistry: Sendable {
    private struct Entry {
        let batcher: LoopBatcher
        let handle: NIOLoopBound<HandlerBox>
    }

    private struct State {
        var nextID = 0
        var entries: [Int: Entry] = [:]
        var isDraining = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let connectionsMax: Int
    private let state = Mutex(State())

    init(connectionsMax: Int) { self.connectionsMax = connectionsMax }

    var count: Int { state.withLock { $0.entries.count } }

    /// Asked before a connection is added: a few more may slip in on other loops.
    var hasRoom: Bool { state.withLock { !$0.isDraining && $0.entries.count < connectionsMax } }

    func add(_ batcher: LoopBatcher, handle: NIOLoopBound<HandlerBox>) -> Int {
        let (id, isDraining) = state.withLock { state in
            state.nextID += 1
            state.entries[state.nextID] = Entry(batcher: batcher, handle: handle)
            return (state.nextID, state.isDraining)
        }
        if isDraining { handle.value.isDraining = true }
        return id
    }

    func remove(_ id: Int) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.entries[id] = nil
            guard state.entries.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func drain() {
        let entries = state.withLock { state in
            state.isDraining = true
            return Array(state.entries.values)
        }
        for entry in entries { entry.batcher.enqueue { entry.handle.value.drain() } }
    }

    func abort() {
        let entries = state.withLock { Array($0.entries.values) }
        for entry in entries { entry.batcher.enqueue { entry.handle.value.handler?.abort() } }
    }

    func emptied() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.entries.isEmpty { return true }
                state.waiters.append(continuation)
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}
