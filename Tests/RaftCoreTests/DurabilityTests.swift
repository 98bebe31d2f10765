import ClusterPrimitives
import Testing

@_spi(StableStorage) @testable import RaftCore

/// Durable before sent, durable before applied: each rule on its own.
@Suite("Durability")
struct DurabilityTests {
    @Test func voteLeavesOnlyAgainstReceipt() throws {
        var replica = try DrivenReplica()
        replica.receive(.vote, from: 2, term: 1)
        replica.take()
        #expect(replica.sent.isEmpty)
        #expect(replica.receipts.count == 1)
        replica.sync()
        #expect(replica.takeSent(.voteResponse).map(\.to) == [NodeID(2)])
    }

    @Test func acknowledgementLeavesOnlyAgainstReceipt() throws {
        var replica = try DrivenReplica()
        replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1)] }
        replica.take()
        #expect(replica.sent.isEmpty)
        replica.sync()
        #expect(replica.takeSent(.appendResponse).map(\.index) == [LogIndex(1)])
    }

    /// What repeats something durable waits for nothing, and asks the disk for nothing.
    @Test func repeatedAcknowledgementLeavesAtOnce() throws {
        var replica = try DrivenReplica()
        for _ in 0..<2 {
            replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1)] }
            replica.settle()
        }
        #expect(replica.takeSent(.appendResponse).count == 2)
        replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1)] }
        replica.take()
        #expect(replica.receipts.isEmpty)
        #expect(replica.takeSent(.appendResponse).count == 1)
    }

    /// A group of one commits by its own disk alone: never before it.
    @Test func singleVoterAppliesOnlyAfterItsDisk() throws {
        var replica = try DrivenReplica(voters: [1])
        replica.run(.campaign)
        #expect(replica.core.role == .leader)
        replica.core.step(.propose([[1], [2]]))
        replica.take()
        #expect(replica.toApply.isEmpty)
        #expect(replica.core.status.commit == LogIndex(1))
        replica.sync()
        #expect(replica.toApply.map(\.payload) == [[1], [2]])
    }

    /// A quorum of others may commit what the leader's own disk does not hold yet; it is not
    /// applied.
    @Test func leaderAppliesOnlyWhatItsDiskHolds() throws {
        var replica = try DrivenReplica()
        replica.lead()
        replica.core.step(.propose([[1]]))
        replica.take()
        for peer: UInt64 in [2, 3] {
            replica.receive(.appendResponse, from: peer) { $0.index = LogIndex(2) }
        }
        replica.take()
        #expect(replica.core.status.commit == LogIndex(2))
        #expect(replica.toApply.map(\.index) == [LogIndex(1)])
        replica.sync()
        #expect(replica.toApply.map(\.index) == [LogIndex(1), LogIndex(2)])
    }

    /// Or it could lead the same term again after a crash, and fill it with other entries.
    @Test func candidateLeadsOnlyOnceItsOwnVoteIsDurable() throws {
        var replica = try DrivenReplica()
        replica.core.step(.campaign)
        replica.take()
        replica.receive(.voteResponse, from: 2)
        replica.receive(.voteResponse, from: 3)
        replica.take()
        #expect(replica.core.role == .candidate)
        replica.sync()
        #expect(replica.core.role == .leader)
    }

    /// An answer to a write of an older term says nothing about what has replaced its entries
    /// since.
    @Test func receiptOfAnOlderTermConfirmsNothing() throws {
        var replica = try DrivenReplica(voters: [1, 2, 3, 4, 5])
        replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1, [1])] }
        replica.take()
        replica.receive(.append, from: 3, term: 2) { $0.entries = [Entry(2, 1, [2])] }
        replica.take()
        #expect(replica.receipts.count == 2)
        replica.sync()
        #expect(replica.core.status.durableIndex == .zero)
        replica.sync()
        #expect(replica.core.status.durableIndex == LogIndex(1))
        #expect(replica.core.storage.term(at: LogIndex(1)) == Term(2))
    }

    /// A new term, then a vote in it: the log's end and the term are the same in both receipts.
    @Test func receiptsThatLookAlikeReleaseOneAfterTheOther() throws {
        var replica = try DrivenReplica()
        replica.receive(.voteResponse, from: 3, term: 4) { $0.reject = true }
        replica.take()
        replica.receive(.vote, from: 2, term: 4)
        replica.take()
        #expect(replica.receipts.count == 2)
        #expect(replica.receipts[0] == replica.receipts[1])
        replica.sync()
        #expect(replica.sent.isEmpty, "the vote is not durable yet")
        replica.sync()
        #expect(replica.takeSent(.voteResponse).count == 1)
    }

    /// A log that answers several writes at once answers the earlier ones too.
    @Test func oneReceiptMayAnswerSeveralWrites() throws {
        var replica = try DrivenReplica()
        for index: UInt64 in 1...3 {
            replica.receive(.append, from: 2, term: 1) {
                $0.index = LogIndex(index - 1)
                $0.logTerm = index == 1 ? .zero : Term(1)
                $0.entries = [Entry(1, index)]
            }
            replica.take()
        }
        replica.receipts.removeFirst(2)
        replica.sync()
        #expect(replica.takeSent(.appendResponse).map(\.index.rawValue) == [1, 2, 3])
    }

    @Test func foreignAndRepeatedReceiptsAreIgnored() throws {
        var replica = try DrivenReplica()
        replica.receive(.vote, from: 2, term: 1)
        replica.take()
        let receipt = replica.receipts[0]
        let foreign = StorageReceipt(
            group: GroupID(rawValue: 7),
            last: receipt.last,
            term: receipt.term
        )
        #expect(replica.core.step(.persisted(foreign)) == .unknownReceipt)
        #expect(replica.core.step(.persisted(receipt)) == nil)
        #expect(replica.core.step(.persisted(receipt)) == .unknownReceipt)
    }

    @Test func oneWriteAtATimeWhereAsked() throws {
        var replica = try DrivenReplica { $0.asyncStorageWrites = false }
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.acknowledge(1, from: 3)
        replica.sent = []
        replica.core.step(.propose([[1]]))
        replica.take()
        replica.core.step(.propose([[2]]))
        replica.take()
        #expect(replica.receipts.count == 1)
        #expect(replica.takeSent(.append).flatMap(\.entries).count == 4, "sending needs no disk")
        replica.sync()
        #expect(replica.receipts.count == 1)
        replica.sync()
        #expect(replica.core.status.durableIndex == LogIndex(3))
    }
}
