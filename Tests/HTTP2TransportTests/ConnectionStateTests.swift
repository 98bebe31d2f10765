import ClusterPrimitives
import NIOCore
import Testing

@testable import HTTP2Transport

/// The life of a connection, told the time by hand.
@Suite struct ConnectionStateTests {
    /// A machine behind a reference, so that expectations can call what changes it.
    private final class Machine {
        private var state: HTTP2StateMachine

        init(_ state: HTTP2StateMachine) { self.state = state }

        var isDrained: Bool { state.isDrained }
        func prefaceReceived() { state.prefaceReceived() }
        func received(now: NIODeadline) { state.received(now: now) }
        func admitStream() -> Bool { state.admitStream() }
        func streamEnded(now: NIODeadline) { state.streamEnded(now: now) }
        func drain(now: NIODeadline) -> Bool { state.drain(now: now) }
        func pingAcknowledged() -> Bool { state.pingAcknowledged() }
        func tick(now: NIODeadline) -> [HTTP2StateMachine.TickAction] { state.tick(now: now) }
        func resetSent(_ code: HTTP2ErrorCode, now: NIODeadline) -> Bool {
            state.resetSent(code, now: now)
        }
        func writability(isStalled: Bool, now: NIODeadline) {
            state.writability(isStalled: isStalled, now: now)
        }
    }

    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func machine(
        isServer: Bool = true,
        _ adjust: (inout HTTP2Limits) -> Void = { _ in }
    ) -> Machine {
        var limits = HTTP2Limits()
        adjust(&limits)
        return Machine(
            HTTP2StateMachine(limits: limits, isServer: isServer, now: Self.start)
        )
    }

    @Test func handshakeHasItsTime() {
        let machine = machine()
        #expect(machine.tick(now: Self.start + .seconds(9)).isEmpty)
        #expect(machine.tick(now: Self.start + .seconds(10)) == [.close(.handshakeTimeout)])
    }

    @Test func keepalive() {
        let machine = machine { $0.idleTime = nil }
        machine.prefaceReceived()
        machine.received(now: Self.start)
        #expect(machine.tick(now: Self.start + .seconds(19)).isEmpty)
        #expect(machine.tick(now: Self.start + .seconds(20)) == [.sendPing])
        #expect(machine.tick(now: Self.start + .seconds(29)).isEmpty)
        // Any bytes prove that the peer lives.
        machine.received(now: Self.start + .seconds(29))
        #expect(machine.tick(now: Self.start + .seconds(31)).isEmpty)
        #expect(machine.tick(now: Self.start + .seconds(49)) == [.sendPing])
        #expect(machine.tick(now: Self.start + .seconds(59)) == [.close(.keepaliveTimeout)])
    }

    @Test func idleConnectionsAreDrained() {
        let machine = machine {
            $0.idleTime = .seconds(60)
            $0.keepaliveInterval = nil
        }
        machine.prefaceReceived()
        #expect(machine.admitStream())
        #expect(machine.tick(now: Self.start + .seconds(600)).isEmpty)
        machine.streamEnded(now: Self.start + .seconds(600))
        #expect(machine.tick(now: Self.start + .seconds(659)).isEmpty)
        #expect(machine.tick(now: Self.start + .seconds(660)) == [.beginDrain])
    }

    @Test func drainHasTwoSteps() {
        let machine = machine { $0.keepaliveInterval = nil }
        machine.prefaceReceived()
        #expect(machine.admitStream())
        #expect(machine.drain(now: Self.start))
        #expect(!machine.drain(now: Self.start))
        // What was under way is still let in.
        #expect(machine.admitStream())
        #expect(machine.pingAcknowledged())
        #expect(!machine.pingAcknowledged())
        #expect(!machine.isDrained)
        machine.streamEnded(now: Self.start)
        machine.streamEnded(now: Self.start)
        #expect(machine.isDrained)
        // A peer that does not answer the PING gets the second GOAWAY after a time.
        let mute = self.machine { $0.keepaliveInterval = nil }
        mute.prefaceReceived()
        #expect(mute.drain(now: Self.start))
        #expect(mute.tick(now: Self.start + .milliseconds(999)).isEmpty)
        #expect(mute.tick(now: Self.start + .seconds(1)) == [.sendFinalGoAway])
        #expect(mute.tick(now: Self.start + .seconds(2)).isEmpty)
    }

    @Test func stalledWritesEnd() {
        let machine = machine {
            $0.keepaliveInterval = nil
            $0.idleTime = nil
        }
        machine.prefaceReceived()
        machine.writability(isStalled: true, now: Self.start)
        machine.writability(isStalled: true, now: Self.start + .seconds(20))
        #expect(machine.tick(now: Self.start + .seconds(29)).isEmpty)
        machine.writability(isStalled: false, now: Self.start + .seconds(29))
        machine.writability(isStalled: true, now: Self.start + .seconds(29))
        #expect(machine.tick(now: Self.start + .seconds(58)).isEmpty)
        #expect(machine.tick(now: Self.start + .seconds(59)) == [.close(.writeStalled)])
    }

    @Test func onlyProvokedResetsOfAServerCount() {
        let server = machine { $0.sentResetsBurst = 2 }
        let client = machine(isServer: false) { $0.sentResetsBurst = 2 }
        for _ in 0..<10 {
            #expect(server.resetSent(.noError, now: Self.start))
            #expect(server.resetSent(.cancel, now: Self.start))
            #expect(client.resetSent(.protocolError, now: Self.start))
        }
        #expect(server.resetSent(.refusedStream, now: Self.start))
        #expect(server.resetSent(.protocolError, now: Self.start))
        #expect(!server.resetSent(.protocolError, now: Self.start))
        #expect(server.resetSent(.protocolError, now: Self.start + .seconds(1)))
    }

    /// The bucket lets through what a naive list of past takes would.
    @Test(arguments: UInt64(1)...64)
    func budget(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let burst = Int.random(in: 1...20, using: &random)
        let perSecond = Int.random(in: 0...20, using: &random)
        var budget = RateBudget(burst: burst, perSecond: perSecond, now: Self.start)
        var tokens = burst
        var second: Int64 = 0
        var milliseconds: Int64 = 0
        for step in 0..<500 {
            milliseconds += Int64.random(in: 0...400, using: &random)
            while second < milliseconds / 1_000 {
                second += 1
                tokens = min(burst, tokens + perSecond)
            }
            let isAllowed = budget.take(now: Self.start + .milliseconds(milliseconds))
            #expect(isAllowed == (tokens > 0), "SEED=\(seed) step=\(step)")
            if isAllowed { tokens -= 1 }
        }
    }
}
