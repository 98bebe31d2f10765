import CaseModel
import CaseStore
import ClusterPrimitives
import HistoryChecker
import RaftCore

/// What stands in the stores at the end, held against what the clients learned.
extension CaseBook {
    /// Steps of the checker for one case: far above what any history here needs.
    private static let checkerStepsMax = 1_000_000

    /// Every history has an order that explains it; every word stands where it was said, once.
    func check() {
        for id in caseIDs {
            let leader = world.leader(of: GroupID(shard: id.shard))
            guard let replica = leader as? SimulatedReplica<SimulatedShardMachine> else {
                world.fail("shard \(id.shard) has no leader to ask in the end")
                return
            }
            do throws(StoreError) {
                try replica.machine.store.read { reader throws(StoreError) in
                    explain(id, try history(of: id, reader))
                    try countWords(in: id, reader)
                    try checkOwner(of: id, reader)
                }
            } catch {
                world.fail("case \(id) can't be looked at in the end: \(error)")
            }
        }
    }

    // MARK: Histories

    /// What the clients learned, and of what they did not learn, what the shard says became of it: a command
    /// whose key it does not know was not carried out, and what the coordinator did is in the feed.
    private func history(
        of id: CaseID,
        _ reader: ShardReader
    ) throws(StoreError) -> [Step] {
        var steps: [Step] = []
        for (place, step) in (histories[id] ?? []).enumerated() {
            guard let scope = unknown[id]?[place] else {
                steps.append(step)
                continue
            }
            guard case .remembered(let result) = try reader.keyResult(scope) else { continue }
            var known = step
            known.output = output(result, of: id)
            steps.append(known)
        }
        let from = steps.first?.invokedAt ?? 0
        for item in try feed(reader) where item.caseID == id && item.role == .system {
            guard let input = item.action.timer else { continue }
            var step = Step(unknown: input, from: from)
            step.output = .accepted(
                version: item.version,
                status: item.after.status,
                owner: item.after.owner
            )
            steps.append(step)
        }
        return steps
    }

    private func feed(_ reader: ShardReader) throws(StoreError) -> [FeedItem] {
        var items: [FeedItem] = []
        while case .items(let page) = try reader.feed(
            after: items.last?.position ?? 0,
            limit: StoreLimits.readPageMax
        ), !page.isEmpty {
            items += page
        }
        return items
    }

    private func explain(_ id: CaseID, _ history: [Step]) {
        let checker = LinearizabilityChecker(
            CaseHistoryModel(id),
            stepsMax: Self.checkerStepsMax
        )
        switch checker.check(history) {
        case .linearizable: return
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

    /// Nobody who has left the directory has a live case: it would lie there unseen.
    private func checkOwner(of id: CaseID, _ reader: ShardReader) throws(StoreError) {
        guard let record = try reader.record(id), record.status.hasOwner,
            record.status != .resolved, let owner = record.owner, world.hasLeft(owner)
        else { return }
        world.fail("case \(id) is \(record.status) with \(owner), who has left the directory")
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

    // MARK: Words

    private func countWords(in id: CaseID, _ reader: ShardReader) throws(StoreError) {
        // What was said in a deleted case is gone, and has to be.
        let isErased = try reader.record(id)?.status == .deleted
        var said: [String: Int] = [:]
        for entry in try reader.entries(of: id, limit: 1_000, includeStaff: true) {
            if let text = entry.event.words { said[text, default: 0] += 1 }
        }
        for word in words where word.id == id {
            let count = said[word.text] ?? 0
            if count > 1 { world.fail("case \(id): '\(word.text)' stands \(count) times") }
            if count == 0, word.isAcknowledged, !isErased {
                world.fail("case \(id): '\(word.text)' was acknowledged and is not there")
            }
        }
    }
}

extension ActionName {
    /// What the coordinator's timers do.
    fileprivate var timer: CaseInput? {
        switch self {
        case .closeByTimer: .closeByTimer
        case .resume: .resumeByTimer
        case .archive: .archive
        default: nil
        }
    }
}

extension CaseAction {
    /// What was said, where a history shows it word by word.
    var words: String? {
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
