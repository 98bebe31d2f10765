import ClusterPrimitives
import Testing

@testable import RaftCore

@Suite("Elections")
struct ElectionTests {
    /// Paper 5.2: timeouts are drawn from an interval, and differ from seed to seed.
    @Test func timeoutsAreSpread() throws {
        var seen: Set<Int> = []
        for seed: UInt64 in 1...100 {
            let replica = try DrivenReplica { $0.seed = seed }
            let timeout = replica.core.electionTimeout
            #expect((10..<20).contains(timeout), "SIM_SEED=\(seed)")
            seen.insert(timeout)
        }
        #expect(seen.count == 10, "every value of the interval is drawn")
    }

    @Test func preVoteChangesNothingUntilItIsWon() throws {
        var replica = try DrivenReplica { $0.preVote = true }
        replica.run(.campaign)
        #expect(replica.core.role == .preCandidate)
        #expect(replica.core.term == .zero)
        #expect(replica.takeSent(.preVote).allSatisfy { $0.term == Term(1) })
        replica.receive(.preVoteResponse, from: 2, term: 1)
        replica.settle()
        #expect(replica.core.role == .candidate)
        #expect(replica.core.term == Term(1))
    }

    /// A replica that hears a leader passes candidates over; only a transfer may disturb.
    @Test func voterProtectsTheLeaderItHears() throws {
        var replica = try DrivenReplica { $0.checkQuorum = true }
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.settle()
        replica.sent = []
        replica.receive(.vote, from: 3, term: 2)
        replica.settle()
        #expect(replica.core.term == Term(1))
        #expect(replica.sent.isEmpty)
        replica.receive(.vote, from: 3, term: 2) { $0.context = Campaign.transferContext }
        replica.settle()
        #expect(replica.core.vote == NodeID(3))
    }

    /// Whoever is held back votes and follows, and lets nobody make it stand.
    @Test func whoIsHeldBackDoesNotStand() throws {
        var replica = try DrivenReplica { $0.preVote = true }
        replica.run(.holdBack(true))
        for _ in 0..<100 { replica.run(.tick) }
        replica.run(.campaign)
        #expect(replica.core.role == .follower && replica.core.term == .zero)
        replica.receive(.preVote, from: 2, term: 1)
        replica.settle()
        #expect(replica.takeSent(.preVoteResponse).map(\.reject) == [false])
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.receive(.timeoutNow, from: 2, term: 1)
        replica.settle()
        #expect(replica.core.role == .follower && replica.core.term == Term(1))
        replica.run(.holdBack(false))
        for _ in 0..<20 { replica.run(.tick) }
        #expect(replica.core.role == .preCandidate)
    }

    /// However its timeouts fall: one that is as short as the protection must not renew it for ever.
    @Test(arguments: UInt64(1)...20)
    func whoIsHeldBackProtectsNoSilentLeader(seed: UInt64) throws {
        var replica = try DrivenReplica {
            $0.checkQuorum = true
            $0.preVote = true
            $0.seed = seed
        }
        replica.run(.holdBack(true))
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.settle()
        for _ in 0..<20 { replica.run(.tick) }
        _ = replica.takeSent(.preVoteResponse)
        replica.receive(.preVote, from: 3, term: 2)
        replica.settle()
        #expect(replica.takeSent(.preVoteResponse).map(\.reject) == [false], "SIM_SEED=\(seed)")
    }

    @Test func theOnlyVoterStandsThoughHeldBack() throws {
        var replica = try DrivenReplica(voters: [1])
        replica.run(.holdBack(true))
        replica.run(.campaign)
        #expect(replica.core.role == .leader)
    }

    /// It may be a voter by now and not know it.
    @Test func learnerVotesWhenAsked() throws {
        var replica = try DrivenReplica(voters: [2, 3], learners: [1])
        replica.receive(.vote, from: 2, term: 1)
        replica.settle()
        #expect(replica.takeSent(.voteResponse).map(\.reject) == [false])
        replica.run(.campaign)
        #expect(replica.core.role == .follower, "but it does not stand")
    }

