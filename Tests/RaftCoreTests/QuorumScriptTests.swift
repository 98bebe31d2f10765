import ClusterPrimitives
import Testing

@testable import RaftCore

/// Goal: commit indexes and votes of majorities and joint majorities are what the scripts say.
@Suite("Quorum scripts", .enabled(if: OracleScripts.areThere, "the oracle folder is absent"))
struct QuorumScriptTests {
    @Test(arguments: OracleScripts.names("quorum"))
    func script(name: String) throws {
        let steps = try OracleScripts.steps("quorum", name)
        #expect(!steps.isEmpty, "\(name) has no steps")
        for step in steps {
            let printed = Self.run(step)
            #expect(
                Script.comparable(printed) == Script.comparable(step.expected),
                "\(name):\(step.line)"
            )
        }
    }

    private static func ids(_ step: ScriptStep, _ key: String) -> [NodeID]? {
        guard let values = step.values(key) else { return nil }
        return values == ["zero"] ? [] : values.compactMap { UInt64($0) }.map { NodeID($0) }
    }

    private static func run(_ step: ScriptStep) -> String {
        let incoming = ids(step, "cfg") ?? []
        let outgoing = ids(step, "cfgj")
        var voters: [NodeID] = []
        for id in incoming + (outgoing ?? []) where !voters.contains(id) { voters.append(id) }
        switch step.directive {
        case "committed":
            return committed(step, incoming, outgoing, voters)
        case "vote":
            return vote(step, incoming, outgoing, voters)
        default:
            return "unknown directive \(step.directive)"
        }
    }

    private static func committed(
        _ step: ScriptStep,
        _ incoming: [NodeID],
        _ outgoing: [NodeID]?,
        _ voters: [NodeID]
    ) -> String {
        let values = step.values("idx") ?? []
        guard values.count == voters.count else {
            return
                "error: mismatched input (explicit or _) for voters \(describe(voters)): "
                + describe(values)
        }
        var indexes: [NodeID: LogIndex] = [:]
        for (id, value) in zip(voters, values) {
            guard let index = UInt64(value), index > 0 else { continue }
            indexes[id] = LogIndex(index)
        }
        let majority = MajorityQuorum(incoming)
        let result: LogIndex
        if let outgoing {
            let joint = JointQuorum(incoming: majority, outgoing: MajorityQuorum(outgoing))
            result = joint.committedIndex { indexes[$0] }
            let turned = JointQuorum(incoming: MajorityQuorum(outgoing), outgoing: majority)
            #expect(turned.committedIndex { indexes[$0] } == result, "the halves are equals")
        } else {
            result = majority.committedIndex { indexes[$0] }
            let joint = JointQuorum(incoming: majority)
            #expect(joint.committedIndex { indexes[$0] } == result, "an empty half changes nothing")
        }
        return bars(voters.sorted(), indexes)
            + (result == .unbounded ? "∞" : result.description)
    }

    /// A bar for each voter: how many voters are behind it.
    private static func bars(_ voters: [NodeID], _ indexes: [NodeID: LogIndex]) -> String {
        guard !voters.isEmpty else { return "<empty majority quorum>" }
        var text = String(repeating: " ", count: voters.count) + "    idx\n"
        for id in voters {
            let index = indexes[id] ?? .zero
            let bar = voters.count { (indexes[$0] ?? .zero) < index }
            let head =
                indexes[id] == nil
                ? "?" + String(repeating: " ", count: voters.count)
                : String(repeating: "x", count: bar) + ">"
                    + String(repeating: " ", count: voters.count - bar)
            let digits = index.description
            let padding = String(repeating: " ", count: max(0, 5 - digits.count))
            text += "\(head) \(padding)\(digits)    (id=\(id))\n"
        }
        return text
    }

    private static func vote(
        _ step: ScriptStep,
        _ incoming: [NodeID],
        _ outgoing: [NodeID]?,
        _ voters: [NodeID]
    ) -> String {
        let values = step.values("votes") ?? []
        guard values.count == voters.count else {
            return
                "error: mismatched input (explicit or _) for voters \(describe(voters)): "
                + describe(values)
        }
        var votes: [NodeID: Bool] = [:]
        for (id, value) in zip(voters, values) where value != "_" { votes[id] = value == "y" }
        let majority = MajorityQuorum(incoming)
        let result: VoteResult
        if let outgoing {
            let joint = JointQuorum(incoming: majority, outgoing: MajorityQuorum(outgoing))
            result = joint.voteResult { votes[$0] }
            let turned = JointQuorum(incoming: MajorityQuorum(outgoing), outgoing: majority)
            #expect(turned.voteResult { votes[$0] } == result, "the halves are equals")
        } else {
            result = majority.voteResult { votes[$0] }
        }
        return switch result {
        case .won: "VoteWon"
        case .lost: "VoteLost"
        case .pending: "VotePending"
        }
    }

    private static func describe(_ items: [some CustomStringConvertible]) -> String {
        "[" + items.map(\.description).joined(separator: " ") + "]"
    }
}
