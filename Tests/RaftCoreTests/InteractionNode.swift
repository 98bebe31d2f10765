import ClusterPrimitives

@_spi(StableStorage) @testable import RaftCore

/// One replica of a script's cluster, with storage and state machine that move only when told.
///
/// Two ways to run it, as the scripts have it: in step (write, apply, send, all within one round)
/// and asynchronously (storage answers by messages on the script's list).
struct InteractionNode {
    var core: RaftCore<MemoryLog>
    let isAsynchronous: Bool
    /// The state machine: a snapshot for each entry applied. The newest is what followers are sent.
    private var history: [Snapshot]
    private(set) var appendWork: [ScriptMessage] = []
    private(set) var applyWork: [ScriptMessage] = []

    init(settings: RaftConfiguration, snapshot: Snapshot) throws(RaftError) {
        let storage = MemoryLog(
            base: snapshot.id,
            configuration: snapshot.configuration,
            snapshot: snapshot
        )
        isAsynchronous = settings.asyncStorageWrites
        history = [snapshot]
        core = try RaftCore(
            configuration: settings,
            storage: storage,
            hardState: HardState(commit: snapshot.id.index),
            applied: snapshot.id.index
        )
    }

    var id: NodeID { core.id }

    var hasReady: Bool { core.hasEffects(form, mayWrite: true) }

    private var form: EffectsForm { isAsynchronous ? .asynchronous : .inStep }

    var newestSnapshot: Snapshot { history[history.count - 1] }

    // MARK: Rounds

    /// Takes the effects and performs them as far as this node's way goes; returns what it printed
    /// and what it sent.
    mutating func processReady() -> (text: String, sent: [ScriptMessage]) {
        let effects = core.take(form, mayWrite: true)
        return isAsynchronous ? hand(effects) : perform(effects)
    }

    private mutating func hand(_ effects: Effects) -> (text: String, sent: [ScriptMessage]) {
        let write = effects.needsReceipt ? core.writes.popLast() : nil
        let sent = effects.messages.map { ScriptMessage($0) }
        var shown = sent
        if effects.hardState != nil || effects.snapshot != nil || !effects.entries.isEmpty
            || write != nil
        {
            let request = ScriptMessage.append(effects, write: write, node: id)
            appendWork.append(request)
            shown.append(request)
        }
        if !effects.committed.isEmpty {
            let request = ScriptMessage.apply(effects.committed, node: id)
            applyWork.append(request)
            shown.append(request)
        }
        return (Self.describe(effects, messages: shown), sent)
    }

    private mutating func perform(_ effects: Effects) -> (text: String, sent: [ScriptMessage]) {
        var held: [Message] = []
        if effects.needsReceipt, let last = core.writes.indices.last {
            let own = id
            // In step everything is written before anything is sent, so held messages go with the
            // round.
            held = core.writes[last].held.filter { $0.to != own }
            core.writes[last].held.removeAll { $0.to != own }
        }
        let sent = (effects.messages + held).map { ScriptMessage($0) }
        let text = Self.describe(effects, messages: sent)
        store(entries: effects.entries, snapshot: effects.snapshot)
        apply(effects.committed)
        if effects.needsReceipt, let write = core.writes.last {
            core.step(
                .persisted(
                    StorageReceipt(
                        group: core.settings.group,
                        last: write.last,
                        term: write.term
                    )
                )
            )
        }
        if let last = effects.committed.last { core.step(.applied(last.index)) }
        return (text, sent)
    }

    /// Performs the oldest write; returns what it printed and the answers.
    mutating func processAppend() -> (text: String, sent: [ScriptMessage]) {
        guard !appendWork.isEmpty else { return ("no append work to perform", []) }
        let work = appendWork.removeFirst()
        store(entries: work.entries, snapshot: work.snapshot)
        return (Self.describe(work), work.responses)
    }

    /// Performs the oldest application; returns what it printed and the answer.
    mutating func processApply() -> (text: String, sent: [ScriptMessage]) {
        guard !applyWork.isEmpty else { return ("no apply work to perform", []) }
        let work = applyWork.removeFirst()
        apply(work.entries)
        return (Self.describe(work), work.responses)
    }

    private mutating func store(entries: [Entry], snapshot: Snapshot?) {
        if let snapshot { core.storage.applySnapshot(snapshot) }
        core.storage.append(entries)
        core.storage.snapshot = newestSnapshot
    }

    /// A state machine that appends every payload to its state.
    private mutating func apply(_ entries: [Entry]) {
        for entry in entries {
            var snapshot = newestSnapshot
            snapshot.id = SnapshotID(index: entry.index, term: entry.term)
            if entry.kind == .configurationChange {
                snapshot.configuration = core.applyConfigurationChange(entry)
                snapshot.reference += ConfigurationChange(of: entry)?.context ?? []
            } else {
                snapshot.reference += entry.payload
            }
            history.append(snapshot)
            // Later entries of the batch may already need it.
            core.storage.snapshot = snapshot
        }
    }

    /// Delivers one message; returns the error that the script expects to see, if any.
    mutating func receive(_ message: ScriptMessage) -> String? {
        switch message.content {
        case .peer(let content) where content.from == id && content.kind.isResponse:
            guard core.progress[id] != nil else { return "raft: cannot step as peer not found" }
            _ = core.accept(content)
            return nil
        case .peer(let content):
            switch core.step(.received(content)) {
            case .foreignPeer where content.kind.isResponse:
                return "raft: cannot step as peer not found"
            case .some where content.kind == .proposal:
                return Self.dropped
            default:
                return nil
            }
        case .appended(let write):
            if write.attestsEntries { core.entriesPersisted(write.last, inTerm: write.term) }
            if let index = write.snapshot { core.snapshotPersisted(index) }
            return nil
        case .applied(let entries):
            if let last = entries.last { core.step(.applied(last.index)) }
            return nil
        case .work:
            return "work can't be delivered to a node"
        }
    }

    static let dropped = "raft proposal dropped"

    // MARK: Printing

    private static func describe(_ work: ScriptMessage) -> String {
        var request = work
        request.responses = []
        let answers = work.responses.map { $0.text() + "\n" }.joined()
        return "Processing:\n" + request.text() + "\nResponses:\n" + answers
    }

    private static func describe(_ effects: Effects, messages: [ScriptMessage]) -> String {
        var text = ""
        if let state = effects.softState {
            text += "Lead:\(state.lead) State:\(ScriptText.role(state.role))\n"
        }
        if let state = effects.hardState {
            text += "HardState " + ScriptText.hardState(state) + "\n"
        }
        if !effects.readStates.isEmpty { text += "ReadStates \(effects.readStates)\n" }
        if !effects.entries.isEmpty {
            text += "Entries:\n" + ScriptText.entries(effects.entries)
        }
        if let snapshot = effects.snapshot {
            text += "Snapshot " + ScriptText.snapshot(snapshot) + "\n"
        }
        if !effects.committed.isEmpty {
            text += "CommittedEntries:\n" + ScriptText.entries(effects.committed)
        }
        if !messages.isEmpty {
            text += "Messages:\n" + messages.map { $0.text() + "\n" }.joined()
        }
        return text.isEmpty ? "<empty Ready>" : "Ready MustSync=\(effects.mustSync):\n" + text
    }
}