    /// Paper 5.4.1.
    @Test func logBehindGetsNoVote() throws {
        var replica = try DrivenReplica()
        replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1), Entry(1, 2)] }
        replica.settle()
        replica.sent = []
        replica.receive(.vote, from: 3, term: 2) {
            $0.index = LogIndex(1)
            $0.logTerm = Term(1)
        }
        replica.settle()
        #expect(replica.takeSent(.voteResponse).map(\.reject) == [true])
    }

    @Test func oneVoteATerm() throws {
        var replica = try DrivenReplica()
        for peer: UInt64 in [2, 3, 2] { replica.receive(.vote, from: peer, term: 1) }
        replica.settle()
        #expect(replica.takeSent(.voteResponse).map(\.reject) == [false, true, false])
    }

    /// Leaders elected at any time speak in the same ticks, if they are told their number; else each by its own count.
    @Test(arguments: [true, false])
    func heartbeatsFallTogether(isTold: Bool) throws {
        var spoke: [Set<Int>] = []
        for elected in 0..<8 {
            var replica = try DrivenReplica { $0.heartbeatTicks = 4 }
            var ticks: Set<Int> = []
            for tick in 1...32 {
                if tick == elected + 1 { replica.lead() }
                if isTold { replica.core.tickNumber = tick }
                replica.run(.tick)
                if !replica.takeSent(.heartbeat).isEmpty { ticks.insert(tick) }
            }
            spoke.append(ticks.filter { $0 > 16 })
        }
        #expect(Set(spoke).count == (isTold ? 1 : 4))
        #expect(spoke.allSatisfy { $0.count == 4 })
    }

    /// A leader that is cut off from its quorum stops leading by itself.
    @Test func leaderWithoutQuorumStepsDown() throws {
        var replica = try DrivenReplica { $0.checkQuorum = true }
        replica.lead()
        for _ in 0..<20 { replica.run(.tick) }
        #expect(replica.core.role == .follower)
    }

    /// A committed change that is not applied may have ended this replica's vote.
    @Test func standsOnlyWithChangesApplied() throws {
        var replica = try DrivenReplica()
        let change = ConfigurationChange(steps: [.init(.remove, NodeID(1))])
        replica.receive(.append, from: 2, term: 1) {
            $0.entries = [
                Entry(
                    term: Term(1),
                    index: LogIndex(1),
                    kind: .configurationChange,
                    payload: change.encodedBytes
                )
            ]
            $0.commit = LogIndex(1)
        }
        replica.take()
        replica.sync()
        replica.core.step(.campaign)
        #expect(replica.core.role == .follower)
    }

    @Test func transferWorksWithPreVoteAndCheckQuorum() throws {
        var replica = try DrivenReplica {
            $0.preVote = true
            $0.checkQuorum = true
        }
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.receive(.timeoutNow, from: 2)
        replica.settle()
        #expect(replica.core.role == .candidate, "without asking first")
        let requests = replica.takeSent(.vote)
        #expect(requests.allSatisfy { $0.context == Campaign.transferContext })
    }

    @Test func proposalsWaitOutATransfer() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.run(.transferLeadership(to: NodeID(3)))
        #expect(replica.run(.propose([[1]])) == .transferring(to: NodeID(3)))
        for _ in 0..<10 { replica.run(.tick) }
        #expect(replica.run(.propose([[1]])) == nil, "a transfer that failed is given up")
    }

    /// Who answers a candidate says what is committed, be it yes or no.
    @Test(arguments: [
        (Message.Kind.vote, true), (.vote, false), (.preVote, true), (.preVote, false),
    ])
    func answerTellsWhatIsCommitted(kind: Message.Kind, isUpToDate: Bool) throws {
        var replica = try DrivenReplica()
        replica.receive(.append, from: 2, term: 3) {
            $0.entries = [Entry(2, 1), Entry(3, 2)]
            $0.commit = LogIndex(1)
        }
        replica.settle()
        replica.receive(kind, from: 3, term: 4) {
            ($0.index, $0.logTerm) =
                isUpToDate ? (LogIndex(2), Term(3)) : (LogIndex(1), Term(2))
        }
        replica.settle()
        let answer = try #require(
            replica.takeSent(kind == .vote ? .voteResponse : .preVoteResponse).first
        )
        #expect(answer.reject == !isUpToDate)
        #expect(answer.commit == LogIndex(1) && answer.logTerm == Term(2))
    }

    /// A candidate takes that over only for an entry that it holds, from whatever term the answer is.
    @Test(arguments: [Message.Kind.voteResponse, .preVoteResponse], [UInt64(1), 4])
    func candidateLearnsWhatIsCommitted(kind: Message.Kind, term: UInt64) throws {
        var replica = try DrivenReplica { $0.preVote = kind == .preVoteResponse }
        replica.receive(.append, from: 2, term: 3) { $0.entries = [Entry(2, 1), Entry(3, 2)] }
        replica.settle()
        replica.run(.campaign)
        for (index, logTerm, commit) in [(2, 4, 0), (9, 3, 0), (0, 0, 0), (1, 2, 1), (2, 3, 2)]
            as [(UInt64, UInt64, UInt64)]
        {
            replica.receive(kind, from: 3, term: term) {
                $0.reject = true
                ($0.commit, $0.logTerm) = (LogIndex(index), Term(logTerm))
            }
            replica.settle()
            #expect(
                replica.core.status.commit == LogIndex(commit),
                "told of \(index) in \(logTerm)"
            )
        }
    }

    /// A leader knows by its own counting alone.
    @Test func leaderLearnsNothingFromAnswers() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.receive(.voteResponse, from: 3) { ($0.commit, $0.logTerm) = (LogIndex(1), Term(1)) }
        replica.settle()
        #expect(replica.core.status.commit == .zero)
    }

    /// Two replicas that have left the group have the longer log: who stayed learns from them that they left, and
    /// needs their votes no more. By an older term's word, too: they did not hear of the last elections.
    @Test(arguments: [UInt64(1), 2])
    func whoStayedLeadsWithoutThoseWhoLeft(term: UInt64) throws {
        let joint = Configuration(
            voters: [1, 2, 4].map { NodeID($0) },
            votersOutgoing: [3, 4, 5].map { NodeID($0) },
            autoLeave: true
        )
        var replica = try DrivenReplica(storage: MemoryLog(configuration: joint))
        replica.receive(.append, from: 4, term: 1) {
            var leave = Entry(.leaveJoint)
            (leave.term, leave.index) = (Term(1), LogIndex(1))
            $0.entries = [leave]
        }
        replica.settle()
        replica.run(.campaign)
        for node: UInt64 in [3, 5] {
            replica.receive(.voteResponse, from: node, term: term) {
                $0.reject = true
                ($0.commit, $0.logTerm) = (LogIndex(1), Term(1))
            }
            replica.settle()
        }
        #expect(replica.core.role == .follower)
        #expect(
            replica.core.configuration == Configuration(voters: [1, 2, 4].map { NodeID($0) })
        )
        replica.run(.campaign)
        replica.receive(.voteResponse, from: 2)
        replica.settle()
        #expect(replica.core.role == .leader)
    }
}
