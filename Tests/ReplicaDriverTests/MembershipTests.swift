import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

/// Changes of the membership, snapshots, and what the log keeps, one driver at a time.
@Suite struct MembershipTests {
    private func addLearner(_ id: UInt64) -> ConfigurationChange {
        ConfigurationChange(transition: .single, steps: [.init(.addLearner, NodeID(id))])
    }

    /// Node 2 acknowledges everything that a leader of term 1 has.
    private func acknowledge(_ replica: inout DrivenDriver, from node: UInt64 = 2) {
        let last = replica.driver.status.lastIndex.rawValue
        replica.receive(.appendResponse, from: node, term: 1, index: last)
        replica.settle()
    }

    @Test func aChangeGoesToTheStoreWithTheConfigurationItLeadsTo() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        replica.driver.propose(addLearner(2), ticket: 1)
        replica.settle()
        #expect(replica.outcome(1) == [.applied(LogIndex(2))])
        let kept = replica.ports.configurations
        #expect(
            kept == [LogIndex(2): Configuration(voters: [NodeID(1)], learners: [NodeID(2)])]
        )
        #expect(replica.driver.status.configuration == kept[LogIndex(2)])
    }

    @Test func aChangeThatDoesNotFitIsRefused() throws {
        var replica = try DrivenDriver()
        replica.driver.propose(addLearner(2), ticket: 1)
        #expect(replica.outcome(1) == [.failed(.notLeader(leader: nil))])
        replica.driver.campaign()
        replica.settle()
        replica.driver.propose(.leaveJoint, ticket: 2)
        guard case .failed(.unfitChange) = replica.outcome(2).first else {
            throw ReplicaFailure.stopping
        }
        replica.driver.propose(addLearner(2), ticket: 3)
        replica.driver.propose(addLearner(3), ticket: 4)
        replica.settle()
        #expect(replica.outcome(3).count == 1 && replica.outcome(4).count == 1)
        guard case .failed(.unfitChange) = replica.outcome(4).first else {
            throw ReplicaFailure.stopping
        }
    }

    @Test func aNewcomerIsNotBroughtUpFromTheFirstEntry() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        for ticket in 1...4 { replica.propose(ticket) }
        replica.settle()
        replica.driver.propose(addLearner(2), ticket: 5)
        replica.settle()
        // It holds nothing: it says so to the first append, and then needs a copy.
        replica.driver.receive(
            Message(
                .appendResponse,
                from: NodeID(2),
                to: NodeID(1),
                term: Term(1),
                index: replica.driver.status.progress[1].progress.next.previous,
                reject: true
            )
        )
        replica.driver.flush()
        #expect(replica.ports.copiesWanted == 1)
        #expect(replica.ports.sent.allSatisfy { $0.kind != .append || $0.index > .zero })

        var newcomer = try DrivenDriver(voters: [])
        newcomer.driver.receive(
            Message(
                .append,
                from: NodeID(2),
                to: NodeID(1),
                term: Term(1),
                entries: [Entry(term: Term(1), index: LogIndex(1))]
            )
        )
        newcomer.settle()
        #expect(newcomer.driver.status.lastIndex == .zero)
    }

    /// A leader of three, of whom node 3 is known to hold nothing, and whose log is cut behind that.
    private func leaderWithSomebodyBehind() throws -> DrivenDriver {
        var replica = try DrivenDriver(voters: [1, 2, 3]) { limits in
            limits.retainedBytes = 8
            limits.heldBytesMax = 8
            limits.snapshotUnusedTicks = 5
            limits.snapshotRetryTicks = 2
        }
        replica.leadThree()
        for ticket in 1...20 { replica.propose(ticket) }
        replica.settle()
        acknowledge(&replica)
        _ = replica.driver.compact(through: LogIndex(21))
        replica.receive(.heartbeatResponse, from: 3, term: 1)
        replica.reject(from: 3, term: 1)
        return replica
    }

    @Test func aCopyIsMadeSentAndDroppedOnce() throws {
        var replica = try leaderWithSomebodyBehind()
        #expect(replica.ports.copiesWanted == 1)
        replica.receive(.heartbeatResponse, from: 3, term: 1)
        #expect(replica.ports.copiesWanted == 1, "one at a time")
        let id = SnapshotID(index: LogIndex(21), term: Term(1))
        let configuration = replica.driver.status.configuration
        replica.driver.snapshotMade(id, configuration: configuration)
        replica.receive(.heartbeatResponse, from: 3, term: 1)
        let sent = try #require(replica.ports.snapshotsSent.first)
        #expect(sent.to == NodeID(3) && sent.snapshot?.id == id)
        for _ in 0..<10 { replica.driver.tick() }
        replica.driver.flush()
        #expect(replica.ports.dropped.isEmpty, "not while it is sent")
        replica.driver.snapshotSent(id, to: NodeID(3), arrived: true)
        replica.receive(.appendResponse, from: 3, term: 1, index: 21)
        for _ in 0..<10 { replica.driver.tick() }
        replica.driver.flush()
        #expect(replica.ports.dropped == [id])
        #expect(replica.ports.snapshotsSent.count == 1)
    }

    @Test func aCopyThatCanNotBeMadeIsAskedForAgainAfterAWhile() throws {
        var replica = try leaderWithSomebodyBehind()
        let configuration = replica.driver.status.configuration
        replica.driver.snapshotMade(nil, configuration: configuration)
        replica.receive(.heartbeatResponse, from: 3, term: 1)
        #expect(replica.ports.copiesWanted == 1)
        replica.driver.tick()
        replica.driver.tick()
        replica.receive(.heartbeatResponse, from: 3, term: 1)
        #expect(replica.ports.copiesWanted == 2)
    }

    @Test func whatAFollowerNeedsIsKeptWithinLimits() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3]) { limits in
            limits.retainedBytes = 16
            limits.heldBytesMax = 40
        }
        replica.leadThree()
        for ticket in 1...20 { replica.propose(ticket) }  // Four bytes each: indexes 2 to 21.
        replica.settle()
        acknowledge(&replica)
        // Node 3 was never heard of: nothing is kept for it but what is kept for everybody.
        var silent = replica
        #expect(silent.driver.compact(through: LogIndex(21)) == LogIndex(17))
        // It is there, and holds 14: kept for it.
        replica.receive(.appendResponse, from: 3, term: 1, index: 14)
        #expect(replica.driver.compact(through: LogIndex(21)) == LogIndex(14))
        for ticket in 21...30 { replica.propose(ticket) }
        replica.settle()
        acknowledge(&replica)
        // And no further back than the limit.
        #expect(replica.driver.compact(through: LogIndex(31)) == LogIndex(21))
        #expect(replica.driver.compact(through: LogIndex(99)) == LogIndex(21), "applied ends it")
    }

    @Test func aStalledDiskHandsLeadershipOver() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3]) { $0.stalledWriteTicks = 5 }
        replica.leadThree()
        replica.receive(.heartbeatResponse, from: 2, term: 1)
        replica.propose(1)
        replica.driver.flush()
        for _ in 0..<4 { replica.driver.tick() }
        replica.driver.flush()
        let last = replica.driver.status.lastIndex.rawValue
        replica.receive(.appendResponse, from: 2, term: 1, index: last)
        #expect(!replica.ports.sent.contains { $0.kind == .timeoutNow })
        replica.driver.tick()
        replica.driver.flush()
        #expect(replica.ports.sent.contains { $0.kind == .timeoutNow && $0.to == NodeID(2) })
        replica.propose(2)
        replica.driver.flush()
        #expect(replica.outcome(2) == [.failed(.notLeader(leader: NodeID(2)))])
    }

    @Test func aReadIndexNeedsNoStoreAndAStoreNoRound() throws {
        var replica = try DrivenDriver()
        replica.driver.campaign()
        replica.settle()
        replica.propose(1)
        replica.driver.flush()
        replica.persist()  // Committed, not applied.
        replica.driver.readIndex(ticket: 2)
        replica.driver.waitUntilApplied(LogIndex(2), ticket: 3)
        replica.driver.waitUntilApplied(LogIndex(1), ticket: 4)
        replica.driver.waitUntilApplied(LogIndex(9), ticket: 5)
        replica.driver.flush()
        #expect(replica.outcome(2) == [.index(LogIndex(2))])
        #expect(replica.outcome(3).isEmpty && replica.outcome(4) == [.readable])
        replica.apply()
        #expect(replica.outcome(3) == [.readable] && replica.outcome(5).isEmpty)
        replica.driver.stop()
        #expect(replica.outcome(5) == [.failed(.stopping)])
    }

    @Test func aReceivedSnapshotTakesTheStoresPlaceBeforeItIsAcknowledged() throws {
        var replica = try DrivenDriver(voters: [1, 2, 3])
        let id = SnapshotID(index: LogIndex(30), term: Term(4))
        let three = replica.driver.status.configuration
        let message = Message(
            .snapshot,
            from: NodeID(2),
            to: NodeID(1),
            term: Term(5),
            snapshot: Snapshot(id: id, configuration: three)
        )
        replica.driver.waitUntilApplied(LogIndex(30), ticket: 1)
        let isTaken = replica.driver.receiveSnapshot(message)
        let isTakenAgain = replica.driver.receiveSnapshot(message)
        #expect(isTaken && !isTakenAgain, "one at a time")
        replica.driver.flush()
        #expect(replica.ports.writes.first?.snapshot?.id == id)
        #expect(!replica.ports.sent.contains { $0.kind == .appendResponse })
        #expect(replica.outcome(1).isEmpty)
        replica.settle()
        let answer = replica.ports.sent.last { $0.kind == .appendResponse }
        #expect(answer?.index == LogIndex(30))
        #expect(replica.outcome(1) == [.readable])
        #expect(replica.driver.appliedIndex == LogIndex(30))
        // The same again is of no use.
        let isOfUse = replica.driver.receiveSnapshot(message)
        #expect(!isOfUse)
    }
}

extension DrivenDriver {
    /// A follower refuses the last append that it was sent: it holds nothing.
    mutating func reject(from node: UInt64, term: UInt64) {
        let last = ports.sent.last { $0.to == NodeID(node) && $0.kind == .append }
        driver.receive(
            Message(
                .appendResponse,
                from: NodeID(node),
                to: NodeID(1),
                term: Term(term),
                index: last?.index ?? .zero,
                reject: true
            )
        )
        driver.flush()
    }
}
