import HTTP2Transport
import NIOCore
import Synchronization

/// Performs what `PoolState` decides. Called from any thread.
final class ClientPool: Sendable {
    /// How often calls that wait for a connection are looked at; their deadlines are kept to this.
    private static let sweepInterval = TimeAmount.milliseconds(20)

    private typealias State = PoolState<ClientCall, ClientLink>

    private struct Place: Sendable {
        let target: RPCTarget
        let eventLoop: any EventLoop
    }

    private let configuration: RPCClient.Configuration
    private let places: [Place]
    private let state: Mutex<State>
    /// Connections that exist, also those that take no more calls.
    private let open = Mutex(OpenConnections())

    private struct OpenConnections {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    init(configuration: RPCClient.Configuration, group: any EventLoopGroup) {
        precondition(!configuration.targets.isEmpty, "a client needs a target")
        self.configuration = configuration
        places = configuration.targets.flatMap { target in
            (0..<max(1, configuration.connectionsPerTarget)).map { _ in
                Place(target: target, eventLoop: group.next())
            }
        }
        state = Mutex(
            State(
                slotCount: places.count,
                pendingCallsMax: configuration.rpc.pendingCallsMax,
                backoffMin: configuration.backoffMin,
                backoffMax: configuration.backoffMax
            )
        )
    }

    func submit(_ call: ClientCall) {
        perform(state.withLock { $0.submit(call, now: .now()) })
    }

    func connected(_ slot: Int, _ link: ClientLink, capacity: Int) {
        perform(state.withLock { $0.connected(slot, link, capacity: capacity) })
    }

    func failed(_ slot: Int, error: TransportError) {
        let jitter = Double.random(in: 0...1)
        let effects = state.withLock {
            $0.failed(slot, error: error, now: .now(), jitter: jitter)
        }
        perform(effects)
    }

    func retired(_ slot: Int, _ id: ObjectIdentifier, error: TransportError?) {
        let jitter = Double.random(in: 0...1)
        let effects = state.withLock {
            $0.retired(slot, id, error: error, now: .now(), jitter: jitter)
        }
        perform(effects)
    }

    func capacityChanged(_ slot: Int, _ id: ObjectIdentifier, limit: Int) {
        perform(state.withLock { $0.capacityChanged(slot, id, limit: limit) })
    }

    func streamEnded(_ slot: Int, _ id: ObjectIdentifier) {
        perform(state.withLock { $0.streamEnded(slot, id) })
    }

    private func perform(_ effects: State.Effects) {
        for (call, link) in effects.starts { link.start(call) }
        for slot in effects.connects { connect(slot) }
        for (call, status) in effects.failures { call.fail(status) }
        for call in effects.expirations { call.expire() }
        if effects.armsTimer {
            places[0].eventLoop.scheduleTask(in: Self.sweepInterval) { self.sweep() }
        }
    }

    private func sweep() {
        perform(state.withLock { $0.expire(now: .now()) })
    }

    private func connect(_ slot: Int) {
        let place = places[slot]
        let isEncrypted = configuration.tls != nil
        let limits = configuration.rpc
        let future = HTTP2Bootstrap.connect(
            host: place.target.host,
            port: place.target.port,
            tls: configuration.tls,
            serverName: place.target.serverName,
            limits: configuration.http2,
            connectTime: configuration.connectTime,
            eventLoop: place.eventLoop
        ) { eventLoop in
            ClientConnection(
                pool: self,
                slot: slot,
                authority: place.target.description,
                isEncrypted: isEncrypted,
                limits: limits,
                eventLoop: eventLoop
            )
        }
        future.whenComplete { result in
            switch result {
            case .success(let channel): self.keep(channel)
            case .failure(let error):
                // The pool counts one failure, however many parties report it.
                self.failed(slot, error: TransportError(connecting: error))
            }
        }
    }

    private func keep(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isClosed = open.withLock { open in
            if !open.isClosed { open.channels[id] = channel }
            return open.isClosed
        }
        if isClosed { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in
            _ = self.open.withLock { $0.channels.removeValue(forKey: id) }
        }
    }

    /// Lets open calls end for a time, then cuts them.
    func shutDown(within time: TimeAmount) async {
        let (links, calls) = state.withLock { $0.shutDown() }
        for call in calls {
            call.fail(RPCStatus(.unavailable, "the client is shut down", isNeverSent: true))
        }
        for link in links {
            link.batcher.enqueue { link.connection.value.drain() }
        }
        let channels = open.withLock { open in
            open.isClosed = true
            return Array(open.channels.values)
        }
        let timers = channels.map { channel in
            channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
        }
        for channel in channels {
            await withCheckedContinuation { continuation in
                channel.closeFuture.whenComplete { _ in continuation.resume() }
            }
        }
        for timer in timers { timer.cancel() }
    }
}
