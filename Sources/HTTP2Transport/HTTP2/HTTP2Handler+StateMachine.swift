import NIOCore

/// The life of one HTTP/2 connection, without its bytes: a value that is told events and the time.
///
/// Invariants: `running` is never negative; a stream counts until it is closed on the wire *and*
/// its handler has ended; nothing leaves `closed`; the second GOAWAY follows the first.
struct HTTP2StateMachine: Sendable {
    /// What the handler has to do after a tick, in this order.
    enum TickAction: Equatable {
        case sendPing
        case sendFinalGoAway
        case beginDrain
        case close(TransportError?)
    }

    private enum Phase: Equatable {
        case waiting(since: NIODeadline)
        case open
        case draining(Drain)
        case closed
    }

    private struct Drain: Equatable {
        var finalDue: NIODeadline
        var isFinalSent: Bool
    }

    private let limits: HTTP2Limits
    private let isServer: Bool
    private var phase: Phase
    private var lastReceived: NIODeadline
    private var lastStreamEnded: NIODeadline
    private var pingSent: NIODeadline?
    private var unwritableSince: NIODeadline?
    private var sentResets: RateBudget
    private var idleFrames: RateBudget

    /// Streams open on the wire, or with a handler that still runs.
    private(set) var running = 0

    init(limits: HTTP2Limits, isServer: Bool, now: NIODeadline) {
        self.limits = limits
        self.isServer = isServer
        phase = .waiting(since: now)
        lastReceived = now
        lastStreamEnded = now
        sentResets = RateBudget(
            burst: limits.sentResetsBurst,
            perSecond: limits.sentResetsPerSecond,
            now: now
        )
        idleFrames = RateBudget(
            burst: limits.idleFramesBurst,
            perSecond: limits.idleFramesPerSecond,
            now: now
        )
    }

    var isDraining: Bool {
        if case .draining = phase { return true }
        return false
    }

    var isClosed: Bool { phase == .closed }

    /// The peer's preface (its first SETTINGS) has come.
    mutating func prefaceReceived() {
        if case .waiting = phase { phase = .open }
    }

    /// Bytes came; any of them prove that the peer lives.
    mutating func received(now: NIODeadline) {
        lastReceived = now
        pingSent = nil
    }

    /// A peer wants a stream; false: refuse it, unprocessed.
    mutating func admitStream() -> Bool {
        guard phase != .closed, running < limits.concurrentStreamsMax else { return false }
        running += 1
        return true
    }

    /// A stream is closed on the wire and its handler has ended.
    mutating func streamEnded(now: NIODeadline) {
        precondition(running > 0, "a stream ended twice")
        running -= 1
        lastStreamEnded = now
    }

    /// This side had to reset a stream; false: the peer has provoked too many.
    mutating func resetSent(_ code: HTTP2ErrorCode, now: NIODeadline) -> Bool {
        // NO_ERROR ends a request body nobody needs, CANCEL is the caller's own wish: no fault.
        guard isServer, code != .noError, code != .cancel else { return true }
        return sentResets.take(now: now)
    }

    /// A frame without use came; false: too many of them.
    mutating func idleFrameReceived(now: NIODeadline) -> Bool { idleFrames.take(now: now) }

    /// The socket takes no more bytes although there are some, or takes them again.
    mutating func writability(isStalled: Bool, now: NIODeadline) {
        if !isStalled {
            unwritableSince = nil
        } else if unwritableSince == nil {
            unwritableSince = now
        }
    }

    /// Asks for a drain; true: send the first GOAWAY and a PING now.
    mutating func drain(now: NIODeadline) -> Bool {
        switch phase {
        case .waiting, .open:
            phase = .draining(Drain(finalDue: now + limits.drainNoticeTime, isFinalSent: false))
            return true
        case .draining, .closed:
            return false
        }
    }

    /// The PING of a drain was answered: whatever the peer sent before it knew has arrived.
    /// True: send the second GOAWAY now.
    mutating func pingAcknowledged() -> Bool {
        pingSent = nil
        return finishNotice()
    }

    private mutating func finishNotice() -> Bool {
        guard case .draining(var drain) = phase, !drain.isFinalSent else { return false }
        drain.isFinalSent = true
        phase = .draining(drain)
        return true
    }

    /// Looks at the clock.
    mutating func tick(now: NIODeadline) -> [TickAction] {
        switch phase {
        case .waiting(let since):
            return now >= since + limits.handshakeTime ? [.close(.handshakeTimeout)] : []
        case .closed:
            return []
        case .open, .draining:
            break
        }
        if let since = unwritableSince, now >= since + limits.writeStallTime {
            return [.close(.writeStalled)]
        }
        if let sent = pingSent, now >= sent + limits.keepaliveTimeout {
            return [.close(.keepaliveTimeout)]
        }
        var actions: [TickAction] = []
        if case .draining(let drain) = phase {
            if !drain.isFinalSent, now >= drain.finalDue, finishNotice() {
                actions.append(.sendFinalGoAway)
            }
        } else if let idle = limits.idleTime, running == 0,
            now >= lastStreamEnded + idle
        {
            actions.append(.beginDrain)
        }
        if let interval = limits.keepaliveInterval, pingSent == nil, now >= lastReceived + interval
        {
            pingSent = now
            actions.append(.sendPing)
        }
        return actions
    }

    /// The end; false if it was over before.
    mutating func close() -> Bool {
        guard phase != .closed else { return false }
        phase = .closed
        return true
    }

    /// Drained to the last handler: the connection may be closed.
    var isDrained: Bool {
        guard case .draining(let drain) = phase else { return false }
        return drain.isFinalSent && running == 0
    }
}
