import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

@Suite struct GroupTests {
    /// Goal: a group of drivers keeps Raft's promises through crashes, losses, compactions, snapshots and
    /// changes of its membership: one leader a term, one entry a place, one state an index, nothing said
    /// before it is durable, no read that misses what was acknowledged, one end for each ticket.
    /// Method: random steps; naive tables of what was seen, compared after each.
    @Test(arguments: UInt64(1)...40)
    func everyScheduleKeepsThePromises(seed: UInt64) throws {
        let group = try SimulatedGroup(seed: seed)
        try group.run(steps: 6_000)
        try group.settle()
    }

    /// The schedules meet what they are about; one that never did would prove nothing.
    @Test func theSchedulesMeetTheRarePaths() throws {
        var met = SimulatedGroup.Coverage()
        for seed in UInt64(101)...106 {
            let group = try SimulatedGroup(seed: seed)
            try group.run(steps: 6_000)
            try group.settle()
            met.crashes += group.coverage.crashes
            met.installations += group.coverage.installations
            met.truncations += group.coverage.truncations
            met.jointChanges += group.coverage.jointChanges
            met.transfers += group.coverage.transfers
            met.acknowledged += group.coverage.acknowledged
            met.unknown += group.coverage.unknown
            met.reads += group.coverage.reads
            met.remoteReads += group.coverage.remoteReads
        }
        #expect(met.crashes > 20 && met.installations > 5 && met.truncations > 0, "\(met)")
        #expect(met.jointChanges > 5 && met.transfers > 0 && met.acknowledged > 500, "\(met)")
        #expect(met.unknown > 0 && met.reads > 50 && met.remoteReads > 50, "\(met)")
    }
}
