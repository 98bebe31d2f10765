import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

/// The leader's steps from the members that a group has to those that it should have.
@Suite struct MembershipMoveTests {
    /// A leader of term 1 with the configuration that a change led to, and members that hold everything.
    private struct Leader {
        var replica: DrivenDriver
        private var ticket = 0

        init() throws {
            replica = try DrivenDriver()
            replica.driver.campaign()
            replica.settle()
        }

        func next(_ voters: [UInt64], _ learners: [UInt64] = []) -> ConfigurationChange? {
            MembershipMove.next(
                replica.driver.status,
                voters: voters.map { NodeID($0) },
                learners: learners.map { NodeID($0) }
            )
        }

        mutating func carryOut(_ change: ConfigurationChange) {
            ticket += 1
            replica.driver.propose(change, ticket: ticket)
            replica.settle()
        }

        /// A node acknowledges all that the leader has.
        mutating func acknowledge(_ node: UInt64) {
            let last = replica.driver.status.lastIndex.rawValue
            replica.receive(.appendResponse, from: node, term: 1, index: last)
            replica.settle()
        }
    }

    private func single(
        _ action: ConfigurationChange.Action,
        _ node: UInt64
    ) -> ConfigurationChange {
        ConfigurationChange(transition: .single, steps: [.init(action, NodeID(node))])
    }

    @Test func newcomersLearnFirstAndVoteTogether() throws {
        var leader = try Leader()
        #expect(leader.next([1]) == nil)
        for node in UInt64(2)...3 {
            #expect(leader.next([1, 2, 3]) == single(.addLearner, node))
            leader.carryOut(single(.addLearner, node))
        }
        // Neither has said anything: their votes would hold the group up.
        #expect(leader.next([1, 2, 3]) == nil)
        leader.acknowledge(2)
        #expect(leader.next([1, 2, 3]) == nil)
        leader.acknowledge(3)
        let joint = try #require(leader.next([1, 2, 3]))
        #expect(joint.transition == .jointAutoLeave)
        #expect(joint.steps == [.init(.addVoter, NodeID(2)), .init(.addVoter, NodeID(3))])
        leader.carryOut(joint)
        // While it is joint nothing else is asked for.
        #expect(!leader.replica.driver.membership.isJoint || leader.next([1]) == nil)
    }

    @Test func aLearnerThatIsToStayOneIsLeftAlone() throws {
        var leader = try Leader()
        leader.carryOut(single(.addLearner, 2))
        leader.acknowledge(2)
        #expect(leader.next([1], [2]) == nil)
        #expect(leader.next([1]) == single(.remove, 2))
    }

    @Test func whoIsReplacedGoesInTheSameChangeInWhichItsSuccessorVotes() throws {
        var leader = try Leader()
        for node in UInt64(2)...3 { leader.carryOut(single(.addLearner, node)) }
        for node in UInt64(2)...3 { leader.acknowledge(node) }
        leader.carryOut(try #require(leader.next([1, 2, 3])))
        for _ in 0..<3 { for node in UInt64(2)...3 { leader.acknowledge(node) } }
        #expect(!leader.replica.driver.membership.isJoint)
        leader.carryOut(try #require(leader.next([1, 3, 4])))
        leader.acknowledge(3)
        #expect(leader.replica.driver.membership.learners == [NodeID(4)])
        // The one that is lost says nothing, and the new one nothing yet.
        #expect(leader.next([1, 3, 4]) == nil)
        leader.acknowledge(4)
        let joint = try #require(leader.next([1, 3, 4]))
        #expect(joint.steps == [.init(.addVoter, NodeID(4)), .init(.remove, NodeID(2))])
    }

    @Test func nobodyKnowsAndNobodyMoves() throws {
        let leader = try Leader()
        #expect(leader.next([], [2]) == nil)
        let follower = try DrivenDriver()
        let status = follower.driver.status
        #expect(MembershipMove.next(status, voters: [NodeID(2)], learners: []) == nil)
    }
}
