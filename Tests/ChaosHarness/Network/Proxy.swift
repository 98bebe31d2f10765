import NIOCore
import NIOPosix
import ProcessSupport

/// Stands between all parties: one listener for what nodes say to a node, one for what clients say to it.
/// Who calls is known by the address that the call comes from.
final class Proxy: Sendable {
    /// An address and a port.
    struct Address: Hashable, Sendable {
        var host: String
        var port: Int
    }

    private let fabric: Fabric
    private let group: any EventLoopGroup
    /// Callers by their addresses.
    private let parties = Locked<[String: Party]>([:])
    /// Where what is said at a listener goes: it changes when a node is replaced.
    private let targets = Locked<[Address: Address]>([:])
    private let listeners = Locked<[any Channel]>([])

    init(fabric: Fabric, group: any EventLoopGroup) {
        self.fabric = fabric
        self.group = group
    }

    /// Says whose calls come from an address; all others are clients'.
    func know(_ party: Party, at host: String) { parties.withLock { $0[host] = party } }

    /// Says where calls to `listener` go from now on.
    func direct(_ listener: Address, to target: Address) {
        targets.withLock { $0[listener] = target }
    }

    /// Takes calls for a node.
    func listen(for node: Int, at address: Address) async throws {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try take(channel, for: .node(node), at: address)
                }
            }
        let channel = try await bootstrap.bind(host: address.host, port: address.port).get()
        listeners.withLock { $0.append(channel) }
    }

    private func take(_ caller: any Channel, for callee: Party, at listener: Address) throws {
        let host = caller.remoteAddress?.ipAddress ?? ""
        let party = parties.withLock { $0[host] } ?? .clients
        guard let target = targets.withLock({ $0[listener] }),
            let there = fabric.link(party, callee), let back = fabric.link(callee, party)
        else {
            caller.close(promise: nil)
            return
        }
        let forth = Pump(there)
        try caller.pipeline.syncOperations.addHandler(forth)
        let connected = ClientBootstrap(group: caller.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: target.host, port: target.port)
        // The same loop: both pumps live there.
        connected.assumeIsolated().whenComplete { result in
            switch result {
            case .failure:
                // Nobody listens there: the caller is refused.
                caller.close(promise: nil)
            case .success(let called):
                do {
                    let pump = Pump(back)
                    try called.pipeline.syncOperations.addHandler(pump)
                    pump.connect(to: caller)
                    forth.connect(to: called)
                    for channel in [caller, called] {
                        channel.setOption(.autoRead, value: true).whenFailure { _ in
                            // Closed meanwhile; its end was carried on.
                        }
                    }
                } catch {
                    caller.close(promise: nil)
                    called.close(promise: nil)
                }
            }
        }
    }

    /// Ends all listening.
    func close() async throws {
        let channels = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for channel in channels { try await channel.close() }
    }
}
