import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

@Suite struct ScheduleTests {
    /// Goal: whatever the order in which log and store answer, each ticket ends once, what is acknowledged is
    /// durable, and a read sees every write that was committed before it was asked for, hence every
    /// acknowledged one.
    /// Method: random steps; a naive model keeps what was committed when each read came.
    @Test(arguments: UInt64(1)...64)
    func everyScheduleIsLinearizable(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var replica = try DrivenDriver(async: seed.isMultiple(of: 2)) { limits in
            limits.proposalsMax = 8
            limits.readsMax = 4
        }
        replica.driver.campaign()
        replica.settle()
        /// By read: what had been committed when it came.
        var mustSee: [Int: LogIndex] = [:]
        var acknowledged = LogIndex.zero
        var tickets = 0
        var stepped = 0
        for step in 0..<400 {
            stepped = step
            switch Int.random(in: 0..<7, using: &random) {
            case 0, 1:
                tickets += 1
                replica.propose(tickets)
            case 2:
                tickets += 1
                mustSee[tickets] = max(acknowledged, replica.driver.status.commit)
                replica.driver.read(ticket: tickets)
            case 3: replica.driver.flush()
            case 4: replica.persist()
            case 5: replica.apply()
            default:
                let applied = replica.driver.status.applied
                #expect(replica.driver.compact(through: applied) == applied)
            }
            check(replica, mustSee, &acknowledged, "SIM_SEED=\(seed) step=\(step)")
        }
        replica.settle()
        check(replica, mustSee, &acknowledged, "SIM_SEED=\(seed) step=\(stepped)")
        for ticket in 1...max(1, tickets) where tickets > 0 {
            #expect(replica.outcome(ticket).count == 1, "SIM_SEED=\(seed) ticket=\(ticket)")
        }
        let indexes = replica.ports.store.map(\.index.rawValue)
        #expect(indexes == Array(1...UInt64(max(1, indexes.count))), "SIM_SEED=\(seed)")
    }

    private func check(
        _ replica: DrivenDriver,
        _ mustSee: [Int: LogIndex],
        _ acknowledged: inout LogIndex,
        _ place: Comment
    ) {
        let applied = replica.ports.store.last?.index ?? .zero
        for (ticket, outcomes) in replica.ports.outcomes {
            #expect(outcomes.count == 1, place)
            for outcome in outcomes {
                switch outcome {
                case .applied(let index):
                    #expect(index <= replica.ports.durable.index, place)
                    acknowledged = max(acknowledged, index)
                case .readable:
                    // It was looked at in the step that made it readable, or earlier: applied never falls.
                    #expect(applied >= mustSee[ticket] ?? .zero, place)
                case .failed(.overloaded), .index: break
                case .failed(let failure): Issue.record("\(failure) \(place)")
                }
            }
        }
    }
}
