import ClusterPrimitives
import Testing

@testable import RaftCore

@Suite("Reads")
struct ReadTests {
    private func answer(
        _ replica: inout DrivenReplica,
        from peer: UInt64,
        _ heartbeat: Message?
    ) {
        replica.receive(.heartbeatResponse, from: peer) { $0.context = heartbeat?.context ?? [] }
        replica.settle()
    }

    /// A leader that has not committed in its term does not know what its predecessor acknowledged.
    @Test func freshLeaderGrantsNothing() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.run(.readIndex(context: [1]))
        #expect(replica.takeSent(.heartbeat).isEmpty)
        replica.acknowledge(1, from: 2)
        answer(&replica, from: 2, replica.takeSent(.heartbeat).first)
        #expect(replica.reads == [ReadState(index: LogIndex(1), context: [1])])
    }

    /// The same in a group of one: its commit index is written lazily and may lag after a restart.
    @Test func freshSingleVoterGrantsNothing() throws {
        var storage = MemoryLog(configuration: Configuration(voters: [NodeID(1)]))
        storage.append([Entry(1, 1), Entry(1, 2)])
        var replica = try DrivenReplica(
            voters: [1],
            storage: storage,
            hardState: HardState(term: Term(1), commit: LogIndex(1))
        )
        replica.core.step(.campaign)
        replica.take()
        replica.sync()
        #expect(replica.core.role == .leader)
        replica.core.step(.readIndex(context: [1]))
        replica.take()
        #expect(replica.reads.isEmpty)
        replica.settle()
        #expect(replica.reads == [ReadState(index: LogIndex(3), context: [1])])
    }

    /// The answers to a round say nothing about the time after it was sent.
    @Test func readJoinsOnlyARoundSentAfterIt() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.sent = []
        replica.run(.readIndex(context: [1]))
        let first = replica.takeSent(.heartbeat).first
        replica.run(.readIndex(context: [2]))
        #expect(replica.sent.isEmpty, "gathered for the next round")
        answer(&replica, from: 2, first)
        #expect(replica.reads.map(\.context) == [[1]])
        let second = replica.takeSent(.heartbeat).first
        #expect(second != nil && second?.context != first?.context)
        answer(&replica, from: 2, first)
        #expect(replica.reads.count == 1, "an answer to the first round is none to the second")
        answer(&replica, from: 3, second)
        #expect(replica.reads.map(\.context) == [[1], [2]])
    }

    /// A read that is asked once more under its name gets what holds now.
    @Test func repeatedReadGetsANewerIndex() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.sent = []
        replica.run(.readIndex(context: [1]))
        let first = replica.takeSent(.heartbeat).first
        replica.run(.propose([[7]]))
        replica.acknowledge(2, from: 2)
        replica.sent = []
        replica.run(.readIndex(context: [1]))
        answer(&replica, from: 2, first)
        answer(&replica, from: 2, replica.takeSent(.heartbeat).first)
        #expect(replica.reads.map(\.index) == [LogIndex(1), LogIndex(2)])
    }

    @Test func lostRoundIsMadeGoodByTheNextHeartbeat() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.run(.readIndex(context: [1]))
        replica.run(.readIndex(context: [2]))
        replica.sent = []
        replica.run(.tick)
        answer(&replica, from: 3, replica.takeSent(.heartbeat).first)
        #expect(replica.reads.map(\.context) == [[1], [2]])
    }

    @Test func othersReadsAreAnsweredByMessage() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.sent = []
        replica.receive(.readIndex, from: 3, term: 0) { $0.context = [9] }
        replica.settle()
        answer(&replica, from: 2, replica.takeSent(.heartbeat).first)
        let answers = replica.takeSent(.readIndexResponse)
        #expect(answers.map(\.to) == [NodeID(3)])
        #expect(answers.map(\.context) == [[9]])
        #expect(answers.map(\.index) == [LogIndex(1)])
    }

    @Test func readsThatWaitAreBounded() throws {
        var replica = try DrivenReplica { $0.readsPendingMax = 2 }
        replica.lead()
        #expect(replica.run(.readIndex(context: [1])) == nil)
        #expect(replica.run(.readIndex(context: [2])) == nil)
        #expect(replica.run(.readIndex(context: [3])) == .tooManyReads(limit: 2))
    }

    @Test func leaseGrantsAtOnce() throws {
        var replica = try DrivenReplica {
            $0.readMode = .lease
            $0.checkQuorum = true
        }
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.run(.readIndex(context: [1]))
        #expect(replica.reads.map(\.index) == [LogIndex(1)])
    }
}
