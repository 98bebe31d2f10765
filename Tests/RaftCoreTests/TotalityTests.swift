import ClusterPrimitives
import Testing

@testable import RaftCore

/// Goal: whatever a peer sends, a replica neither stops nor throws, and its own promises hold.
/// Method: random bytes into the decoder, random messages into replicas of every role.
@Suite("Totality")
struct TotalityTests {
    @Test(arguments: UInt64(1)...20)
    func randomBytesAreReadOrRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                UInt8.random(in: 0...20, using: &random)
            }
            do throws(DecodingFault) {
                let message = try Message(decoding: bytes)
                #expect(message.encodedBytes == bytes || !message.encodedBytes.isEmpty)
            } catch {
                #expect(error.offset <= bytes.count, "SIM_SEED=\(seed)")
            }
        }
    }

    @Test(arguments: UInt64(1)...40)
    func randomMessagesStopNobody(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var replica = try DrivenReplica {
            $0.preVote = seed % 2 == 0
            $0.checkQuorum = seed % 3 == 0
        }
        if seed % 4 != 0 { replica.lead() }
        var commit = LogIndex.zero
        for _ in 0..<400 {
            let term = replica.core.term
            replica.core.step(.received(Self.message(&random, term: term)))
            if Bool.random(using: &random) { replica.settle() }
            if Int.random(in: 0..<20, using: &random) == 0 { replica.run(.campaign) }
            #expect(replica.core.term >= term, "SIM_SEED=\(seed): terms never fall")
            #expect(replica.core.status.commit >= commit, "SIM_SEED=\(seed): nor does commit")
            commit = replica.core.status.commit
        }
    }

    /// Mostly small numbers, so that they meet what is there; now and then the largest.
    private static func message(_ random: inout SeededGenerator, term: Term) -> Message {
        func number() -> UInt64 {
            let kinds: [UInt64] = [0, 1, 2, 3, 4, 5, 7, 1 << 40, 1 << 62, .max]
            return kinds[Int.random(in: 0..<kinds.count, using: &random)]
        }
        let kinds = Message.Kind.allCases
        var message = Message(
            kinds[Int.random(in: 0..<kinds.count, using: &random)],
            from: NodeID(UInt64.random(in: 0...4, using: &random)),
            to: NodeID(UInt64.random(in: 1...10, using: &random) == 1 ? 2 : 1)
        )
        let terms: [UInt64] = [term.rawValue, term.rawValue, term.rawValue + 1, number()]
        message.term = Term(terms[Int.random(in: 0..<terms.count, using: &random)])
        // A term out of reach would end the run for all that follows.
        if message.term.rawValue > 1 << 40, message.term.rawValue <= 1 << 62 {
            message.term = term
        }
        message.logTerm = Term(number())
        message.index = LogIndex(number())
        message.commit = LogIndex(number())
        message.rejectHint = LogIndex(number())
        message.reject = Bool.random(using: &random)
        message.context =
            [[], [1], ReadRounds.Round(number: number()).context][
                Int.random(in: 0..<3, using: &random)
            ]
        let count = UInt64.random(in: 0...3, using: &random)
        for offset in 0..<count where message.index.rawValue < 1 << 40 {
            let entryTerm = Bool.random(using: &random) ? message.term : Term(number())
            message.entries.append(
                Entry(
                    term: entryTerm,
                    index: LogIndex(message.index.rawValue + 1 + offset),
                    kind: Bool.random(using: &random) ? .normal : .configurationChange,
                    payload: [UInt8](repeating: 3, count: Int(count))
                )
            )
        }
        if Int.random(in: 0..<4, using: &random) == 0 {
            let ids = (0..<3).map { _ in NodeID(UInt64.random(in: 0...4, using: &random)) }
            message.snapshot = Snapshot(
                id: SnapshotID(index: LogIndex(number()), term: Term(number())),
                configuration: Configuration(voters: ids, learners: [NodeID(number())])
            )
        }
        return message
    }

    /// What is on the disk decides whether a node may start at all.
    @Test func contradictionsOnDiskAreRefused() throws {
        var storage = MemoryLog(configuration: Configuration(voters: [NodeID(1)]))
        storage.append([Entry(1, 1), Entry(1, 2), Entry(1, 3)])
        let lost = HardState(term: Term(1), commit: LogIndex(5))
        #expect(throws: RaftError.commitBeyondLog(commit: LogIndex(5), lastIndex: LogIndex(3))) {
            try DrivenReplica(storage: storage, hardState: lost)
        }
        #expect(throws: RaftError.appliedBeyondLog(applied: LogIndex(4), lastIndex: LogIndex(3))) {
            try DrivenReplica(storage: storage, applied: LogIndex(4))
        }
        storage.compact(through: LogIndex(2))
        #expect(
            throws: RaftError.appliedBehindLog(applied: LogIndex(1), firstIndex: LogIndex(3))
        ) {
            try DrivenReplica(storage: storage, applied: LogIndex(1))
        }
        #expect(throws: RaftError.self) { try DrivenReplica { $0.heartbeatTicks = 10 } }
        #expect(throws: RaftError.self) { try DrivenReplica { $0.readMode = .lease } }
    }

    /// What the log of the tests and the server's tail promise.
    @Test func memoryLogTruncatesCompactsAndRestores() {
        var log = MemoryLog()
        log.append([Entry(1, 1), Entry(1, 2), Entry(1, 3)])
        log.append([Entry(2, 2)])
        #expect(log.last == SnapshotID(index: LogIndex(2), term: Term(2)))
        log.compact(through: LogIndex(1))
        #expect(log.firstIndex == LogIndex(2))
        #expect(log.term(at: LogIndex(1)) == Term(1), "the last one compacted is known")
        #expect(log.entries(from: LogIndex(1), through: LogIndex(2), bytesMax: .max) == nil)
        log.append([Entry(1, 1), Entry(2, 2), Entry(2, 3)])
        #expect(log.entries.map(\.index.rawValue) == [2, 3])
        let limited = log.entries(from: LogIndex(2), through: LogIndex(3), bytesMax: 1)
        #expect(limited?.count == 1, "one entry always goes")
        log.applySnapshot(
            Snapshot(
                id: SnapshotID(index: LogIndex(9), term: Term(3)),
                configuration: Configuration()
            )
        )
        #expect(log.entries.isEmpty && log.lastIndex == LogIndex(9))
    }
}
