import CaseClient
import CaseModel
import CaseProtocol
import ClusterPrimitives
import HistoryChecker
import ProcessSupport

/// All actions by all roles on a few cases, each with one history that the case's rules have to explain; and
/// requesters who look for what staff wrote.
final class LifecycleLoad: Workload {
    static let workers = 3
    /// After so many operations a case is left for a new one.
    static let operationsPerCase = 60
    /// Of so many commands in a hundred the version is named.
    static let versionPercent = 15

    private struct Book: Sendable {
        var current: CaseID?
        var order: [CaseID] = []
        var histories: [CaseID: [LifecycleModel.Step]] = [:]
    }

    private let book = Locked(Book())
    private let shown = Locked(0)
    private let changing = Turn()

    func prepare(_ stage: Stage) async throws { try await renew(stage, from: nil) }

    private func renew(_ stage: Stage, from old: CaseID?) async throws {
        try await changing.alone {
            guard book.withLock({ $0.current }) == old else { return }
            let name = People.requesters[0]
            let client = try stage.client(name)
            let from = stage.journal.now
            let outcome = await stage.write { () async throws(CaseClientError) in
                try await client.create(
                    .with {
                        $0.title = "a life"
                        $0.message = "it began"
                    }
                )
            }
            guard case .done(let receipt) = outcome else { return }
            let id = try CaseID(parsing: receipt.caseID)
            let new = CaseModel.NewCase(
                title: "a life",
                requester: Requester(principal: PrincipalID(name)),
                channel: .api,
                firstMessage: CaseMessage(text: "it began"),
                queue: LifecycleDraw.queue
            )
            let command = Self.command(name, nil, .create(new))
            let step = LifecycleModel.Step(
                .command(command),
                try Self.output(receipt),
                from: from,
                to: stage.journal.now
            )
            book.withLock { book in
                book.current = id
                book.order.append(id)
                book.histories[id] = [step]
            }
        }
    }

    private static func command(
        _ who: String,
        _ id: CaseID?,
        _ action: CaseModel.CaseAction,
        expecting version: UInt64? = nil
    ) -> CaseCommand {
        CaseCommand(
            actor: LifecycleDraw.actor(who),
            target: id,
            action: action,
            expectedVersion: version,
            salt: [UInt8](repeating: 0, count: CaseLimits.saltBytes)
        )
    }

    private static func output(_ receipt: ClientReceipt) throws -> LifecycleModel.Output {
        .accepted(
            version: receipt.version,
            status: try status(receipt.status),
            owner: receipt.owner.isEmpty ? nil : PrincipalID(receipt.owner)
        )
    }

