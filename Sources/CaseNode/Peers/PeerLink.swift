import CaseProtocol
import ClusterPrimitives
import HTTP2Transport
import Logging
import NIOCore
import RPC
import SwiftProtobuf
import Synchronization

/// This node's way to one other: a call that carries messages for as long as both are there, opened again
/// whenever it breaks, and a second connection for questions, so that a large command delays no heartbeat.
///
/// Messages that come while a frame is on its way gather for the next one. While the peer is away they are
/// dropped.
final class PeerLink: Sendable {
    private enum Phase {
        /// Between two attempts.
        case waiting
        /// The call is opened; the other side's hello has not come.
        case greeting(RPCClientStream)
        case open(RPCClientStream)
        case stopped
    }

    /// Confined to the loop.
    private struct LoopState {
        var phase = Phase.waiting
        var failures = 0
        /// Tells a call's late words from its successor's.
        var attempt: UInt64 = 0
        var lastReason = ""
    }

    private struct Shared {
        var outbox = PeerOutbox()
        var isScheduled = false
        var isOpen = false
        /// Messages are worth keeping: the call is open, or about to be.
        var isGathering = false
        /// Bytes of frames given to the transport, and times that the link was opened; ever.
        var sentBytes: UInt64 = 0
        var opened: UInt64 = 0
    }

    let peer: NodeID
    let address: String
    private let handshake: PeerHandshake
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let onRemoved: @Sendable () -> Void
    private let linkClient: RPCClient
    private let callClient: RPCClient
    private let shared = Mutex(Shared())
    private let state: NIOLoopBoundBox<LoopState>

    /// `target` has the name that the peer's certificate must have; `onRemoved` is called whenever the peer says
    /// that this node is a member no more.
    init(
        to peer: NodeID,
        target: RPCTarget,
        handshake: PeerHandshake,
        tls: TLSContext?,
        eventLoop: any EventLoop,
        logger: Logger,
        onRemoved: @escaping @Sendable () -> Void
    ) {
        self.peer = peer
        address = target.description
        self.handshake = handshake
        self.eventLoop = eventLoop
        self.logger = logger
        self.onRemoved = onRemoved
        var configuration = RPCClient.Configuration(targets: [target], tls: tls)
        configuration.http2 = PeerLimits.http2
        configuration.rpc = PeerLimits.rpc
        configuration.connectTime = .seconds(PeerLimits.connectSeconds)
        configuration.backoffMin = .milliseconds(PeerLimits.reconnectMillisecondsMin)
        configuration.backoffMax = .milliseconds(PeerLimits.reconnectMillisecondsMax)
        // On the link's own loop: no hop between the two.
        linkClient = RPCClient(configuration, group: eventLoop)
        callClient = RPCClient(configuration, group: eventLoop)
        state = .makeBoxSendingValue(LoopState(), eventLoop: eventLoop)
    }

    // MARK: From any thread

    /// The peer has answered, and the transport has heard from it within its keepalive time.
    var isOpen: Bool { shared.withLock { $0.isOpen } }

    /// Messages that found no room or no peer, ever.
    var dropped: UInt64 { shared.withLock { $0.outbox.dropped } }

    /// Bytes of frames sent and times opened, ever; messages dropped; whether it is open.
    var figures: (sentBytes: UInt64, opened: UInt64, dropped: UInt64, isOpen: Bool) {
        shared.withLock { ($0.sentBytes, $0.opened, $0.outbox.dropped, $0.isOpen) }
    }

    func start() { eventLoop.execute { [self] in connect() } }

    /// Sends with the next frame, or drops.
    func send(_ message: [UInt8], isBulk: Bool) {
        let mustSchedule = shared.withLock { shared in
            shared.outbox.add(message, isBulk: isBulk)
            guard shared.isGathering else {
                shared.outbox.clear()
                return false
            }
            guard shared.isOpen, !shared.isScheduled else { return false }
            shared.isScheduled = true
            return true
        }
        if mustSchedule { eventLoop.execute { [self] in flush() } }
    }

