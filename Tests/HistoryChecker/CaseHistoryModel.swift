import CaseModel
import ClusterPrimitives

/// What is asked of one case.
public enum CaseInput: Sendable {
    /// A command, under a key of its own.
    case command(CaseCommand)
    /// Look at the case.
    case read
    /// The coordinator closes it, because nobody answered.
    case closeByTimer
    /// The coordinator ends its parking.
    case resumeByTimer
    /// The coordinator archives it.
    case archive
    /// Somebody left the directory: what they have in hand is released.
    case ownerGone(PrincipalID)
    /// Somebody is back in the directory.
    case ownerBack(PrincipalID)
}

/// What is answered.
public enum CaseOutput: Hashable, Sendable {
    /// Carried out.
    case accepted(version: UInt64, status: CaseStatus, owner: PrincipalID?)
    /// Refused by rule.
    case refused(CaseRefusal)
    /// What a read saw; nil: no such case.
    case seen(CaseView?)
}

/// What a read of a case shows.
public struct CaseView: Hashable, Sendable {
    /// Counts accepted commands.
    public var version: UInt64
    /// Where it stands.
    public var status: CaseStatus
    /// Who has it.
    public var owner: PrincipalID?
    /// What it is about.
    public var title: String
    /// How many entries its history has.
    public var entryCount: UInt64

    /// Puts a view together.
    public init(
        version: UInt64,
        status: CaseStatus,
        owner: PrincipalID?,
        title: String,
        entryCount: UInt64
    ) {
        self.version = version
        self.status = status
        self.owner = owner
        self.title = title
        self.entryCount = entryCount
    }

    /// Of a record.
    public init(_ record: CaseRecord) {
        version = record.version
        status = record.status
        owner = record.owner
        title = record.title
        entryCount = record.entryCount
    }
}

/// One case, used by one client at a time.
///
/// The rules are `CaseMachine`'s, which has tests of its own against a page written by hand; what is
/// checked here is that replication keeps them. Time has no part in it: whether a timer acted too early
/// is asked elsewhere, so here it may act whenever the case's status allows it.
public struct CaseHistoryModel: SequentialModel {
    /// A case, and what its shard knows of owners.
    public struct State: Hashable, Sendable {
        /// Nil before the case is made.
        var record: CaseRecord?
        /// Who has left the directory, sorted.
        var gone: [PrincipalID] = []
    }

    /// The present, always.
    private static let now = Timestamp(millisecondsSince1970: 1_750_000_000_000)
    private static let system = Actor(id: PrincipalID("system"), role: .system)
    private let id: CaseID

    /// Of the case with this id.
    public init(_ id: CaseID) { self.id = id }

    /// Before the case is made.
    public var initial: State { State() }

    /// The case after it, if it can be.
    public func next(_ state: State, _ input: CaseInput, _ output: CaseOutput?) -> State? {
        switch input {
        case .read:
            guard let output else { return state }
            return output == .seen(state.record.map { CaseView($0) }) ? state : nil
        case .command(let command): return step(state, command, output)
        case .closeByTimer:
            return byTimer(state, .closeByTimer(asOf: .distantFuture), output)
        case .resumeByTimer: return byTimer(state, .resume, output)
        case .archive:
            return byTimer(state, .archive(boundary: .distantFuture), output)
        case .ownerGone(let owner):
            var next = state
            if !next.gone.contains(owner) {
                next.gone = (next.gone + [owner]).sorted { $0.rawValue < $1.rawValue }
            }
            guard state.record?.owner == owner else { return next }
            return byTimer(next, .release(note: "gone"), nil) ?? next
        case .ownerBack(let owner):
            var next = state
            next.gone.removeAll { $0 == owner }
            return next
        }
    }

    /// What the rules refuse a command with in a state; nil if they don't, and for what is no command.
    public func refusal(_ state: State, _ input: CaseInput) -> CaseRefusal? {
        guard case .command(let command) = input else { return nil }
        let facts = facts(of: state, command)
        switch CaseMachine.step(state.record, command, at: Self.now, facts: facts, newID: id) {
        case .success: return nil
        case .failure(let refusal): return refusal
        }
    }

    /// Reads and refusals.
    public func isIdle(_ input: CaseInput, _ output: CaseOutput) -> Bool {
        if case .accepted = output { false } else { true }
    }

    private func byTimer(
        _ state: State,
        _ action: CaseAction,
        _ output: CaseOutput?
    ) -> State? {
        guard let record = state.record else { return nil }
        let command = CaseCommand(
            actor: Self.system,
            target: id,
            action: action,
            salt: [UInt8](repeating: 0, count: CaseLimits.saltBytes)
        )
        let facts = facts(of: state, command)
        switch CaseMachine.step(record, command, at: .distantFuture, facts: facts) {
        case .success(let step):
            guard output == nil || output == answer(step.receipt) else { return nil }
            return State(record: timeless(step.record), gone: state.gone)
        case .failure: return nil
        }
    }

    private func answer(_ receipt: CaseReceipt) -> CaseOutput {
        .accepted(version: receipt.version, status: receipt.status, owner: receipt.owner)
    }

    private func facts(of state: State, _ command: CaseCommand) -> ShardFacts {
        ShardFacts(
            ownerIsGone: state.record?.owner.map { state.gone.contains($0) } ?? false,
            candidateIsGone: state.gone.contains(command.candidate)
        )
    }

    private func step(_ state: State, _ command: CaseCommand, _ output: CaseOutput?) -> State? {
        // A matter of time: the clock was past the instant that the client named.
        if case .refused(.invalid("until", _)) = output { return state }
        let facts = facts(of: state, command)
        switch CaseMachine.step(state.record, command, at: Self.now, facts: facts, newID: id) {
        case .success(let step):
            guard output == nil || output == answer(step.receipt) else { return nil }
            return State(record: timeless(step.record), gone: state.gone)
        case .failure(let refusal):
            return output == nil || output == .refused(refusal) ? state : nil
        }
    }

    /// Without times, and without the audit's head, which names the order in a way that no rule reads.
    private func timeless(_ record: CaseRecord) -> CaseRecord {
        var record = record
        record.auditHead = .zero
        record.createdAt = Self.now
        record.updatedAt = Self.now
        record.queuedAt = Self.now
        if record.resolvedAt != nil { record.resolvedAt = Self.now }
        if record.dueAt != nil { record.dueAt = Self.now }
        if record.closedAt != nil { record.closedAt = Self.now }
        if record.archivedAt != nil { record.archivedAt = Self.now }
        if record.firstResponseAt != nil { record.firstResponseAt = Self.now }
        return record
    }
}
