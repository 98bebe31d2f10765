import ClusterPrimitives
import Testing

@testable import RaftCore

@Suite("Membership")
struct MembershipTests {
    private func change(
        _ steps: ConfigurationChange.Step...,
        by transition: ConfigurationChange.Transition = .automatic
    ) -> Event {
        .proposeConfigurationChange(ConfigurationChange(transition: transition, steps: steps))
    }

    private func isUnfit(_ refusal: Refusal?) -> Bool {
        if case .unfitChange = refusal { true } else { false }
    }

    /// The known fault of single-server changes: one proposed before the leader committed in its
    /// term.
    @Test func noChangeBeforeTheFirstCommitOfATerm() throws {
        var replica = try DrivenReplica()
        replica.lead()
        #expect(isUnfit(replica.run(change(.init(.addVoter, NodeID(4))))))
        // The refused one left an empty entry behind.
        replica.acknowledge(2, from: 2)
        #expect(replica.run(change(.init(.addVoter, NodeID(4)))) == nil)
    }

    @Test func oneChangeAtATime() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        #expect(replica.run(change(.init(.addVoter, NodeID(4)))) == nil)
        #expect(isUnfit(replica.run(change(.init(.addVoter, NodeID(5))))))
    }

    /// Both majorities count, until the change is left; and it is left without being asked.
    @Test func jointChangeNeedsBothMajorities() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        let steps: [ConfigurationChange.Step] = [
            .init(.addVoter, NodeID(4)), .init(.addVoter, NodeID(5)), .init(.remove, NodeID(3)),
        ]
        replica.run(.proposeConfigurationChange(ConfigurationChange(steps: steps)))
        replica.acknowledge(2, from: 2)
        #expect(replica.core.configuration.isJoint)
        #expect(replica.core.status.lastIndex == LogIndex(3), "the way out is proposed")
        replica.acknowledge(3, from: 2)
        #expect(replica.core.status.commit == LogIndex(2), "a majority of 1 2 3, not of 1 2 4 5")
        replica.acknowledge(3, from: 4)
        #expect(replica.core.status.commit == LogIndex(3))
        #expect(
            replica.core.configuration == Configuration(voters: [1, 2, 4, 5].map { NodeID($0) })
        )
    }

    /// Who left may be needed until a quorum of those who stayed knows, durably, that it was left: an entry behind
    /// the way out brings them the word.
    @Test func whoLeftMayGoOnceThoseWhoStayKnow() throws {
        var replica = try DrivenReplica()
        replica.lead()
        #expect(!replica.core.status.isMembershipSettled)
        replica.acknowledge(1, from: 2)
        #expect(replica.core.status.isMembershipSettled)
        let steps: [ConfigurationChange.Step] = [
            .init(.addVoter, NodeID(4)), .init(.remove, NodeID(3)),
        ]
        replica.run(
            .proposeConfigurationChange(
                ConfigurationChange(transition: .jointAutoLeave, steps: steps)
            )
        )
        for index: UInt64 in 2...3 {
            replica.acknowledge(index, from: 2)
            replica.acknowledge(index, from: 4)
            #expect(!replica.core.status.isMembershipSettled)
        }
        #expect(!replica.core.configuration.isJoint)
        let appends = replica.takeSent(.append).filter { $0.entries.last?.index == LogIndex(4) }
        #expect(Set(appends.map(\.to)) == [NodeID(2), NodeID(4)])
        #expect(
            appends.allSatisfy { $0.commit >= LogIndex(3) },
            "it says that the way out is committed"
        )
        replica.acknowledge(4, from: 4)
        #expect(replica.core.status.isMembershipSettled)
    }

    /// A leader that finds the group out of a joint configuration can't know who else does, before it has committed.
    @Test func aNewLeaderSettlesByItsFirstEntry() throws {
        let now = Configuration(voters: [1, 2, 4].map { NodeID($0) })
        var replica = try DrivenReplica(storage: MemoryLog(configuration: now))
        replica.lead()
        #expect(!replica.core.status.isMembershipSettled)
        replica.acknowledge(1, from: 4)
        #expect(replica.core.status.isMembershipSettled)
    }

    /// A leader that would lose its vote hands over before it leaves the joint configuration.
    @Test func leaderThatIsDemotedHandsOverFirst() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.run(change(.init(.addLearner, NodeID(1)), by: .jointAutoLeave))
        replica.sent = []
        replica.acknowledge(2, from: 2)
        #expect(replica.core.configuration.isJoint)
        #expect(replica.core.status.lastIndex == LogIndex(2), "nothing is proposed")
        #expect(replica.takeSent(.timeoutNow).map(\.to) == [NodeID(2)])
        // The transfer fails: it is tried again.
        for _ in 0..<10 { replica.run(.tick) }
        #expect(replica.takeSent(.timeoutNow).map(\.to) == [NodeID(2)])
    }

    @Test func leaderRefusesToEndItsOwnVote() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        #expect(isUnfit(replica.run(change(.init(.remove, NodeID(1))))))
    }

    /// No limit may keep a group in a joint configuration.
    @Test func leavingTakesNoBytes() throws {
        #expect(ConfigurationChange.leaveJoint.encodedBytes.isEmpty)
        let change = ConfigurationChange(
            transition: .jointExplicitLeave,
            steps: [.init(.addVoter, NodeID(4)), .init(.update, NodeID(1))],
            context: [1, 2]
        )
        #expect(try ConfigurationChange(decoding: change.encodedBytes) == change)
        #expect(try ConfigurationChange(decoding: []) == .leaveJoint)
    }

    /// Bytes that nobody can read, and changes that don't fit, are passed over by everybody alike.
    @Test func unreadableChangeIsPassedOver() throws {
        var replica = try DrivenReplica()
        let before = replica.core.configuration
        let unreadable: [[UInt8]] = [[0xFF], ConfigurationChange.leaveJoint.encodedBytes]
        replica.receive(.append, from: 2, term: 1) {
            $0.entries = zip(UInt64(1)..., unreadable).map { index, payload in
                Entry(
                    term: Term(1),
                    index: LogIndex(index),
                    kind: .configurationChange,
                    payload: payload
                )
            }
            $0.commit = LogIndex(2)
        }
        replica.settle()
        #expect(replica.core.status.applied == LogIndex(2))
        #expect(replica.core.configuration == before)
    }

    @Test func configurationThatContradictsItselfIsNotRead() {
        let wrong = Configuration(voters: [NodeID(1)], learners: [NodeID(1)])
        #expect(!wrong.isValid)
        #expect(throws: DecodingFault.self) { try Configuration(decoding: wrong.encodedBytes) }
    }
}
