import ClusterPrimitives

/// The reads that wait on a leader, and the rounds of heartbeats that confirm that it still leads.
///
/// One round serves all reads that had arrived when it was sent; a read never joins a round that
/// was sent before it arrived, because the answers to that one say nothing about the time since. A
/// quorum that has answered round `n` has confirmed every round up to `n`, so a lost heartbeat is
/// made good by the next.
struct ReadRounds: Sendable {
    /// The number of a round, from 1 on within one leadership.
    struct Round: Comparable, Sendable {
        let number: UInt64

        /// As it travels in a heartbeat.
        var context: [UInt8] {
            var writer = ByteWriter()
            writer.write(fixed: number)
            return writer.bytes
        }

        static func < (left: Round, right: Round) -> Bool { left.number < right.number }
    }

    struct Read: Sendable {
        var from: NodeID
        var context: [UInt8]
        /// The commit index when it arrived.
        var index: LogIndex
    }

    /// Arrived before the leader had committed in its term: their index isn't known yet.
    private var postponed: [Read] = []
    /// Arrived after the newest round was sent.
    private var waiting: [Read] = []
    private var underWay: [(round: Round, reads: [Read])] = []
    private var newest = Round(number: 0)
    /// The newest round that each member has answered. Looked up, never walked.
    private var answered: [NodeID: UInt64] = [:]

    /// Reads that wait for anything.
    var count: Int {
        postponed.count + waiting.count + underWay.reduce(0) { $0 + $1.reads.count }
    }

    /// The round that heartbeats have to carry; nil while none is under way.
    var latestRound: Round? { underWay.isEmpty ? nil : newest }

    mutating func postpone(_ read: Read) { postponed.append(read) }

    mutating func takePostponed() -> [Read] {
        defer { postponed = [] }
        return postponed
    }

    mutating func add(_ read: Read) { waiting.append(read) }

    /// Gives the reads that wait a round of their own; nil if none does.
    mutating func startRound() -> Round? {
        guard !waiting.isEmpty else { return nil }
        newest = Round(number: newest.number + 1)
        underWay.append((newest, waiting))
        waiting = []
        return newest
    }

    /// Takes a heartbeat's answer and gives the reads that are confirmed by it. The leader itself,
    /// `own`, answers at once.
    mutating func answer(
        from peer: NodeID,
        context: [UInt8],
        quorum: JointQuorum,
        own: NodeID
    ) -> [Read] {
        guard let number = Self.number(in: context), number <= newest.number else { return [] }
        answered[peer] = max(answered[peer] ?? 0, number)
        let newest = self.newest.number
        let confirmed = quorum.committedIndex { voter in
            LogIndex(voter == own ? newest : answered[voter] ?? 0)
        }
        let done = underWay.prefix { $0.round.number <= confirmed.rawValue }
        underWay.removeFirst(done.count)
        return done.flatMap(\.reads)
    }

    private static func number(in context: [UInt8]) -> UInt64? {
        guard context.count == 8 else { return nil }
        return context.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
