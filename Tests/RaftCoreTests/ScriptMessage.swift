import ClusterPrimitives

@testable import RaftCore

/// Something on the scripts' message list: between replicas, or between a replica and its storage.
struct ScriptMessage {
    enum Party: Equatable {
        case node(NodeID)
        case appendThread
        case applyThread

        var text: String {
            switch self {
            case .node(let id): id == .none ? "None" : String(id.rawValue, radix: 16)
            case .appendThread: "AppendThread"
            case .applyThread: "ApplyThread"
            }
        }
    }

    /// What a delivery does at the receiver.
    enum Content {
        case peer(Message)
        case appended(StorageWrite)
        case applied([Entry])
        case work
    }

    var content: Content
    var type: String
    var from: Party
    var to: Party
    var term = Term.zero
    var logTerm = Term.zero
    var index = LogIndex.zero
    var commit = LogIndex.zero
    var vote = NodeID.none
    var entries: [Entry] = []
    var snapshot: Snapshot?
    var reject = false
    var rejectHint = LogIndex.zero
    var responses: [ScriptMessage] = []

    /// Whether it stays within one node: such messages are never lost.
    var isLocal: Bool {
        if from == to { return true }
        return [from, to].contains { $0 == .appendThread || $0 == .applyThread }
    }

    init(_ message: Message) {
        content = .peer(message)
        type = ScriptText.kind(message.kind)
        from = .node(message.from)
        to = .node(message.to)
        term = message.term
        logTerm = message.logTerm
        index = message.index
        commit = message.commit
        entries = message.entries
        snapshot = message.snapshot
        reject = message.reject
        rejectHint = message.rejectHint
    }

    private init(_ content: Content, _ type: String, from: Party, to: Party) {
        self.content = content
        self.type = type
        self.from = from
        self.to = to
    }

    /// The request to write, with the answers that it leads to.
    static func append(_ effects: Effects, write: StorageWrite?, node: NodeID) -> ScriptMessage {
        var request = ScriptMessage(
            .work,
            "MsgStorageAppend",
            from: .node(node),
            to: .appendThread
        )
        if let state = effects.hardState {
            request.term = state.term
            request.vote = state.vote
            request.commit = state.commit
        }
        request.entries = effects.entries
        request.snapshot = effects.snapshot
        guard let write else { return request }
        request.responses = write.held.map { ScriptMessage($0) }
        if write.attestsEntries || write.snapshot != nil {
            var answer = ScriptMessage(
                .appended(write),
                "MsgStorageAppendResp",
                from: .appendThread,
                to: .node(node)
            )
            answer.term = write.term
            if write.attestsEntries {
                answer.index = write.last.index
                answer.logTerm = write.last.term
            }
            answer.snapshot = effects.snapshot
            request.responses.append(answer)
        }
        return request
    }

    /// The request to apply, with its answer.
    static func apply(_ entries: [Entry], node: NodeID) -> ScriptMessage {
        var request = ScriptMessage(
            .work,
            "MsgStorageApply",
            from: .node(node),
            to: .applyThread
        )
        request.entries = entries
        var answer = ScriptMessage(
            .applied(entries),
            "MsgStorageApplyResp",
            from: .applyThread,
            to: .node(node)
        )
        answer.entries = entries
        request.responses = [answer]
        return request
    }

    /// One message, what belongs to it indented under it.
    func text(indent: String = "") -> String {
        var text =
            "\(indent)\(from.text)->\(to.text) \(type) Term:\(term) Log:\(logTerm)/\(index)"
        if reject { text += " Rejected (Hint: \(rejectHint))" }
        if commit != .zero { text += " Commit:\(commit)" }
        if vote != .none { text += " Vote:\(vote)" }
        if entries.count == 1 {
            text += " Entries:[\(ScriptText.entry(entries[0]))]"
        } else if entries.count > 1 {
            let lines = entries.map { "\n\(indent)  " + ScriptText.entry($0) }
            text += " Entries:[" + lines.joined() + "\n\(indent)]"
        }
        if let snapshot, snapshot.id.index > .zero {
            text += "\n\(indent)  Snapshot: " + ScriptText.snapshot(snapshot)
        }
        if !responses.isEmpty {
            let lines = responses.map { "\n" + $0.text(indent: indent + "  ") }
            text += " Responses:[" + lines.joined() + "\n\(indent)]"
        }
        return text
    }
}
