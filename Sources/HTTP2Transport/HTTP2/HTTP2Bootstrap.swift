import NIOCore
import NIOPosix

/// Sockets with the right handlers on them.
public enum HTTP2Bootstrap {
    /// Connections that the kernel keeps ready for `accept`.
    private static let backlog: Int32 = 1_024

    /// Listens; every connection gets a delegate made on its own loop. Port 0: any free one.
    ///
    /// `isAdmitted` is asked on the connection's loop first; false closes it at once. Fails with
    /// the system's error when the address can't be had.
    public static func listen(
        host: String,
        port: Int,
        tls: TLSContext?,
        limits: HTTP2Limits,
        group: any EventLoopGroup,
        isAdmitted: @escaping @Sendable () -> Bool,
        makeDelegate: @escaping @Sendable (any EventLoop) -> any HTTP2ConnectionDelegate
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard isAdmitted() else { throw TransportError.closed }
                    try addHandlers(
                        channel,
                        role: .server,
                        tls: tls,
                        serverName: nil,
                        limits: limits,
                        makeDelegate: makeDelegate
                    )
                }
            }
            .bind(host: host, port: port)
            .get()
    }

    /// Connects; the delegate hears of success, or of the end.
    public static func connect(
        host: String,
        port: Int,
        tls: TLSContext?,
        serverName: String?,
        limits: HTTP2Limits,
        connectTime: TimeAmount,
        eventLoop: any EventLoop,
        makeDelegate: @escaping @Sendable (any EventLoop) -> any HTTP2ConnectionDelegate
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .resolver(HostResolver(loop: eventLoop))
            .connectTimeout(connectTime)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addHandlers(
                        channel,
                        role: .client,
                        tls: tls,
                        serverName: serverName ?? host,
                        limits: limits,
                        makeDelegate: makeDelegate
                    )
                }
            }
            .connect(host: host, port: port)
    }

    private static func addHandlers(
        _ channel: any Channel,
        role: HTTP2Handler.Role,
        tls: TLSContext?,
        serverName: String?,
        limits: HTTP2Limits,
        makeDelegate: (any EventLoop) -> any HTTP2ConnectionDelegate
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls {
            try pipeline.addHandler(
                TLSHandler(
                    context: tls,
                    serverName: role == .client ? serverName : nil,
                    handshakeTime: limits.handshakeTime
                )
            )
        }
        try pipeline.addHandler(
            HTTP2Handler(
                role: role,
                limits: limits,
                eventLoop: channel.eventLoop,
                delegate: makeDelegate(channel.eventLoop)
            )
        )
    }
}
