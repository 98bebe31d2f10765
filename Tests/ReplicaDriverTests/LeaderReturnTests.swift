import ClusterPrimitives
import RaftCore
import Testing

@testable import ReplicaDriver

/// Leadership goes back to who is to lead.
@Suite struct LeaderReturnTests {
    private func returns() -> LeaderReturn {
        LeaderReturn(fitTicks: 3, pauseMin: 6, pauseMax: 12, silentTicksMax: 2)
    }

    /// After how many ticks of a fit member leadership goes back.
    private func ticks(_ returns: inout LeaderReturn) -> Int {
        for tick in 1...100 where returns.tick(.fit) { return tick }
        return .max
    }

    @Test func whoIsFitForAWhileGetsItBack() {
        var returns = returns()
        let first = ticks(&returns)
        #expect(first == 3)
    }

    @Test(arguments: [LeaderReturn.Standing.unfit, .leads, nil])
    func whoIsNotBeginsAnew(standing: LeaderReturn.Standing?) {
        var returns = returns()
        let early = [returns.tick(.fit), returns.tick(.fit), returns.tick(standing)]
        #expect(!early.contains(true))
        let next = ticks(&returns)
        #expect(next == 3)
    }

    @Test func aMomentOfSilenceCountsForNothing() {
        var returns = returns()
        _ = (returns.tick(.fit), returns.tick(.silent), returns.tick(.silent))
        let next = ticks(&returns)
        #expect(next == 2)
        var other = self.returns()
        _ = (other.tick(.fit), other.tick(.fit))
        let early = (1...3).map { _ in other.tick(.silent) }
        #expect(!early.contains(true))
        let late = ticks(&other)
        #expect(late == 3)
    }

    @Test func whoDoesNotKeepItWaitsLonger() {
        var returns = returns()
        let waits = (1...4).map { _ in ticks(&returns) }
        #expect(waits == [3, 6, 12, 12])
        // A blip near the end of a pause costs no more than being fit anew.
        let early = (1...11).map { _ in returns.tick(.fit) } + [returns.tick(.unfit)]
        #expect(!early.contains(true))
        let next = ticks(&returns)
        #expect(next == 3)
    }

    @Test func whoHasLedForLongIsForgiven() {
        var returns = returns()
        for _ in 1...3 { _ = ticks(&returns) }
        // That others lead says nothing for it.
        let others = (1...30).map { _ in returns.tick(nil) }
        let first = ticks(&returns)
        #expect(first == 3)
        let second = ticks(&returns)
        #expect(second == 12)
        let own = (1...12).map { _ in returns.tick(.leads) }
        #expect(!(others + own).contains(true))
        let waits = [ticks(&returns), ticks(&returns)]
        #expect(waits == [3, 6])
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

    @Test func whoseDiskIsSlowIsGivenNothing() throws {
        var replica = try leader()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        // Node 3 acknowledges each entry some ticks after it was committed.
        for index in UInt64(2)...20 {
            replica.propose(Int(index))
            replica.settle()
            replica.receive(.appendResponse, from: 2, term: 1, index: index)
            replica.settle()
            if index > 5 { replica.receive(.appendResponse, from: 3, term: 1, index: index - 4) }
            tick(&replica, 1)
        }
        #expect(replica.driver.leaderReturns == 0)
        replica.receive(.appendResponse, from: 3, term: 1, index: 20)
        tick(&replica, 4)
        #expect(replica.driver.leaderReturns == 1)
    }

    @Test func whatWasGivenBeforeIsProposedBefore() throws {
        var replica = try leader()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        tick(&replica, 2)
        for node: UInt64 in [2, 3] { replica.receive(.heartbeatResponse, from: node, term: 1) }
        replica.propose(7)
        replica.driver.tick()
        replica.settle()
        #expect(replica.driver.leaderReturns == 1)
        #expect(replica.driver.status.lastIndex == LogIndex(2))
        #expect(replica.outcome(7).isEmpty)
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
