import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

@Suite struct DriverTests {
    @Test func answersOnceAndOnlyWhenPersistedAndApplied() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        replica.propose(7)
        replica.driver.flush()
        #expect(replica.ports.deliveries.isEmpty, "nothing is applied before it is durable")
        #expect(replica.outcome(7).isEmpty)

        replica.persist()
        #expect(replica.ports.deliveries.count == 1)
        #expect(replica.outcome(7).isEmpty, "durable is not applied")

        replica.apply()
        #expect(replica.outcome(7) == [.applied(LogIndex(2))])
        replica.settle()
        #expect(replica.outcome(7).count == 1)
    }

    @Test func readinessComesWithTheFirstAppliedEntryOfTheTerm() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.driver.flush()
        while replica.ports.deliveries.isEmpty, replica.persist() {}
        let before = replica.driver.currentLeadership
        #expect(before.leader == NodeID(1) && !before.isReady)
        replica.apply()
        #expect(replica.driver.currentLeadership.isReady)
        #expect(replica.ports.leaderships.last?.isReady == true)
    }

    @Test func readsWaitForTheFirstEntryOfTheTermAndForApplied() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.driver.flush()
        // The vote is durable: leads, its empty entry is not.
        replica.persist()
        #expect(replica.driver.status.role == .leader)
        replica.driver.read(ticket: 1)
        replica.driver.flush()
        #expect(replica.outcome(1).isEmpty)
        while replica.persist() {}
        #expect(replica.outcome(1).isEmpty, "committed is not applied")
        replica.apply()
        #expect(replica.outcome(1) == [.readable])
    }

    @Test func aReadWaitsForWhatWasCommittedBeforeIt() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        replica.propose(1)
        replica.driver.flush()
        replica.persist()
        replica.driver.read(ticket: 2)
        replica.driver.flush()
        #expect(replica.outcome(2).isEmpty)
        replica.apply()
        #expect(replica.outcome(2) == [.readable])
    }

    @Test func aFollowersReadIsRefusedAndHoldsUpNothing() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.driver.read(ticket: 1)
        replica.driver.flush()
        #expect(replica.outcome(1) == [.failed(.notLeader(leader: NodeID(2)))])
        replica.propose(2)
        replica.driver.flush()
        #expect(replica.outcome(2) == [.failed(.notLeader(leader: NodeID(2)))])
    }

    @Test func proposalsOverTheLimitAreRefusedAndCounted() throws {
        var replica = try DrivenDriver { $0.proposalsMax = 2 }
        replica.driver.campaign()
        replica.settle()
        for ticket in 1...3 { replica.propose(ticket) }
        #expect(replica.outcome(3) == [.failed(.overloaded(inFlight: 2, limit: 2))])
        replica.driver.flush()
        replica.propose(4)
        #expect(replica.outcome(4) == [.failed(.overloaded(inFlight: 2, limit: 2))])
        replica.persist()
        replica.propose(5)
        #expect(
            replica.outcome(5) == [.failed(.overloaded(inFlight: 2, limit: 2))],
            "what the store has not answered is in flight"
        )
        replica.settle()
        replica.propose(6)
        replica.settle()
        #expect(replica.outcome(6) == [.applied(LogIndex(4))])
    }

    @Test func readsOverTheLimitAreRefused() throws {
        var replica = try DrivenDriver { $0.readsMax = 1 }
        replica.driver.campaign()
        replica.settle()
        replica.driver.read(ticket: 1)
        replica.driver.read(ticket: 2)
        #expect(replica.outcome(2) == [.failed(.overloaded(inFlight: 1, limit: 1))])
        replica.settle()
        #expect(replica.outcome(1) == [.readable])
    }

    @Test func bytesGatheredAreBoundedButOneAlwaysFits() throws {
        var replica = try DrivenDriver { $0.proposalBytesMax = 100 }
        replica.driver.campaign()
        replica.settle()
        replica.propose(1, bytes: 150)
        replica.propose(2, bytes: 1)
        #expect(replica.outcome(2) == [.failed(.overloaded(inFlight: 1, limit: 4_096))])
        replica.settle()
        #expect(replica.outcome(1) == [.applied(LogIndex(2))])
        replica.propose(3, bytes: 60)
        replica.propose(4, bytes: 40)
        replica.settle()
        #expect(replica.outcome(4) == [.applied(LogIndex(4))])
    }

    @Test func whatTheLogCouldNotTakeIsNeverProposed() throws {
        var replica = try DrivenDriver { $0.payloadBytesMax = 10 }
        replica.driver.campaign()
        replica.settle()
        let last = replica.driver.status.lastIndex
        replica.propose(1, bytes: 11)
        replica.propose(2, bytes: 10)
        replica.settle()
        #expect(replica.outcome(1) == [.failed(.tooLarge(bytes: 11, limit: 10))])
        #expect(replica.outcome(2) == [.applied(last.next)])
    }

    @Test func stopEndsEverythingOnce() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        replica.propose(1)
        replica.driver.flush()
        replica.persist()  // 1 is in the store.
        replica.driver.read(ticket: 2)
        replica.driver.flush()  // 2 is granted and waits for the store.
        replica.propose(3)
        replica.driver.flush()  // 3 is in the log.
        replica.propose(4)
        replica.driver.read(ticket: 5)
        replica.driver.stop()
        for ticket in 2...5 {
            #expect(replica.outcome(ticket) == [.failed(.stopping)], "ticket \(ticket)")
        }
        replica.propose(6)
        replica.driver.read(ticket: 7)
        replica.settle()
        for ticket in 2...7 {
            #expect(replica.outcome(ticket) == [.failed(.stopping)], "ticket \(ticket)")
        }
        #expect(
            replica.outcome(1) == [.applied(LogIndex(2))],
            "the store answers what it was given"
        )
    }

    @Test func lostLeadershipLeavesTheOutcomeOpen() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        #expect(replica.driver.currentLeadership.isReady)
        replica.propose(1)
        replica.driver.read(ticket: 2)
        replica.settle()
        #expect(replica.outcome(1).isEmpty && replica.outcome(2).isEmpty)
        replica.receive(.heartbeat, from: 3, term: 2)
        #expect(replica.outcome(1) == [.failed(.outcomeUnknown)])
        #expect(replica.outcome(2) == [.failed(.notLeader(leader: NodeID(3)))])
        replica.settle()
        #expect(replica.outcome(1).count == 1 && replica.outcome(2).count == 1)
    }

    /// A store that hangs holds up its own replica's reads alone.
    @Test func lostLeadershipEndsReadsThatWaitForTheStore() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        replica.propose(1)
        replica.driver.flush()
        while replica.persist() {}
        replica.receive(.appendResponse, from: 2, term: 1, index: 2)
        replica.driver.read(ticket: 2)
        replica.driver.flush()
        let round = try #require(replica.ports.sent.last { $0.kind == .heartbeat })
        var answer = Message(.heartbeatResponse, from: NodeID(2), to: NodeID(1), term: Term(1))
        answer.context = round.context
        replica.driver.receive(answer)
        replica.driver.flush()
        #expect(replica.outcome(2).isEmpty, "granted, and the store is not that far")
        replica.receive(.heartbeat, from: 3, term: 2)
        #expect(replica.outcome(2) == [.failed(.notLeader(leader: NodeID(3)))])
        replica.settle()
        #expect(replica.outcome(1) == [.applied(LogIndex(2))] && replica.outcome(2).count == 1)
    }

    @Test func compactionStopsAtWhatIsApplied() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        for ticket in 1...5 { replica.propose(ticket) }
        replica.settle()
        #expect(replica.driver.compact(through: LogIndex(4)) == LogIndex(4))
        #expect(replica.driver.compact(through: LogIndex(99)) == LogIndex(6))
        replica.propose(9)
        replica.settle()
        #expect(replica.outcome(9) == [.applied(LogIndex(7))])
        #expect(replica.driver.currentLeadership.isReady)
    }

    // MARK: What nobody waits for

    private func notices(_ replica: DrivenDriver) -> [Message] {
        replica.ports.sent.filter { $0.kind == .append && $0.entries.isEmpty }
    }

    @Test func aCommitIndexIsToldByATickAtMost() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        #expect(replica.driver.status.commit == LogIndex(1))
        #expect(notices(replica).isEmpty, "nobody waits for it")
        #expect(replica.ports.writes.isEmpty, "nor for its write")
        replica.driver.tick()
        #expect(Set(notices(replica).map(\.to)) == [NodeID(2), NodeID(3)])
        #expect(notices(replica).allSatisfy { $0.commit == LogIndex(1) })
        #expect(replica.ports.writes.map(\.hardState?.commit) == [LogIndex(1)])
        #expect(replica.ports.writes.allSatisfy { !$0.needsReceipt })
        replica.settle()
        replica.driver.tick()
        #expect(notices(replica).count == 2, "once")
        #expect(replica.ports.writes.isEmpty, "once")
    }

    @Test func theNextEntriesCarryTheCommitIndexAlong() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        replica.propose(1)
        replica.driver.flush()
        let append = replica.ports.sent.last { $0.to == NodeID(2) && !$0.entries.isEmpty }
        #expect(append?.commit == LogIndex(1))
        #expect(replica.ports.writes.map(\.hardState?.commit) == [LogIndex(1)])
        #expect(replica.ports.writes.first?.entries.count == 1)
        replica.driver.tick()
        #expect(notices(replica).isEmpty, "they have said so")
    }

    @Test func whoReadsElsewhereMakesNothingWait() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        replica.driver.readIndex(ticket: 1)
        #expect(Set(notices(replica).map(\.to)) == [NodeID(2), NodeID(3)], "what was held goes")
        replica.propose(2)
        replica.settle()
        replica.receive(.appendResponse, from: 2, term: 1, index: 2)
        #expect(notices(replica).contains { $0.commit == LogIndex(2) }, "nothing is held")
        replica.driver.tick()
        replica.propose(3)
        replica.settle()
        replica.receive(.appendResponse, from: 2, term: 1, index: 3)
        #expect(!notices(replica).contains { $0.commit == LogIndex(3) }, "a tick later it is")
    }

    @Test func whoLeadsNoMoreTellsNothing() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        replica.leadThree()
        replica.receive(.appendResponse, from: 3, term: 1, index: 1)
        replica.receive(.heartbeat, from: 3, term: 2)
        replica.driver.tick()
        replica.settle()
        #expect(notices(replica).isEmpty)
    }
}
