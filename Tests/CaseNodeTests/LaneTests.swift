import ClusterPrimitives
import Synchronization
import Testing

@testable import CaseNode

@Suite struct LaneTests {
    @Test func aLaneKeepsTheOrderOfEachCaller() async {
        let lane = SerialLane(name: "test")
        let seen = Locked<[Int: [Int]]>([:])
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<4 {
                group.addTask {
                    for number in 0..<500 {
                        lane.submit { seen.withLock { $0[caller, default: []].append(number) } }
                    }
                }
            }
        }
        lane.close()
        for caller in 0..<4 {
            #expect(seen.withLock { $0[caller] } == Array(0..<500), "caller \(caller)")
        }
    }

    @Test func aClosedLaneDoesWhatItWasGivenAndSaysThatItTakesNoMore() {
        let lane = SerialLane(name: "test")
        let count = Locked(0)
        for _ in 0..<100 { #expect(lane.submit { count.withLock { $0 += 1 } }) }
        lane.close()
        #expect(count.withLock { $0 } == 100)
        #expect(!lane.submit { count.withLock { $0 += 1 } })
        lane.close()
        #expect(count.withLock { $0 } == 100)
    }

    @Test func aGateLetsOneInAtATimeUnderEachKey() async {
        let gate = KeyGate()
        let state = Locked((inside: [String: Int](), most: 0, done: 0))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let key = "key-\(number % 3)"
                    await gate.enter(key)
                    state.withLock { state in
                        state.inside[key, default: 0] += 1
                        state.most = max(state.most, state.inside[key] ?? 0)
                    }
                    await Task.yield()
                    state.withLock { state in
                        state.inside[key, default: 0] -= 1
                        state.done += 1
                    }
                    gate.leave(key)
                }
            }
        }
        #expect(state.withLock { $0.most } == 1)
        #expect(state.withLock { $0.done } == 200)
        // Nobody is left inside: another enters at once.
        await gate.enter("key-0")
        gate.leave("key-0")
    }
}
