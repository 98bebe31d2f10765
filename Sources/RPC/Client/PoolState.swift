import HTTP2Transport
import NIOCore

/// A call as the pool sees it.
protocol PoolCall {
    /// It has its outcome already; whoever holds it may drop it.
    var isOver: Bool { get }
    /// When its caller stops waiting.
    var deadline: NIODeadline? { get }
}

/// A connection as the pool sees it.
protocol PoolLink {
    /// Tells it from those that came before it in the same slot.
    var id: ObjectIdentifier { get }
}

/// Which call goes to which connection: a value that is told events and the time.
///
/// Invariants: a slot has at most as many calls as its capacity when they are given out; a call is
/// in `pending` or given out, never both; calls leave `pending` in the order they came.
struct PoolState<Call: PoolCall, Link: PoolLink> {
    enum Phase: Equatable {
        /// Not connected; the next call connects.
        case idle
        case connecting
        case ready
        /// The last attempt failed; not before this time again.
        case waiting(until: NIODeadline)
    }

    struct Slot {
        var phase = Phase.idle
        var link: Link?
        var inFlight = 0
        var capacity = 0
        /// The peer has sent its SETTINGS: it speaks, and trusts this side.
        var isProved = false
        /// Attempts that failed since the last connection that was proved.
        var failures = 0
        var lastError: TransportError?
    }

    /// What is to be done with calls and connections; performed outside the lock.
    struct Effects {
        var starts: [(call: Call, link: Link)] = []
        var connects: [Int] = []
        var failures: [(call: Call, status: RPCStatus)] = []
        /// Waiting calls whose deadline has passed.
        var expirations: [Call] = []
        var armsTimer = false
    }

    private let pendingCallsMax: Int
    private let backoffMin: TimeAmount
    private let backoffMax: TimeAmount
    private(set) var slots: [Slot]
    private var next = 0
    private var pending = CircularBuffer<Call>()
    private var isTimerArmed = false
    private(set) var isShutDown = false

    init(slotCount: Int, pendingCallsMax: Int, backoffMin: TimeAmount, backoffMax: TimeAmount) {
        precondition(slotCount > 0 && backoffMin <= backoffMax)
        self.pendingCallsMax = pendingCallsMax
        self.backoffMin = backoffMin
        self.backoffMax = backoffMax
        slots = Array(repeating: Slot(), count: slotCount)
    }

    var pendingCount: Int { pending.count }

    /// Takes a call.
    mutating func submit(_ call: Call, now: NIODeadline) -> Effects {
        var effects = Effects()
        guard !isShutDown else {
            effects.failures = [
                (call, RPCStatus(.unavailable, "the client is shut down", isNeverSent: true))
            ]
            return effects
        }
        if pending.isEmpty, let slot = reserve() {
            if let link = slots[slot].link { effects.starts = [(call, link)] }
            wake(now: now, &effects)
            return effects
        }
        wake(now: now, &effects)
        let isHopeless = slots.allSatisfy {
            if case .waiting = $0.phase { return true }
            return false
        }
        if isHopeless {
            effects.failures = [(call, unreachable())]
        } else if pending.count >= pendingCallsMax {
            let status = RPCStatus(.resourceExhausted, "\(pending.count) calls wait already")
            effects.failures = [(call, status)]
        } else {
            pending.append(call)
            armTimer(&effects)
        }
        return effects
    }

    /// Connects what is not connected and may be.
    private mutating func wake(now: NIODeadline, _ effects: inout Effects) {
        for index in slots.indices {
            switch slots[index].phase {
            case .idle: break
            case .waiting(let until) where until <= now: break
            case .connecting, .ready, .waiting: continue
            }
            slots[index].phase = .connecting
            effects.connects.append(index)
        }
    }

    /// The next ready slot with room, taken for one call.
    private mutating func reserve() -> Int? {
        for step in 0..<slots.count {
            let index = (next + step) % slots.count
            guard slots[index].phase == .ready, slots[index].inFlight < slots[index].capacity else {
                continue
            }
            slots[index].inFlight += 1
            next = (index + 1) % slots.count
            assert(slots[index].inFlight <= slots[index].capacity)
            return index
        }
        return nil
    }

    private mutating func startPending(_ effects: inout Effects) {
        while let call = pending.first {
            if call.isOver {
                pending.removeFirst()
                continue
            }
            guard let slot = reserve() else { return }
            pending.removeFirst()
            if let link = slots[slot].link { effects.starts.append((call, link)) }
        }
    }

