import ClusterPrimitives
import RaftCore
import Testing

@testable import ReplicaDriver

/// Leadership goes back to who is to lead.
@Suite struct LeaderReturnTests {
    private func pause() -> LeaderReturn {
        LeaderReturn(ticks: 3, ticksMax: 12, silentTicksMax: 2)
    }

    /// After how many ticks of a fit member leadership goes back.
    private func ticks(_ pause: inout LeaderReturn) -> Int {
        for tick in 1...100 where pause.tick(.fit) { return tick }
        return .max
    }

    @Test func whoIsFitForAWhileGetsItBack() {
        var pause = pause()
        let wait = ticks(&pause)
        #expect(wait == 3)
    }

    @Test func whoLacksTooMuchBeginsAnew() {
        var pause = pause()
        _ = (pause.tick(.fit), pause.tick(.fit), pause.tick(.unfit))
        let first = ticks(&pause)
        #expect(first == 3)
        _ = (pause.tick(.fit), pause.tick(nil))
        let wait = ticks(&pause)
        #expect(wait == 6, "a leader that was displaced begins anew as well")
    }

    @Test func aMomentOfSilenceCountsForNothing() {
        var pause = pause()
        _ = (pause.tick(.fit), pause.tick(.silent), pause.tick(.silent))
        let wait = ticks(&pause)
        #expect(wait == 2)
        var other = self.pause()
        _ = (other.tick(.fit), other.tick(.fit))
        let early = (1...3).map { _ in other.tick(.silent) }
        #expect(!early.contains(true))
        let late = ticks(&other)
        #expect(late == 3)
    }

    @Test func whoDoesNotKeepItWaitsLongerAndIsForgiven() {
        var pause = pause()
        let waits = (1...4).map { _ in ticks(&pause) }
        #expect(waits == [3, 6, 12, 12])
        let whileOthersLead = (1...12).map { _ in pause.tick(nil) }
        #expect(!whileOthersLead.contains(true))
        let (late, next) = (ticks(&pause), ticks(&pause))
        #expect(late == 12)
        #expect(next == 6, "the member had kept it for long enough")
    }

    /// Node 1 leads three, of which node 3 is to lead.
    private func leader() throws -> DrivenDriver {
        var replica = try DrivenDriver(voters: [1, 2, 3]) { limits in
            limits.returnTicks = 3
            limits.returnTicksApart = 0
        }
        replica.leadThree()
        replica.driver.preferredLeader = NodeID(3)
        return replica
    }

    private func tick(_ replica: inout DrivenDriver, _ times: Int) {
        for _ in 0..<times {
            for node: UInt64 in [2, 3] {
                replica.receive(.heartbeatResponse, from: node, term: 1)
            }
            replica.driver.tick()
        }
        replica.settle()
    }

    private func asked(_ replica: DrivenDriver) -> [NodeID] {
        replica.ports.sent.filter { $0.kind == .timeoutNow }.map(\.to)
    }

    @Test func aLeaderGivesBackToWhoHoldsEverything() throws {
        var replica = try leader()
        tick(&replica, 5)
        #expect(asked(replica).isEmpty, "node 3 is not known to hold anything")
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        tick(&replica, 2)
        #expect(asked(replica).isEmpty)
        tick(&replica, 1)
        #expect(asked(replica) == [NodeID(3)])
        #expect(replica.driver.leaderReturns == 1)
    }

    @Test func nobodyIsGivenWhatIsItsOwnOrAllTheSame() throws {
        for preferred in [nil, NodeID(1), NodeID(9)] {
            var replica = try leader()
            replica.driver.preferredLeader = preferred
            replica.receive(.appendResponse, from: 3, term: 1, index: 1)
            tick(&replica, 10)
            #expect(replica.driver.leaderReturns == 0)
        }
    }
}
