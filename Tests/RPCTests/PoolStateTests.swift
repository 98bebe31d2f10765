import ClusterPrimitives
import HTTP2Transport
import NIOCore
import Testing

@testable import RPC

/// The pool's choices under random events, against what must hold whatever happens.
@Suite struct PoolStateTests {
    private final class Call: PoolCall {
        let number: Int
        let deadline: NIODeadline?
        var isOver = false

        init(number: Int, deadline: NIODeadline?) {
            self.number = number
            self.deadline = deadline
        }
    }

    private final class Link: PoolLink {
        let slot: Int
        /// Calls given to it that have not ended.
        var calls: [Int] = []
        var capacity: Int

        init(slot: Int, capacity: Int) {
            self.slot = slot
            self.capacity = capacity
        }

        var id: ObjectIdentifier { ObjectIdentifier(self) }
    }

    private typealias State = PoolState<Call, Link>

    /// The pool and the world around it.
    private struct World {
        var state: State
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var connecting: Set<Int> = []
        var links: [Link] = []
        var outcomes: [Int: Int] = [:]
        var startOrder: [Int] = []
        var expired: Set<Int> = []

        mutating func perform(_ effects: State.Effects) {
            for (call, link) in effects.starts {
                link.calls.append(call.number)
                startOrder.append(call.number)
                outcomes[call.number, default: 0] += 1
            }
            for slot in effects.connects {
                #expect(connecting.insert(slot).inserted, "connected twice at once")
            }
            for (call, status) in effects.failures {
                outcomes[call.number, default: 0] += 1
                #expect(status.code == .unavailable || status.code == .resourceExhausted)
            }
        }
    }

    @Test(arguments: UInt64(1)...100)
    func everyCallGetsOneOutcome(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let slotCount = Int.random(in: 1...4, using: &random)
        var world = World(
            state: State(
                slotCount: slotCount,
                pendingCallsMax: 20,
                backoffMin: .milliseconds(10),
                backoffMax: .milliseconds(100)
            )
        )
        var calls: [Call] = []
        for _ in 0..<400 {
            world.now = world.now + .milliseconds(Int64.random(in: 0...10, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let wait = Int64.random(in: 1...100, using: &random)
                let call = Call(number: calls.count, deadline: world.now + .milliseconds(wait))
                calls.append(call)
                world.perform(world.state.submit(call, now: world.now))
            case 4:
                connect(&world, &random)
            case 5, 6:
                endOne(&world, &random)
            case 7:
                retire(&world, &random)
            case 8:
                guard let link = world.links.randomElement(using: &random) else { continue }
                link.capacity = Int.random(in: 0...5, using: &random)
                world.perform(
                    world.state.capacityChanged(link.slot, link.id, limit: link.capacity)
                )
            default:
                let effects = world.state.expire(now: world.now)
                for call in effects.expirations {
                    world.outcomes[call.number, default: 0] += 1
                    world.expired.insert(call.number)
                    #expect(call.deadline.map { $0 <= world.now } == true)
                }
                world.perform(effects)
            }
            #expect(world.state.pendingCount <= 20)
            for link in world.links where link.capacity > 0 {
                #expect(
                    world.state.slots[link.slot].inFlight == link.calls.count,
                    "SEED=\(seed)"
                )
            }
        }
        let waiting = world.state.shutDown().calls
        for call in waiting { world.outcomes[call.number, default: 0] += 1 }
        for call in calls {
            #expect(world.outcomes[call.number] == 1, "SEED=\(seed) call \(call.number)")
        }
        #expect(world.startOrder == world.startOrder.sorted(), "SEED=\(seed): out of order")
    }

    private func connect(_ world: inout World, _ random: inout SeededGenerator) {
        guard let slot = world.connecting.sorted().randomElement(using: &random) else { return }
        world.connecting.remove(slot)
        if Bool.random(using: &random) {
            let link = Link(slot: slot, capacity: Int.random(in: 1...5, using: &random))
            world.links.append(link)
            world.perform(world.state.connected(slot, link, capacity: link.capacity))
        } else {
            world.perform(
                world.state.failed(slot, error: .closed, now: world.now, jitter: 0.5)
            )
            if case .waiting(let until) = world.state.slots[slot].phase {
                #expect(until > world.now && until <= world.now + .milliseconds(100))
            } else {
                Issue.record("a failed slot does not wait")
            }
        }
    }

    private func endOne(_ world: inout World, _ random: inout SeededGenerator) {
        guard let link = world.links.filter({ !$0.calls.isEmpty }).randomElement(using: &random)
        else { return }
        link.calls.removeFirst()
        world.perform(world.state.streamEnded(link.slot, link.id))
    }

    private func retire(_ world: inout World, _ random: inout SeededGenerator) {
        guard let index = world.links.indices.randomElement(using: &random) else { return }
        let link = world.links.remove(at: index)
        world.perform(
            world.state.retired(link.slot, link.id, error: nil, now: world.now, jitter: 1)
        )
        // Its streams end later, and concern nobody.
        world.perform(world.state.streamEnded(link.slot, link.id))
    }

    /// A server that closes each connection before it says a word is left alone for a while.
    @Test func unprovedConnectionsBackOff() {
        var state = State(
            slotCount: 1,
            pendingCallsMax: 5,
            backoffMin: .milliseconds(10),
            backoffMax: .milliseconds(40)
        )
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var waits: [NIODeadline] = []
        var time = now
        for number in 0..<4 {
            let effects = state.submit(Call(number: number, deadline: nil), now: time)
            #expect(effects.connects == [0])
            let link = Link(slot: 0, capacity: 1)
            let started = state.connected(0, link, capacity: 1)
            #expect(started.starts.count == 1)
            _ = state.retired(0, link.id, error: .closed, now: time, jitter: 1)
            let refused = state.submit(Call(number: 100, deadline: nil), now: time)
            #expect(refused.failures.count == 1)
            guard case .waiting(let until) = state.slots[0].phase else {
                Issue.record("it does not wait")
                return
            }
            waits.append(until)
            time = until
        }
        let spans = zip([now] + waits, waits).map { ($1 - $0).nanoseconds / 1_000_000 }
        #expect(spans == [10, 20, 40, 40])
    }
}
