import CaseClient
import ClusterPrimitives
import ProcessSupport

/// One run: a cluster, its load, its faults, and the questions afterwards.
public struct ChaosRun: Sendable {
    /// What it is asked for.
    public let options: ChaosOptions
    /// What it will do, whatever happens.
    public let plan: FaultPlan

    /// Load without faults before the first one and after the last one, in milliseconds: what is normal.
    static let quietMilliseconds = 3_000
    /// Between two progress lines.
    static let progressInterval = Duration.seconds(5)
    /// How often it is seen whether everything is over.
    static let lookInterval = Duration.milliseconds(200)

    /// Draws the plan.
    public init(_ options: ChaosOptions) {
        self.options = options
        let whole = FaultPlan(
            FaultPlan.Settings(
                seed: options.seed,
                lasts: options.lasts,
                nodes: options.nodes,
                kinds: options.faults
            )
        )
        plan = options.piece.map { whole.piece($0) } ?? whole
    }

    /// Holds it.
    /// - Parameter progress: is told a line now and then.
    /// - Returns: what it came to.
    /// - Throws: where there was nothing to judge: the machine could not carry the run, or the task was cancelled. All
    ///   that was made is gone by then.
    public func run(
        progress: @escaping @Sendable (String) -> Void
    ) async throws -> ChaosReport {
        let journal = Journal()
        let cluster = try ChaosCluster(options, plan: plan, journal: journal)
        do {
            let report = try await run(cluster, journal, progress)
            try await cluster.tearDown()
            return report
        } catch {
            // Also where the task was cancelled, which would cut it short.
            try await Task { try await cluster.tearDown() }.value
            throw error
        }
    }

    private func run(
        _ cluster: ChaosCluster,
        _ journal: Journal,
        _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> ChaosReport {
        try await cluster.found()
        progress(
            "\(options.nodes) nodes on \(cluster.site.summary); \(plan.faults.count) faults planned"
        )
        let tokens = try await People.invite(cluster)
        let stage = Stage(cluster, journal, seed: options.seed, tokens: tokens)
        let workloads = options.workloads.map { $0.make() }
        for workload in workloads { try await workload.prepare(stage) }
        await withTaskGroup(of: Void.self) { group in
            for workload in workloads { group.addTask { await workload.run(stage) } }
            let reporting = Task { await report(journal, progress) }
            await cluster.pause(.milliseconds(Self.quietMilliseconds))
            journal.faultsBegin()
            await makeFaults(cluster, journal)
            journal.faultsEnd()
            await cluster.pause(.milliseconds(Self.quietMilliseconds))
            stage.end()
            await group.waitForAll()
            reporting.cancel()
        }
        try Task.checkCancellation()
        progress("healed; asking the cluster what became of it all")
        await cluster.heal()
        let healedAt = ContinuousClock.now
        do {
            let fencing = try await FencingCheck(term: systemTerm(stage))
            for (kind, workload) in zip(options.workloads, workloads) {
                let found = try await workload.check(stage)
                for violation in found { journal.violated(violation) }
                progress("\(kind.rawValue): \(workload.summary); \(found.count) violations")
            }
            for violation in try await FinalChecks(stage).violations() {
                journal.violated(violation)
            }
            await stage.shutdown()
            try await checkFencing(cluster, fencing, since: healedAt)
        } catch {
            journal.violated(
                Violation(check: "service", subject: "the healed cluster", message: "\(error)")
            )
        }
        await stage.shutdown()
        progress("asked everything: \(journal.violations.count) violations")
        return ChaosReport(
            options: options,
            plan: plan,
            journal,
            workloads: zip(options.workloads, workloads).map { ($0.rawValue, $1.summary) }
        )
    }

    /// The highest term of the system group that any node knows.
    private func systemTerm(_ stage: Stage) async throws -> Term {
        var highest: UInt64 = 0
        for slot in stage.cluster.slots {
            let admin = try stage.client("admin", first: slot.index, alone: true)
            let status = try await stage.insist("the state of node \(slot.nodeID)") {
                () async throws(CaseClientError) in try await admin.clusterStatus()
            }
            highest = max(highest, status.groups.first { $0.group == 0 }?.term ?? 0)
        }
        return Term(highest)
    }

    /// By then the coordinator has spoken to every shard: two nights, and the time that a night takes.
    static let fencedAfter = Duration.seconds(15)

    private func checkFencing(
        _ cluster: ChaosCluster,
        _ check: FencingCheck,
        since healedAt: ContinuousClock.Instant
    ) async throws {
        let rest = Self.fencedAfter - (ContinuousClock.now - healedAt)
        if rest > .zero { await cluster.pause(rest) }
        await cluster.stopAll()
        for slot in cluster.slots {
            let epochs = try FencingCheck.epochs(
                dataDirectory: cluster.dataDirectory(slot.nodeID),
                shards: options.shards
            )
            for violation in check.violations(node: slot.nodeID, epochs: epochs) {
                cluster.journal.violated(violation)
            }
        }
    }

    /// Makes all faults; ends early at a violation if that is wanted.
    private func makeFaults(_ cluster: ChaosCluster, _ journal: Journal) async {
        let performer = FaultPerformer(cluster, journal)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await performer.perform(plan)
                return true
            }
            // The plan may end with a quiet piece.
            group.addTask {
                await cluster.pause(.milliseconds(plan.settings.lasts))
                return true
            }
            if options.stopsAtViolation {
                group.addTask {
                    while !Task.isCancelled, journal.violations.isEmpty {
                        await cluster.pause(Self.lookInterval)
                    }
                    return false
                }
            }
            var waited = 0
            for await isDone in group {
                waited += 1
                if !isDone || waited == 2 { break }
            }
            group.cancelAll()
        }
    }

    private func report(
        _ journal: Journal,
        _ progress: @escaping @Sendable (String) -> Void
    ) async {
        var last = 0
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.progressInterval) } catch { return }
            let count = journal.sampleCount
            let running = journal.running.map(\.summary).joined(separator: "; ")
            progress(
                "\(journal.now / 1_000_000) s: \(count) calls, "
                    + "\((count - last) / Int(Self.progressInterval.components.seconds))/s, "
                    + "\(journal.violations.count) violations"
                    + (running.isEmpty ? "" : "; now \(running)")
            )
            last = count
        }
    }
}
