import CaseModel
import CaseStore
import ClusterPrimitives

/// What the clients asked and learned: one history a case, in steps of the world. Also knows which words
/// were said, to count them at the end.
final class CaseBook {
    /// Steps of the checker for one case: far above what any history here needs.
    private static let checkerStepsMax = 300_000

    typealias Step = Operation<CaseInput, CaseOutput>

    private unowned let world: World
    private(set) var caseIDs: [CaseID] = []
    private var histories: [CaseID: [Step]] = [:]
    /// Operations that were answered.
    private(set) var answered = 0
    /// Texts of comments and notes, with the case, and whether they were acknowledged.
    private var words: [(text: String, id: CaseID, isAcknowledged: Bool)] = []
    /// Commands that were answered: their keys are known for their content.
    private(set) var settled: [(scope: IdempotencyScope, command: CaseCommand)] = []
    private var createdByKey: [SHA256Digest: CaseID] = [:]
    private var openReads = 0
    private(set) var hasFinalReads = false

    init(_ world: World) { self.world = world }

    var isQuiet: Bool { openReads == 0 }

    /// A case exists; its creation is the first of its history.
    func created(_ receipt: CaseReceipt, _ command: CaseCommand, key: SHA256Digest, from: Int64) {
        if let known = createdByKey[key] {
            if known != receipt.id { world.fail("one key answered with two cases") }
            return
        }
        createdByKey[key] = receipt.id
        if histories[receipt.id] != nil { world.fail("two creations made case \(receipt.id)") }
        caseIDs.append(receipt.id)
        histories[receipt.id] = []
        note(receipt.id, .command(command), output(.accepted(receipt)), from)
        // Once at most, at any time.
        histories[receipt.id]?.append(Step(unknown: .archive, from: from))
    }

    /// An operation ended, with an answer or without.
    func note(_ id: CaseID, _ input: CaseInput, _ output: CaseOutput?, _ from: Int64) {
        if let output {
            answered += 1
            let now = Int64(world.steps)
            histories[id]?.append(Step(input, output, from: from, to: now))
        } else {
            histories[id]?.append(Step(unknown: input, from: from))
        }
        guard case .command(let command) = input else { return }
        let mayHaveHappened = output.map { if case .refused = $0 { false } else { true } } ?? true
        guard mayHaveHappened else { return }
        // What the coordinator may do in consequence.
        if case .proposeSolution = command.action {
            histories[id]?.append(Step(unknown: .closeByTimer, from: from))
        }
        if case .park(_, .some) = command.action {
            histories[id]?.append(Step(unknown: .resumeByTimer, from: from))
        }
        if let text = command.action.words { words.append((text, id, output != nil)) }
    }

    func settled(_ scope: IdempotencyScope, _ command: CaseCommand) {
        settled.append((scope, command))
    }

    func output(_ result: ShardResult) -> CaseOutput {
        switch result {
        case .accepted(let receipt):
            return .accepted(
                version: receipt.version,
                status: receipt.status,
                owner: receipt.owner
            )
        case .refused(let refusal): return .refused(refusal)
        case .claimed, .swept:
            world.fail("a case command is answered with \(result)")
            return .seen(nil)
        }
    }

    // MARK: The end

    /// Every case is read once more, linearizably.
    func readAll(_ deadline: Int64) {
        hasFinalReads = true
        for id in caseIDs {
            openReads += 1
            let client = world.pick(world.clients)
            client.read(id, until: deadline) { [unowned self] isDone in
                openReads -= 1
                if !isDone { world.fail("case \(id) can't be read in the healed world") }
            }
        }
    }

    /// Every history has an order that explains it; every word stands where it was said, once.
    func check() {
        for id in caseIDs {
            let history = histories[id] ?? []
            let checker = LinearizabilityChecker(
                CaseHistoryModel(id),
                stepsMax: Self.checkerStepsMax
            )
            switch checker.check(history) {
            case .linearizable: continue
            case .undecided(let steps):
                world.fail("case \(id): \(history.count) operations undecided in \(steps) steps")
            case .violated(let explained):
                let open = history.indices.filter {
                    !explained.contains($0) && history[$0].returnedAt != nil
                }
                let texts = open.prefix(3).map { describe(history[$0]) }
                world.fail(
                    "case \(id): not linearizable: \(explained.count) of \(history.count) explained; "
                        + "not: \(texts.joined(separator: "; "))"
                )
            }
        }
        countWords()
    }

    private func describe(_ step: Step) -> String {
        let input: String
        if case .command(let command) = step.input {
            input = "\(command.action.name) by \(command.actor.id)"
        } else {
            input = "\(step.input)"
        }
        return "[\(step.invokedAt)…\(step.returnedAt ?? -1)] \(input) -> "
            + "\(step.output.map { "\($0)" } ?? "?")"
    }

    private func countWords() {
        var said: [CaseID: [String: Int]] = [:]
        for id in caseIDs {
            let leader = world.leader(of: GroupID(shard: id.shard))
            guard let replica = leader as? SimulatedReplica<SimulatedShardMachine> else { continue }
            do throws(StoreError) {
                let entries = try replica.machine.store.read { reader throws(StoreError) in
                    try reader.entries(of: id, limit: 1_000, includeStaff: true)
                }
                for entry in entries {
                    if let text = entry.event.words {
                        said[id, default: [:]][text, default: 0] += 1
                    }
                }
            } catch {
                world.fail("case \(id): its history can't be read: \(error)")
            }
        }
        for word in words {
            let count = said[word.id]?[word.text] ?? 0
            if count > 1 { world.fail("case \(word.id): '\(word.text)' stands \(count) times") }
            if count == 0, word.isAcknowledged {
                world.fail("case \(word.id): '\(word.text)' was acknowledged and is not there")
            }
        }
    }
}

extension CaseAction {
    /// What was said, where a history shows it word by word.
    fileprivate var words: String? {
        switch self {
        case .comment(let message): message.text
        case .note(let text): text
        default: nil
        }
    }
}

extension CaseEvent {
    fileprivate var words: String? {
        switch self {
        case .commentAdded(let message, _): message.text
        case .noteAdded(let text, _): text
        default: nil
        }
    }
}
