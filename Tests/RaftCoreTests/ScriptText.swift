import ClusterPrimitives
import Testing

@testable import RaftCore

/// Prints the core's values in the scripts' words, and reads theirs.
enum ScriptText {
    /// `v1 l2 r3 u4`.
    static func steps(_ text: String) -> [ConfigurationChange.Step] {
        text.split(separator: " ").compactMap { word in
            let action: ConfigurationChange.Action? =
                switch word.first {
                case "v": .addVoter
                case "l": .addLearner
                case "r": .remove
                case "u": .update
                default: nil
                }
            guard let action, let id = UInt64(word.dropFirst()) else {
                Issue.record("an unknown step of a change: \(word)")
                return nil
            }
            return ConfigurationChange.Step(action, NodeID(id))
        }
    }

    static func steps(_ steps: [ConfigurationChange.Step]) -> String {
        steps.map { step in
            let letter =
                switch step.action {
                case .addVoter: "v"
                case .addLearner: "l"
                case .remove: "r"
                case .update: "u"
                }
            return letter + step.node.description
        }.joined(separator: " ")
    }

    static func progress(_ table: ProgressTable) -> String {
        table.ids.map { id in
            "\(id): " + (table[id].map(progress) ?? "missing") + "\n"
        }.joined()
    }

    static func progress(_ progress: Progress) -> String {
        let state =
            switch progress.state {
            case .probe: "StateProbe"
            case .replicate: "StateReplicate"
            case .snapshot: "StateSnapshot"
            }
        var text = "\(state) match=\(progress.match) next=\(progress.next)"
        if progress.isLearner { text += " learner" }
        if progress.isPaused { text += " paused" }
        if progress.pendingSnapshot > .zero { text += " pendingSnap=\(progress.pendingSnapshot)" }
        if !progress.recentActive { text += " inactive" }
        if progress.inflightMessages > 0 {
            text += " inflight=\(progress.inflightMessages)"
            if progress.isInflightFull { text += "[full]" }
        }
        return text
    }

    static func role(_ role: Role) -> String {
        switch role {
        case .follower: "StateFollower"
        case .preCandidate: "StatePreCandidate"
        case .candidate: "StateCandidate"
        case .leader: "StateLeader"
        }
    }

    static func kind(_ kind: Message.Kind) -> String {
        switch kind {
        case .append: "MsgApp"
        case .appendResponse: "MsgAppResp"
        case .heartbeat: "MsgHeartbeat"
        case .heartbeatResponse: "MsgHeartbeatResp"
        case .snapshot: "MsgSnap"
        case .preVote: "MsgPreVote"
        case .preVoteResponse: "MsgPreVoteResp"
        case .vote: "MsgVote"
        case .voteResponse: "MsgVoteResp"
        case .timeoutNow: "MsgTimeoutNow"
        case .proposal: "MsgProp"
        case .transferLeadership: "MsgTransferLeader"
        case .readIndex: "MsgReadIndex"
        case .readIndexResponse: "MsgReadIndexResp"
        }
    }

    static func hardState(_ state: HardState) -> String {
        var text = "Term:\(state.term)"
        if state.vote != .none { text += " Vote:\(state.vote)" }
        return text + " Commit:\(state.commit)"
    }

    static func snapshot(_ snapshot: Snapshot) -> String {
        func list(_ ids: [NodeID]) -> String {
            "[" + ids.map(\.description).joined(separator: " ") + "]"
        }
        let configuration = snapshot.configuration
        return "Index:\(snapshot.id.index) Term:\(snapshot.id.term) "
            + "ConfState:Voters:\(list(configuration.voters.incoming.voters)) "
            + "VotersOutgoing:\(list(configuration.voters.outgoing.voters)) "
            + "Learners:\(list(configuration.learners)) "
            + "LearnersNext:\(list(configuration.learnersNext)) "
            + "AutoLeave:\(configuration.autoLeave)"
    }

    static func entry(_ entry: Entry) -> String {
        let head = "\(entry.term)/\(entry.index) "
        switch entry.kind {
        case .normal:
            return head + "EntryNormal " + quoted(entry.payload)
        case .configurationChange:
            guard let change = ConfigurationChange(of: entry) else { return head + "unreadable" }
            let name = change.transition == .single ? "EntryConfChange" : "EntryConfChangeV2"
            return head + name + (change.steps.isEmpty ? "" : " " + steps(change.steps))
        }
    }

    static func entries(_ entries: some Sequence<Entry>) -> String {
        entries.map { entry($0) + "\n" }.joined()
    }

    /// As Go's `%q` writes plain text.
    private static func quoted(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