    /// Asks the peer; the reply comes once, on any thread.
    func call(
        _ method: String,
        _ message: [UInt8],
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], RPCStatus>) -> Void
    ) {
        callClient.unary(
            PeerService.path(method),
            message,
            deadline: .now() + time
        ) { result in reply(result.map(\.message)) }
    }

    /// Ends everything; nothing is sent any more.
    func stop() async {
        eventLoop.execute { [self] in
            end()
            state.value.phase = .stopped
        }
        await linkClient.shutdown(within: .zero)
        await callClient.shutdown(within: .zero)
    }

    // MARK: On the loop

    private func connect() {
        guard case .waiting = state.value.phase else { return }
        state.value.attempt += 1
        let attempt = state.value.attempt
        shared.withLock { $0.isGathering = true }
        let stream = linkClient.stream(PeerService.path("Link"))
        state.value.phase = .greeting(stream)
        do {
            let hello = PBPeerFrame.with { $0.hello = handshake.hello(to: peer) }
            stream.writer.write(try hello.serializedBytes())
        } catch {
            preconditionFailure("a hello always serializes: \(error)")
        }
        stream.messages.receive { [weak self] inbound in self?.hear(inbound, attempt) }
        eventLoop.scheduleTask(in: .milliseconds(PeerLimits.helloMillisecondsMax)) {
            [weak self] in
            guard let self, attempt == self.state.value.attempt,
                case .greeting = self.state.value.phase
            else { return }
            self.fail("no hello in time", attempt)
        }
    }

    /// A refused call is heard of where it was made; anything else on the loop already.
    private func hear(_ inbound: RPCInbound, _ attempt: UInt64) {
        guard eventLoop.inEventLoop else {
            return eventLoop.execute { [self] in hear(inbound, attempt) }
        }
        switch inbound {
        case .message(let bytes): greet(bytes, attempt)
        case .end: fail("the peer ended the link", attempt)
        case .failed(let status):
            if status.code == PeerService.removedCode { onRemoved() }
            fail("\(status)", attempt)
        }
    }

    private func greet(_ bytes: [UInt8], _ attempt: UInt64) {
        guard attempt == state.value.attempt, case .greeting(let stream) = state.value.phase else {
            return
        }
        do {
            let frame = try PBPeerFrame(serializedBytes: bytes)
            try handshake.check(answer: frame.hello, of: peer)
        } catch {
            return fail("\(error)", attempt)
        }
        state.value.phase = .open(stream)
        state.value.failures = 0
        state.value.lastReason = ""
        shared.withLock { shared in
            shared.isOpen = true
            shared.isScheduled = true
            shared.opened += 1
        }
        logger.info("a peer is there", metadata: ["peer": "\(peer)", "address": "\(address)"])
        flush()
    }

    private func flush() {
        guard case .open(let stream) = state.value.phase else {
            return shared.withLock { $0.isScheduled = false }
        }
        while true {
            let frame = shared.withLock { shared -> [UInt8]? in
                let frame = shared.outbox.takeFrame()
                if frame == nil { shared.isScheduled = false }
                shared.sentBytes += UInt64(frame?.count ?? 0)
                return frame
            }
            guard let frame else { return }
            switch stream.writer.write(frame) {
            case .queued: continue
            case .queuedPastHighWater:
                return stream.writer.onDrained { [weak self] in
                    guard let self else { return }
                    self.eventLoop.execute { self.flush() }
                }
            case .closed: return shared.withLock { $0.isScheduled = false }
            }
        }
    }

    private func fail(_ reason: String, _ attempt: UInt64) {
        guard attempt == state.value.attempt else { return }
        switch state.value.phase {
        case .waiting, .stopped: return
        case .greeting, .open: break
        }
        let wasOpen = isOpen
        end()
        state.value.phase = .waiting
        state.value.failures += 1
        // Said once, not at every attempt.
        if wasOpen || reason != state.value.lastReason {
            logger.notice(
                "a peer can't be reached",
                metadata: ["peer": "\(peer)", "address": "\(address)", "reason": "\(reason)"]
            )
        }
        state.value.lastReason = reason
        let doublings = min(state.value.failures - 1, 8)
        let pause = min(
            PeerLimits.reconnectMillisecondsMax,
            PeerLimits.reconnectMillisecondsMin << Int64(doublings)
        )
        eventLoop.scheduleTask(in: .milliseconds(pause)) { [weak self] in self?.connect() }
    }

    private func end() {
        shared.withLock { shared in
            shared.isOpen = false
            shared.isScheduled = false
            shared.isGathering = false
            shared.outbox.clear()
        }
        switch state.value.phase {
        case .greeting(let stream), .open(let stream): stream.cancel()
        case .waiting, .stopped: break
        }
    }
}