    /// A slot's connection stands.
    mutating func connected(_ index: Int, _ link: Link, capacity: Int) -> Effects {
        var effects = Effects()
        guard !isShutDown else { return effects }
        slots[index].phase = .ready
        slots[index].link = link
        slots[index].inFlight = 0
        slots[index].capacity = capacity
        slots[index].isProved = false
        startPending(&effects)
        return effects
    }

    /// A slot's connection did not come about.
    mutating func failed(
        _ index: Int,
        error: TransportError,
        now: NIODeadline,
        jitter: Double
    ) -> Effects {
        var effects = Effects()
        guard slots[index].phase == .connecting else { return effects }
        fail(index, error, now: now, jitter: jitter, &effects)
        return effects
    }

    private mutating func fail(
        _ index: Int,
        _ error: TransportError,
        now: NIODeadline,
        jitter: Double,
        _ effects: inout Effects
    ) {
        precondition((0.0...1.0).contains(jitter))
        let failures = slots[index].failures + 1
        // 20 doublings of a millisecond are minutes: more would only overflow.
        let full = min(
            backoffMax.nanoseconds,
            backoffMin.nanoseconds << Int64(min(failures - 1, 20))
        )
        // Half of it fixed, half random, so that clients of a restarted server come apart.
        let wait = full / 2 + Int64(Double(full / 2) * jitter)
        slots[index] = Slot(
            phase: .waiting(until: now + .nanoseconds(wait)),
            failures: failures,
            lastError: error
        )
        let hasHope = slots.contains { slot in
            if case .waiting = slot.phase { return false }
            return true
        }
        guard !hasHope else { return }
        let status = unreachable()
        effects.failures += pending.map { ($0, status) }
        pending.removeAll()
    }

    private func unreachable() -> RPCStatus {
        let detail = slots.lazy.compactMap { $0.lastError }.first.map { "\($0)" } ?? "no detail"
        return RPCStatus(
            .unavailable,
            "no server can be reached: \(detail)",
            isNeverSent: true
        )
    }

    /// The connection takes no more calls, or is gone, with an error or without.
    ///
    /// One that goes before the peer has said anything counts as an attempt that failed: so a
    /// server that does not trust this client is not asked again at once.
    mutating func retired(
        _ index: Int,
        _ id: ObjectIdentifier,
        error: TransportError?,
        now: NIODeadline,
        jitter: Double
    ) -> Effects {
        var effects = Effects()
        guard slots[index].link?.id == id else { return effects }
        if slots[index].isProved {
            slots[index] = Slot()
            if !pending.isEmpty { wake(now: now, &effects) }
        } else {
            fail(index, error ?? .closed, now: now, jitter: jitter, &effects)
        }
        return effects
    }

    /// The peer has said how many streams it allows.
    mutating func capacityChanged(_ index: Int, _ id: ObjectIdentifier, limit: Int) -> Effects {
        var effects = Effects()
        guard slots[index].link?.id == id else { return effects }
        slots[index].isProved = true
        slots[index].failures = 0
        slots[index].lastError = nil
        slots[index].capacity = limit
        startPending(&effects)
        return effects
    }

    /// A stream that was taken for a call is free again.
    mutating func streamEnded(_ index: Int, _ id: ObjectIdentifier) -> Effects {
        var effects = Effects()
        guard slots[index].link?.id == id else { return effects }
        precondition(slots[index].inFlight > 0, "a stream ended twice")
        slots[index].inFlight -= 1
        startPending(&effects)
        return effects
    }

    private mutating func armTimer(_ effects: inout Effects) {
        guard !isTimerArmed else { return }
        isTimerArmed = true
        effects.armsTimer = true
    }

    /// Takes out the waiting calls whose deadline has passed, and those that are over.
    mutating func expire(now: NIODeadline) -> Effects {
        var effects = Effects()
        isTimerArmed = false
        var kept = CircularBuffer<Call>()
        for call in pending where !call.isOver {
            if let deadline = call.deadline, deadline <= now {
                effects.expirations.append(call)
            } else {
                kept.append(call)
            }
        }
        pending = kept
        if !pending.isEmpty { armTimer(&effects) }
        return effects
    }

    /// Nothing goes out any more.
    mutating func shutDown() -> (links: [Link], calls: [Call]) {
        isShutDown = true
        defer {
            pending.removeAll()
            slots = slots.map { _ in Slot() }
        }
        return (slots.compactMap { $0.link }, Array(pending))
    }
}
