/// Where one TLS connection stands. A value; each input gives its own answer.
///
/// Invariants: `active` is announced once; plain bytes flow in `ready` only; nothing leaves
/// `closed`.
struct TLSStateMachine: Sendable {
    private enum Phase: Equatable {
        case waiting
        case handshaking
        case ready
        /// close_notify was sent; what still comes is dropped.
        case closing
        case closed
    }

    private var phase = Phase.waiting

    /// The socket is connected; true: shake hands now.
    mutating func connected() -> Bool {
        guard phase == .waiting else { return false }
        phase = .handshaking
        return true
    }

    var isHandshaking: Bool { phase == .handshaking }
    var isReady: Bool { phase == .ready }

    /// Bytes from the socket still mean something.
    var wantsInput: Bool { phase == .handshaking || phase == .ready }

    /// The handshake is done; true: announce the channel as active now.
    mutating func handshakeDone() -> Bool {
        guard phase == .handshaking else { return false }
        phase = .ready
        return true
    }

    /// Somebody wants to close; true: send close_notify first.
    mutating func close() -> Bool {
        switch phase {
        case .ready:
            phase = .closing
            return true
        case .waiting, .handshaking, .closing:
            phase = .closed
            return false
        case .closed:
            return false
        }
    }

    /// A fault or a timeout; true: report it.
    mutating func failed() -> Bool {
        guard phase != .closed, phase != .closing else { return false }
        phase = .closed
        return true
    }

    /// The socket is gone; true: it went away in the middle of the handshake.
    mutating func disconnected() -> Bool {
        defer { phase = .closed }
        return phase == .handshaking
    }
}
