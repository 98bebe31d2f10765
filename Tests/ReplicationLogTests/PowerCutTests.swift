import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog
import Testing

/// The power goes at every operation of a workload that rolls, retires, truncates and compacts.
@Suite struct PowerCutTests {
    /// What a run had promised when it ended.
    private struct Run {
        /// The states after each call since the last sync, that sync's state first. One of them
        /// must be found.
        var candidates = [LogModel()]
        var phases: Set<LogPhase> = []
        /// The operations that wrote or synced metadata.
        var checkpoints: [Int] = []
        var didEnd = false
    }

    private static let calls = 160
    private static let seeds: [UInt64] = [11, 12]

    /// Runs until the power goes or the calls are done.
    private func run(_ disk: SimulatedDisk, seed: UInt64) -> Run {
        var run = Run()
        var phases: Set<LogPhase> = []
        var checkpoints: [Int] = []
        var started = 0
        do {
            var workload = LogWorkload(seed: seed)
            let (log, _) = try LogFixture.open(disk) { phase, edge in
                phases.insert(phase)
                guard phase == .checkpoint else { return }
                if edge == .begin { started = disk.operations + 1 }
                if edge == .end { checkpoints += started...disk.operations }
            }
            for step in 1...Self.calls {
                let writes = workload.next()
                run.candidates.append(workload.model)
                try log.append(writes)
                guard step % 4 == 0 else { continue }
                if step % 40 == 0 { _ = try log.mark() } else { _ = try log.sync() }
                run.candidates = [workload.model]
            }
            run.didEnd = true
        } catch {
            #expect(disk.isOff, "only the power cut may fail: \(error) SIM_SEED=\(seed)")
        }
        run.phases = phases
        run.checkpoints = checkpoints
        return run
    }

    @Test(arguments: seeds)
    func everyOperationOfAWorkload(seed: UInt64) throws {
        let whole = SimulatedDisk()
        let reference = run(whole, seed: seed)
        #expect(reference.didEnd)
        #expect(
            reference.phases.isSuperset(of: [
                .append, .write, .sync, .roll, .retire, .truncate, .compact, .checkpoint,
            ])
        )
        for cut in 1...whole.operations {
            for mode in 0..<3 {
                let disk = SimulatedDisk()
                disk.operationsUntilCut = cut
                let promised = run(disk, seed: seed)
                #expect(!promised.didEnd)
                switch mode {
                case 0: disk.loseUnsynced()
                case 1: disk.endProcess()
                default: disk.tear(seed: seed &* 1_000_003 &+ UInt64(cut))
                }
                try verify(disk, promised, "SIM_SEED=\(seed) cut=\(cut) mode=\(mode)")
            }
        }
    }

    /// Recovery finds a promised state, can be cut itself, and the log goes on from there.
    private func verify(_ disk: SimulatedDisk, _ run: Run, _ label: String) throws {
        let (log, recovered) = try LogFixture.open(disk)
        let found = try LogModel(log, recovered)
        #expect(run.candidates.contains(found), "\(label)")
        disk.loseUnsynced()
        let (again, same) = try LogFixture.open(disk)
        #expect(try LogModel(again, same) == found, "what recovery found is durable; \(label)")
        var workload = LogWorkload(seed: 99)
        workload.model = found
        for _ in 0..<12 { try again.append(workload.next()) }
        _ = try again.sync()
        disk.loseUnsynced()
        let (model, report) = try LogFixture.read(disk)
        #expect(model == workload.model, "\(label)")
        #expect(report.tornTail == nil)
    }

    /// The power goes again in every operation of the recovery.
    @Test(arguments: seeds)
    func everyOperationOfARecovery(seed: UInt64) throws {
        let whole = SimulatedDisk()
        _ = run(whole, seed: seed)
        for first in stride(from: 40, through: whole.operations, by: 97) {
            for second in 1...12 {
                let disk = SimulatedDisk()
                disk.operationsUntilCut = first
                let promised = run(disk, seed: seed)
                disk.tear(seed: UInt64(first))
                disk.operationsUntilCut = second
                // It may end before the cut: then it is a plain restart.
                _ = try? LogFixture.open(disk)
                disk.tear(seed: UInt64(second))
                try verify(disk, promised, "SIM_SEED=\(seed) first=\(first) second=\(second)")
            }
        }
    }

    /// The process dies over a metadata slot that is written and not synced; then the power goes
    /// while the next life acts on that slot.
    @Test(arguments: seeds)
    func everyOperationOfARecoveryFromThePageCache(seed: UInt64) throws {
        let whole = SimulatedDisk()
        let checkpoints = run(whole, seed: seed).checkpoints
        #expect(checkpoints.count > 10)
        for first in checkpoints {
            for second in 1...12 {
                let disk = SimulatedDisk()
                disk.operationsUntilCut = first
                let promised = run(disk, seed: seed)
                disk.endProcess()
                disk.operationsUntilCut = second
                // It may end before the cut: then it is a plain restart.
                _ = try? LogFixture.open(disk)
                disk.tear(seed: UInt64(first * 16 + second))
                try verify(disk, promised, "SIM_SEED=\(seed) first=\(first) second=\(second)")
            }
        }
    }
}
