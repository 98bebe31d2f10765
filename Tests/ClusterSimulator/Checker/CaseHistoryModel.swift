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
    /// Nil before the case is made.
    public typealias State = CaseRecord?

    /// The present, always.
    private static let now = Timestamp(millisecondsSince1970: 1_750_000_000_000)
    private static let system = Actor(id: PrincipalID("system"), role: .system)
    private let id: CaseID

    /// Of the case with this id.
    public init(_ id: CaseID) { self.id = id }

    /// Before the case is made.
    public var initial: CaseRecord? { nil }

    /// The case after it, if it can be.
    public func next(_ state: CaseRecord?, _ input: CaseInput, _ output: CaseOutput?) -> State? {
        switch input {
        case .read:
            guard let output else { return state }
            return output == .seen(state.map { CaseView($0) }) ? .some(state) : nil
        case .command(let command): return step(state, command, output)
        case .closeByTimer:
            return byTimer(state, .closeByTimer(asOf: .distantFuture))
        case .resumeByTimer: return byTimer(state, .resume)
        case .archive:
            return byTimer(state, .archive(boundary: .distantFuture))
        }
    }

    private func byTimer(_ state: State, _ action: CaseAction) -> State? {
        guard let state else { return nil }
        let command = CaseCommand(
            actor: Self.system,
            target: id,
            action: action,
            salt: [UInt8](repeating: 0, count: CaseLimits.saltBytes)
        )
        switch CaseMachine.step(state, command, at: .distantFuture) {
        case .success(let step): return .some(timeless(step.record))
        case .failure: return nil
        }
    }

    private func step(_ state: State, _ command: CaseCommand, _ output: CaseOutput?) -> State? {
        // A matter of time: the clock was past the instant that the client named.
        if case .refused(.invalid("until", _)) = output { return .some(state) }
        switch CaseMachine.step(state, command, at: Self.now, newID: id) {
        case .success(let step):
            let answer = CaseOutput.accepted(
                version: step.receipt.version,
                status: step.receipt.status,
                owner: step.receipt.owner
            )
            return output == nil || output == answer ? .some(timeless(step.record)) : nil
        case .failure(let refusal):
            return output == nil || output == .refused(refusal) ? .some(state) : nil
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
