/// What a history turned out to be.
public enum Verdict: Equatable, Sendable {
    /// Some order of the operations, each at one instant between question and answer, explains all answers.
    case linearizable
    /// No order does. `explained`: positions in the history of the most operations that one did explain.
    case violated(explained: [Int])
    /// More than `steps` orders were looked at without an answer. Counts as failed.
    case undecided(steps: Int)
}

/// Decides whether a history of one object is linearizable.
///
/// The search of Wing and Gong (1993) with Lowe's memory (2017): take any operation that no unexplained
/// one has ended before, see whether the model allows its answer, go on from there, and never look twice
/// at the same set of explained operations in the same state.
///
/// An operation with an unknown outcome may be taken at any time after its question, or not at all.
///
/// Two branches are never looked at, since leaving them out loses no order that another does not show: an
/// answered operation that may come next and never changes anything (a read, a refusal) comes next, for it
/// could be moved here from wherever else it stood; an unknown one that would change nothing is not taken now.
public struct LinearizabilityChecker<Model: SequentialModel> {
    /// A history's operation.
    public typealias Step = Operation<Model.Input, Model.Output>

    private let model: Model
    private let stepsMax: Int

    /// - Parameters:
    ///   - model: what the object should do.
    ///   - stepsMax: operations that are tried before the checker gives up.
    public init(_ model: Model, stepsMax: Int = 1_000_000) {
        self.model = model
        self.stepsMax = stepsMax
    }

    private struct Seen: Hashable {
        let explained: Explained
        let state: Model.State
    }

    /// The branch that is being looked at: what was taken last, and where to go on if it leads nowhere.
    private struct Level {
        let state: Model.State
        let candidates: [Int]
        var next = 0
        var taken: Int?
    }

    /// Looks for an order that explains the history.
    public func check(_ history: [Step]) -> Verdict {
        // By question, then by place: the candidates come in a fixed order.
        let order = history.indices.sorted {
            (history[$0].invokedAt, $0) < (history[$1].invokedAt, $1)
        }
        let steps = order.map { history[$0] }
        let mustExplain = steps.count { $0.returnedAt != nil }
        var explained = Explained(count: steps.count)
        var path: [Int] = []
        var best: [Int] = []
        var known = 0
        var tried = 0
        var seen: Set<Seen> = []
        var levels = [level(model.initial, steps, explained)]
        if mustExplain == 0 { return .linearizable }
        while var level = levels.popLast() {
            if let taken = level.taken {
                // Came back from there: it led nowhere.
                level.taken = nil
                explained.remove(taken)
                path.removeLast()
                if steps[taken].returnedAt != nil { known -= 1 }
            }
            guard level.next < level.candidates.count else { continue }
            let candidate = level.candidates[level.next]
            level.next += 1
            tried += 1
            guard tried <= stepsMax else { return .undecided(steps: tried) }
            let step = steps[candidate]
            guard let state = model.next(level.state, step.input, step.output) else {
                levels.append(level)
                continue
            }
            if step.returnedAt == nil, state == level.state {
                levels.append(level)
                continue
            }
            explained.insert(candidate)
            guard seen.insert(Seen(explained: explained, state: state)).inserted else {
                explained.remove(candidate)
                levels.append(level)
                continue
            }
            level.taken = candidate
            path.append(candidate)
            if step.returnedAt != nil { known += 1 }
            if path.count > best.count { best = path }
            if known == mustExplain { return .linearizable }
            levels.append(level)
            levels.append(self.level(state, steps, explained))
        }
        return .violated(explained: best.map { order[$0] }.sorted())
    }

    /// Where to go on from a state: with what changes nothing, if there is something of the kind.
    private func level(_ state: Model.State, _ steps: [Step], _ explained: Explained) -> Level {
        let candidates = candidates(steps, explained)
        let idle = candidates.first { place in
            let step = steps[place]
            guard step.returnedAt != nil, let output = step.output,
                model.isIdle(step.input, output)
            else { return false }
            return model.next(state, step.input, output) != nil
        }
        return Level(state: state, candidates: idle.map { [$0] } ?? candidates)
    }

    /// What may come next: asked before any unexplained operation was answered.
    private func candidates(_ steps: [Step], _ explained: Explained) -> [Int] {
        var firstAnswer = Int64.max
        for index in steps.indices where !explained.contains(index) {
            // Sorted by question: later ones can't have been answered before it.
            guard steps[index].invokedAt <= firstAnswer else { break }
            firstAnswer = min(firstAnswer, steps[index].returnedAt ?? .max)
        }
        var found: [Int] = []
        for index in steps.indices {
            guard steps[index].invokedAt <= firstAnswer else { break }
            if !explained.contains(index) { found.append(index) }
        }
        // Those with an answer first: the others mostly never happened.
        return found.filter { steps[$0].returnedAt != nil }
            + found.filter { steps[$0].returnedAt == nil }
    }
}

/// A set of positions.
private struct Explained: Hashable {
    private var words: [UInt64]

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    func contains(_ index: Int) -> Bool { words[index / 64] & 1 << UInt64(index % 64) != 0 }

    mutating func insert(_ index: Int) { words[index / 64] |= 1 << UInt64(index % 64) }

    mutating func remove(_ index: Int) { words[index / 64] &= ~(1 << UInt64(index % 64)) }
}
