import CaseModel
import CaseStore
import ClusterPrimitives
import HistoryChecker

/// What the clients asked and learned: one history a case, in steps of the world. Also knows which words
/// were said, to count them at the end.
final class CaseBook {
    typealias Step = Operation<CaseInput, CaseOutput>

    unowned let world: World
    private(set) var caseIDs: [CaseID] = []
    private(set) var histories: [CaseID: [Step]] = [:]
    /// Operations that were answered.
    private(set) var answered = 0
    /// Commands without an answer, by their place in the case's history: the shard knows what became of them.
    private(set) var unknown: [CaseID: [Int: IdempotencyScope]] = [:]
    /// Texts of comments and notes, with the case, and whether they were acknowledged.
    private(set) var words: [(text: String, id: CaseID, isAcknowledged: Bool)] = []
    /// Commands that were answered: their keys are known for their content.
    private(set) var settled: [(scope: IdempotencyScope, command: CaseCommand)] = []
    private var createdByKey: [SHA256Digest: CaseID] = [:]
    /// What the coordinator told all shards, sooner or later, since so many steps.
    private var moves: [(input: CaseInput, from: Int64)] = []
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
        note(receipt.id, .command(command), output(.accepted(receipt), of: receipt.id), from)
        for move in moves {
            histories[receipt.id]?.append(Step(unknown: move.input, from: move.from))
        }
    }

    /// Somebody leaves the directory, or comes back: every shard hears of it, and every case may change by it.
    func moved(_ input: CaseInput) {
        let from = Int64(world.steps)
        moves.append((input, from))
        for id in caseIDs { histories[id]?.append(Step(unknown: input, from: from)) }
    }

    /// An operation ended, with an answer or without.
    func note(
        _ id: CaseID,
        _ input: CaseInput,
        _ output: CaseOutput?,
        _ from: Int64,
        scope: IdempotencyScope? = nil
    ) {
        if let output {
            answered += 1
            let now = Int64(world.steps)
            histories[id]?.append(Step(input, output, from: from, to: now))
        } else {
            if let scope { unknown[id, default: [:]][histories[id]?.count ?? 0] = scope }
            histories[id]?.append(Step(unknown: input, from: from))
        }
        guard case .command(let command) = input, let text = command.action.words else { return }
        if case .refused = output { return }
        words.append((text, id, output != nil))
    }

    func settled(_ scope: IdempotencyScope, _ command: CaseCommand) {
        settled.append((scope, command))
    }

    /// What was answered to somebody who asked about case `id`.
    func output(_ result: ShardResult, of id: CaseID) -> CaseOutput {
        switch result {
        case .accepted(let receipt):
            if receipt.id != id { world.fail("case \(id) is answered for with \(receipt.id)") }
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
}
