import ClusterPrimitives
import Testing

@testable import RaftCore

@Suite("Replication")
struct ReplicationTests {
    /// Paper 5.4.2, figure 8: a majority does not commit an older term's entry.
    @Test func olderTermIsNotCommittedByCounting() throws {
        var storage = MemoryLog(configuration: Configuration(voters: [1, 2, 3].map { NodeID($0) }))
        storage.append([Entry(1, 1), Entry(2, 2)])
        var replica = try DrivenReplica(storage: storage, hardState: HardState(term: Term(3)))
        replica.lead()
        replica.acknowledge(2, from: 2)
        replica.acknowledge(2, from: 3)
        #expect(replica.core.status.commit == .zero, "held by all, and yet not committed")
        replica.acknowledge(3, from: 2)
        #expect(replica.core.status.commit == LogIndex(3))
    }

    /// An append that is older than what is compacted is answered, not compared.
    @Test func appendBelowTheCompactedPrefixIsAnswered() throws {
        var storage = MemoryLog(configuration: Configuration(voters: [1, 2, 3].map { NodeID($0) }))
        storage.append((1...5).map { Entry(1, $0) })
        storage.compact(through: LogIndex(4))
        var replica = try DrivenReplica(
            storage: storage,
            hardState: HardState(term: Term(1), commit: LogIndex(5)),
            applied: LogIndex(5)
        )
        replica.receive(.append, from: 2) {
            $0.index = LogIndex(1)
            $0.logTerm = Term(1)
            $0.entries = [Entry(1, 2), Entry(1, 3)]
        }
        replica.settle()
        #expect(replica.takeSent(.appendResponse).map(\.index) == [LogIndex(5)])
        #expect(replica.core.status.lastIndex == LogIndex(5))
    }

    /// Entries behind the last one of a delayed append stay, as long as nothing contradicts them.
    @Test func delayedAppendCutsNothingOff() throws {
        var replica = try DrivenReplica()
        let entries = [Entry(1, 1), Entry(1, 2), Entry(1, 3)]
        replica.receive(.append, from: 2, term: 1) { $0.entries = entries }
        replica.receive(.append, from: 2, term: 1) { $0.entries = [entries[0]] }
        replica.settle()
        #expect(replica.core.status.lastIndex == LogIndex(3))
    }

    @Test func contradictionOfWhatIsCommittedIsRefused() throws {
        var replica = try DrivenReplica()
        replica.receive(.append, from: 2, term: 1) {
            $0.entries = [Entry(1, 1), Entry(1, 2)]
            $0.commit = LogIndex(2)
        }
        replica.settle()
        replica.receive(.append, from: 3, term: 2) {
            $0.index = LogIndex(1)
            $0.logTerm = Term(1)
            $0.entries = [Entry(2, 2)]
        }
        replica.settle()
        #expect(replica.core.storage.term(at: LogIndex(2)) == Term(1))
    }

    /// A heartbeat that names more than this log holds: the log lost something. Nothing is
    /// committed by guess.
    @Test func heartbeatBeyondTheLogCommitsNothing() throws {
        var replica = try DrivenReplica()
        replica.receive(.append, from: 2, term: 1) { $0.entries = [Entry(1, 1)] }
        replica.receive(.heartbeat, from: 2, term: 1) { $0.commit = LogIndex(9) }
        replica.settle()
        #expect(replica.core.status.commit == .zero)
    }

    @Test func messagesAndWindowsAreBounded() throws {
        var replica = try DrivenReplica {
            $0.messageBytesMax = 3 * (10 + Entry.overheadBytes)
            $0.inflightMessagesMax = 100
            $0.inflightBytesMax = 200
        }
        replica.lead()
        replica.acknowledge(1, from: 2)
        replica.sent = []
        for _ in 0..<100 { replica.run(.propose([[UInt8](repeating: 1, count: 10)])) }
        let appends = replica.takeSent(.append).filter { $0.to == NodeID(2) }
        #expect(appends.allSatisfy { $0.entries.count <= 3 })
        #expect(appends.flatMap(\.entries).payloadBytes == 200, "the window's bytes, no more")
        let member = try #require(replica.core.progress[NodeID(2)])
        #expect(member.isInflightFull && member.isPaused)
        // An answer makes room; what waited goes out in messages of at most three.
        replica.acknowledge(12, from: 2)
        let more = replica.takeSent(.append).filter { $0.to == NodeID(2) }
        #expect(more.contains { $0.entries.count == 3 })
        #expect(more.allSatisfy { $0.entries.count <= 3 })
    }

    @Test func uncommittedTailIsBounded() throws {
        var replica = try DrivenReplica { $0.uncommittedBytesMax = 100 }
        replica.lead()
        let payload = [UInt8](repeating: 1, count: 60)
        #expect(replica.run(.propose([payload])) == nil)
        #expect(replica.run(.propose([payload])) == .uncommittedTailFull(bytes: 60, limit: 100))
        replica.acknowledge(2, from: 2)
        #expect(replica.run(.propose([payload])) == nil, "what is applied makes room")
        replica.acknowledge(3, from: 2)
        let large = [UInt8](repeating: 1, count: 500)
        #expect(replica.run(.propose([large])) == nil, "an empty tail takes any size")
    }

    /// Outstanding entries are bounded, whatever is committed.
    @Test func applyBatchesAreBounded() throws {
        var replica = try DrivenReplica(voters: [1]) { $0.committedBytesMax = 200 }
        replica.run(.campaign)
        replica.core.step(.propose((0..<50).map { _ in [UInt8](repeating: 1, count: 50) }))
        replica.take()
        replica.sync()
        #expect(replica.toApply.costBytes <= 200)
        let first = try #require(replica.toApply.last?.index)
        replica.core.step(.applied(first))
        replica.take()
        #expect(replica.toApply.count == 4, "as many again")
    }

    @Test func proposalsAreForwardedAtMostOnce() throws {
        var replica = try DrivenReplica { $0.forwardsProposals = true }
        replica.receive(.heartbeat, from: 2, term: 1)
        replica.settle()
        #expect(replica.run(.propose([[1]])) == nil)
        #expect(replica.takeSent(.proposal).map(\.to) == [NodeID(2)])
        let answer = replica.receive(.proposal, from: 3, term: 0) { $0.entries = [Entry(0, 0)] }
        #expect(answer == .notLeader(term: Term(1), hint: NodeID(2)))
        replica.settle()
        #expect(replica.sent.isEmpty)
    }

    /// A follower that lost its log's beginning gets a snapshot, and one that knows it.
    @Test func snapshotFitsItsReceiver() throws {
        let voters = [1, 2, 3].map { NodeID($0) }
        var storage = MemoryLog(configuration: Configuration(voters: voters))
        storage.append([Entry(1, 1), Entry(1, 2)])
        storage.compact(through: LogIndex(2))
        storage.snapshot = Snapshot(
            id: SnapshotID(index: LogIndex(2), term: Term(1)),
            configuration: Configuration(voters: voters.dropLast())
        )
        var replica = try DrivenReplica(
            storage: storage,
            hardState: HardState(term: Term(1), commit: LogIndex(2)),
            applied: LogIndex(2)
        )
        replica.lead()
        for peer: UInt64 in [2, 3] {
            replica.receive(.appendResponse, from: peer) {
                $0.index = LogIndex(2)
                $0.reject = true
            }
        }
        let taken = replica.core.takeEffects()
        let effects = try #require(taken)
        #expect(effects.messages.filter { $0.kind == .snapshot }.map(\.to) == [NodeID(2)])
        #expect(effects.wantsSnapshot, "for node 3, which this one does not know")
    }
}
