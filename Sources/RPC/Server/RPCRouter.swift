/// Which handler answers which path. Filled before the server starts.
public struct RPCRouter: Sendable {
    enum Route: Sendable {
        case unary(@Sendable (UnaryCall) -> Void)
        case serverStream(@Sendable (ServerStreamCall) -> Void)
        case stream(@Sendable (StreamCall) -> Void)
    }

    private var routes: [String: Route] = [:]

    /// Answers every path with UNIMPLEMENTED.
    public init() {}

    /// The paths, sorted.
    public var paths: [String] { routes.keys.sorted() }

    /// A method with one request and one response. `handler` runs on the connection's event loop
    /// and must not block it; the call may be completed later, from any thread.
    public mutating func unary(
        _ path: String,
        _ handler: @escaping @Sendable (UnaryCall) -> Void
    ) {
        add(path, .unary(handler))
    }

    /// A method with one request and many responses. `handler` runs on the event loop.
    public mutating func serverStream(
        _ path: String,
        _ handler: @escaping @Sendable (ServerStreamCall) -> Void
    ) {
        add(path, .serverStream(handler))
    }

    /// A method with many requests. `handler` runs on the event loop when the head has come.
    public mutating func stream(
        _ path: String,
        _ handler: @escaping @Sendable (StreamCall) -> Void
    ) {
        add(path, .stream(handler))
    }

    private mutating func add(_ path: String, _ route: Route) {
        precondition(path.hasPrefix("/"), "a path is /package.Service/Method")
        precondition(routes[path] == nil, "two handlers for \(path)")
        routes[path] = route
    }

    func route(_ path: String) -> Route? { routes[path] }
}
