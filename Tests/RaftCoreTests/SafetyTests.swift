import ClusterPrimitives
import Testing

@testable import RaftCore

/// Goal: what Raft promises, under everything that a network and a disk may do.
/// Method: random events from a seed; a judge that looks at disks and applied entries only.
@Suite("Safety")
struct SafetyTests {
    static let movesPerSeed = 4_000

    /// One leader a term; commit never outruns a quorum of disks; logs match; nobody applies
    /// anything else than the others, or before its own disk holds it; no vote or acknowledgement
    /// before it is durable; reads see what was applied before them. And once the faults end, all
    /// catch up.
    @Test(arguments: UInt64(1)...60)
    func holdsUnderFaults(seed: UInt64) throws {
        let voters: UInt64 = [1, 3, 5][Int(seed % 3)]
        var group = try SimulatedGroup(nodes: 5, voters: voters, seed: seed)
        for tick in 0..<Self.movesPerSeed {
            try group.move()
            if tick % 20 == 0 { group.judgeLogs() }
            guard group.faults.isEmpty else { break }
        }
        group.judgeLogs()
        #expect(group.faults.isEmpty, "SIM_SEED=\(seed)")
        guard group.faults.isEmpty else { return }
        let settled = group.heal(rounds: 400)
        #expect(settled, "SIM_SEED=\(seed): the group does not settle\n\(group.summary)")
        group.judgeLogs()
        #expect(group.faults.isEmpty, "SIM_SEED=\(seed) after healing")
    }

    /// The simulation does what it claims to: a run in which nothing happened would pass as well.
    @Test func simulationIsBusy() throws {
        var applied = 0
        var reads = 0
        var changes = 0
        var snapshots = 0
        for seed in UInt64(1)...20 {
            var group = try SimulatedGroup(nodes: 5, voters: 3, seed: seed)
            for _ in 0..<Self.movesPerSeed { try group.move() }
            applied += group.history.count
            reads += group.readsAnswered
            changes += group.changesMade
            snapshots += group.snapshotsSent
        }
        #expect(applied > 600, "applied \(applied)")
        #expect(reads > 50, "reads \(reads)")
        #expect(changes > 20, "changes \(changes)")
        #expect(snapshots > 15, "snapshots \(snapshots)")
    }

    /// One seed replays a run exactly.
    @Test(arguments: [UInt64(3), 8])
    func seedReplays(seed: UInt64) throws {
        func run() throws -> [Entry] {
            var group = try SimulatedGroup(nodes: 3, voters: 3, seed: seed)
            for _ in 0..<Self.movesPerSeed { try group.move() }
            return group.history
        }
        let first = try run()
        #expect(try run() == first, "SIM_SEED=\(seed)")
    }
}