    private static func status(_ wire: ClientStatus) throws -> CaseModel.CaseStatus {
        guard let raw = UInt8(exactly: wire.rawValue),
            let status = CaseModel.CaseStatus(rawValue: raw)
        else { throw ChaosError.noService("a status that the model does not know: \(wire)") }
        return status
    }

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<Self.workers { group.addTask { await self.work(stage, number) } }
            group.addTask { await self.look(stage) }
            group.addTask { await self.spy(stage) }
        }
    }

    private func work(_ stage: Stage, _ worker: Int) async {
        var random = stage.random("lifecycle \(worker)")
        var number = 0
        do {
            while !stage.isOver {
                let (id, count) = book.withLock { book in
                    (book.current, book.current.flatMap { book.histories[$0]?.count } ?? 0)
                }
                guard let id, count < Self.operationsPerCase else {
                    try await renew(stage, from: id)
                    await stage.rest()
                    continue
                }
                number += 1
                let deed = LifecycleDraw.deed(words: "l\(worker)-\(number)", &random)
                let names = Int.random(in: 0..<100, using: &random) < Self.versionPercent
                let version = names ? UInt64.random(in: 1...12, using: &random) : nil
                try await act(stage, worker, deed, on: id, expecting: version)
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("lifecycle", error))
        }
    }

    private func act(
        _ stage: Stage,
        _ worker: Int,
        _ deed: Deed,
        on id: CaseID,
        expecting version: UInt64?
    ) async throws {
        let client = try stage.client(deed.who, first: worker)
        let from = stage.journal.now
        let outcome = await stage.write { () async throws(CaseClientError) in
            try await client.execute(
                deed.asClient,
                on: id.description,
                expecting: version
            )
        }
        let input = CaseInput.command(
            Self.command(deed.who, id, deed.asModel, expecting: version)
        )
        let to = stage.journal.now
        let step: LifecycleModel.Step
        switch outcome {
        case .done(let receipt):
            step = LifecycleModel.Step(input, try Self.output(receipt), from: from, to: to)
        case .refused(let error):
            step = LifecycleModel.Step(input, .refused(error.kind), from: from, to: to)
        case .unknown: step = LifecycleModel.Step(unknown: input, from: from)
        case .failed: return
        }
        note(id, step)
    }

    private func note(_ id: CaseID, _ step: LifecycleModel.Step) {
        book.withLock { $0.histories[id, default: []].append(step) }
    }

    /// Somebody of staff looks at the case, through one node after the other.
    private func look(_ stage: Stage) async {
        var turn = 0
        do {
            while !stage.isOver {
                let client = try stage.client(People.supervisor, first: turn, alone: true)
                turn += 1
                if let id = book.withLock({ $0.current }) {
                    let from = stage.journal.now
                    let found = await stage.read { () async throws(CaseClientError) in
                        try await client.get(id.description)
                    }
                    if let found {
                        let view = try Self.view(found)
                        let to = stage.journal.now
                        note(id, LifecycleModel.Step(.read, .seen(view), from: from, to: to))
                    }
                }
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("lifecycle", error))
        }
    }

    private static func view(_ found: ClientRecord) throws -> CaseView {
        CaseView(
            version: found.version,
            status: try status(found.status),
            owner: found.owner.isEmpty ? nil : PrincipalID(found.owner),
            title: found.title,
            entryCount: found.entryCount
        )
    }

    // MARK: What a requester gets

    /// The requester looks at everything that there is to see of the case.
    private func spy(_ stage: Stage) async {
        var turn = 0
        do {
            while !stage.isOver {
                let client = try stage.client(People.requesters[0], first: turn)
                turn += 1
                if let id = book.withLock({ $0.current })?.description {
                    let found = await stage.read { () async throws(CaseClientError) in
                        try await client.get(id)
                    }
                    let page = await stage.read { () async throws(CaseClientError) in
                        try await client.history(id, pageSize: 500)
                    }
                    var texts = try (page?.entries ?? []).map { try $0.jsonString() }
                    if let found { texts.append(try found.jsonString()) }
                    judge(stage, id, texts)
                }
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("lifecycle", error))
        }
    }

    private func judge(_ stage: Stage, _ id: String, _ texts: [String]) {
        let leaks = Secrecy.violations(of: id, texts, mark: Stage.staffMark)
        shown.withLock { $0 += texts.count }
        // One is enough to know: the rest of a long run would only repeat it.
        guard let first = leaks.first,
            !stage.journal.violations.contains(where: { $0.check == first.check })
        else { return }
        stage.journal.violated(first)
    }

    // MARK: The end

    func check(_ stage: Stage) async throws -> [Violation] {
        let client = try stage.client(People.supervisor)
        let book = book.withLock { $0 }
        var violations: [Violation] = []
        for id in book.order {
            var history = book.histories[id] ?? []
            let entries = try await stage.insist("case \(id)") {
                () async throws(CaseClientError) in
                try await client.history(id.description, pageSize: 500).entries
            }
            history += TimerSteps.steps(entries, from: history.first?.invokedAt ?? 0)
            if let violation = LifecycleModel.violation(of: id, history) {
                violations.append(violation)
            }
        }
        return violations
    }

    var summary: String {
        book.withLock { book in
            let steps = book.histories.values.reduce(0) { $0 + $1.count }
            return "\(book.order.count) lives, \(steps) operations, "
                + "\(shown.withLock { $0 }) things shown to requesters"
        }
    }
}
