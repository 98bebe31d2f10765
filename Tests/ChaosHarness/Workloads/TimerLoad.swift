import CaseClient
import ProcessSupport

/// Cases that are resolved and left to the coordinator: closed when the window is over, archived the night
/// after. Some are rejected and resolved once more, from when on the window counts.
final class TimerLoad: Workload {
    /// Between two cases of one worker.
    static let pace = Duration.milliseconds(400)
    static let workers = 2
    /// How often a resolved case is looked at until it is closed.
    static let lookInterval = Duration.milliseconds(250)
    /// How long the coordinator may take with what is left, once everything is healed: the last window, the
    /// next two nights and the work itself, on a slow machine.
    static let finishLimit = Duration.seconds(45)

    private let cases = Locked<[String: TimerHistory]>([:])

    func prepare(_ stage: Stage) async throws {}

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<Self.workers { group.addTask { await self.work(stage, number) } }
            group.addTask { await self.look(stage) }
        }
    }

    private func work(_ stage: Stage, _ worker: Int) async {
        var random = stage.random("timers \(worker)")
        do {
            let requester = try stage.client(People.requesters[worker % 2], first: worker)
            let agent = try stage.client(People.agents[worker % 2], first: worker)
            while !stage.isOver {
                let isRejected = Bool.random(using: &random)
                await one(stage, requester, agent, isRejected: isRejected)
                await stage.cluster.pause(Self.pace)
            }
        } catch {
            stage.journal.violated(.harness("timers", error))
        }
    }

    /// One case up to its resolve; left as it is where a step stays unknown.
    private func one(
        _ stage: Stage,
        _ requester: CaseClient,
        _ agent: CaseClient,
        isRejected: Bool
    ) async {
        let made = await stage.write { () async throws(CaseClientError) in
            try await requester.create(
                .with {
                    $0.title = "for the timer"
                    $0.message = "it hangs"
                }
            )
        }
        guard case .done(let receipt) = made else { return }
        let id = receipt.caseID
        func act(_ client: CaseClient, _ action: CaseAction) async -> CaseReceipt? {
            let outcome = await stage.write { () async throws(CaseClientError) in
                try await client.execute(action, on: id)
            }
            if case .done(let receipt) = outcome { return receipt } else { return nil }
        }
        let solution = CaseAction.proposeSolution(note: Stage.staffMark, message: "restarted it")
        guard await act(agent, .assignToMe) != nil else { return }
        if isRejected {
            guard await act(agent, solution) != nil,
                await act(requester, .rejectSolution(reason: "no")) != nil
            else { return }
        }
        let began = stage.journal.now
        guard let resolved = await act(agent, solution) else { return }
        cases.withLock {
            $0[id] = TimerHistory(
                resolvedAt: resolved.at,
                resolveBegan: began,
                window: Timing.reopenWindowMilliseconds
            )
        }
    }

    /// Sees by the harness' own clock when a case is closed.
    private func look(_ stage: Stage) async {
        do {
            let client = try stage.client(People.supervisor)
            while !stage.isOver {
                let newest = cases.withLock { cases in
                    cases.filter { $0.value.seenClosed == nil }
                        .max { $0.value.resolveBegan < $1.value.resolveBegan }?.key
                }
                if let id = newest {
                    let found = await stage.read { () async throws(CaseClientError) in
                        try await client.get(id)
                    }
                    if let found, found.status == .closed || found.status == .archived {
                        let now = stage.journal.now
                        cases.withLock { $0[id]?.seenClosed = now }
                    }
                }
                await stage.cluster.pause(Self.lookInterval)
            }
        } catch {
            stage.journal.violated(.harness("timers", error))
        }
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        let client = try stage.client(People.supervisor)
        let clock = ContinuousClock()
        let end = clock.now + Self.finishLimit
        var violations: [Violation] = []
        for (id, history) in cases.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            var entries: [CaseEntry] = []
            repeat {
                entries = try await stage.insist("case \(id)") { () async throws(CaseClientError) in
                    try await client.history(id, pageSize: 500).entries
                }
                if entries.contains(where: { $0.action == "archive" }) { break }
                await stage.cluster.pause(ChaosCluster.pollInterval)
            } while clock.now < end
            let moves = entries.filter { !$0.action.isEmpty }.map {
                TimerHistory.Move(action: $0.action, at: $0.at, isSystem: $0.role == .system)
            }
            stage.journal.count(.closedByTimer, moves.count { $0.action == "close-by-timer" })
            stage.journal.count(.archived, moves.count { $0.action == "archive" })
            violations += history.violations(of: id, moves: moves)
        }
        return violations
    }

    var summary: String { "\(cases.withLock { $0.count }) cases resolved and left" }
}
