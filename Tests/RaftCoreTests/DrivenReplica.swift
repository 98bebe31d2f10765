import ClusterPrimitives

@_spi(StableStorage) @testable import RaftCore

/// One replica whose disk and state machine answer only when told; what it sends is collected.
struct DrivenReplica {
    var core: RaftCore<MemoryLog>
    /// Sent, and not yet looked at.
    var sent: [Message] = []
    var reads: [ReadState] = []
    var toApply: [Entry] = []
    /// Earned by the writes that were handed out, oldest first.
    var receipts: [StorageReceipt] = []

    /// Node 1 of a fresh group.
    init(
        voters: [UInt64] = [1, 2, 3],
        learners: [UInt64] = [],
        storage: MemoryLog? = nil,
        hardState: HardState = HardState(),
        applied: LogIndex = .zero,
        _ change: (inout RaftConfiguration) -> Void = { _ in }
    ) throws(RaftError) {
        var settings = RaftConfiguration(id: NodeID(1), group: .system, seed: 1)
        settings.preVote = false
        settings.checkQuorum = false
        change(&settings)
        let configuration = Configuration(
            voters: voters.map { NodeID($0) },
            learners: learners.map { NodeID($0) }
        )
        core = try RaftCore(
            configuration: settings,
            storage: storage ?? MemoryLog(configuration: configuration),
            hardState: hardState,
            applied: applied
        )
    }

    /// Takes what there is and hands it to the log; the disk doesn't answer yet.
    mutating func take() {
        while let effects = core.takeEffects() {
            if let snapshot = effects.snapshot { core.storage.applySnapshot(snapshot) }
            core.storage.append(effects.entries)
            if effects.needsReceipt {
                receipts.append(
                    StorageReceipt(
                        group: core.settings.group,
                        last: core.storage.last,
                        term: core.term
                    )
                )
            }
            sent += effects.messages
            reads += effects.readStates
            toApply += effects.committed
        }
    }

    /// The disk answers one write.
    mutating func sync() {
        guard !receipts.isEmpty else { return }
        core.step(.persisted(receipts.removeFirst()))
        take()
    }

    /// Disk and state machine answer until nothing moves.
    mutating func settle() {
        take()
        while !receipts.isEmpty || !toApply.isEmpty {
            sync()
            if let last = toApply.last {
                toApply = []
                core.step(.applied(last.index))
                take()
            }
        }
    }

    /// Steps and lets everything settle.
    @discardableResult
    mutating func run(_ event: Event) -> Refusal? {
        let refusal = core.step(event)
        settle()
        return refusal
    }

    /// A message to this node, in its present term unless said otherwise.
    @discardableResult
    mutating func receive(
        _ kind: Message.Kind,
        from: UInt64,
        term: UInt64? = nil,
        _ change: (inout Message) -> Void = { _ in }
    ) -> Refusal? {
        var message = Message(kind, from: NodeID(from), to: core.id)
        message.term = term.map { Term($0) } ?? core.term
        change(&message)
        return core.step(.received(message))
    }

    /// An acknowledgement, and what follows from it.
    mutating func acknowledge(_ index: UInt64, from: UInt64) {
        receive(.appendResponse, from: from) { $0.index = LogIndex(index) }
        settle()
    }

    /// Wins an election by the vote of node 2; its first entry is not acknowledged by anybody.
    mutating func lead() {
        run(.campaign)
        receive(.voteResponse, from: 2)
        settle()
        sent = []
    }

    /// Takes what was sent so far, of one kind.
    mutating func takeSent(_ kind: Message.Kind) -> [Message] {
        defer { sent = [] }
        return sent.filter { $0.kind == kind }
    }
}

extension Entry {
    /// A short entry for tests.
    init(_ term: UInt64, _ index: UInt64, _ payload: [UInt8] = []) {
        self.init(term: Term(term), index: LogIndex(index), payload: payload)
    }
}
