/// Hears of a server's calls, for metrics. Called on event loops; must be quick and must not block.
public protocol RPCCallObserver: Sendable {
    /// A call of a known method has begun.
    func callBegan(_ path: String)

    /// That call has ended, with an answer or without one; once for each that began.
    /// - Parameters:
    ///   - path: of the method, one that the router knows.
    ///   - code: what the caller was told, or would have been.
    ///   - nanoseconds: since its head came.
    func callEnded(_ path: String, _ code: RPCStatusCode, nanoseconds: UInt64)
}
