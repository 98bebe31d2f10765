import Testing

@testable import ChaosHarness

/// What a plan may ask for, whatever the seed.
struct PlanTests {
    private func plan(_ seed: UInt64, minutes: Int = 6, nodes: Int = 3) -> FaultPlan {
        FaultPlan(FaultPlan.Settings(seed: seed, lasts: minutes * 60_000, nodes: nodes))
    }

    @Test(arguments: UInt64(1)...20)
    func aSeedRepeatsThePlan(seed: UInt64) {
        #expect(plan(seed) == plan(seed), "CHAOS_SEED=\(seed)")
        #expect(plan(seed).faults != plan(seed + 1).faults, "CHAOS_SEED=\(seed)")
    }

    @Test(arguments: UInt64(1)...20, [3, 5])
    func aPlanStaysInsideThePromises(seed: UInt64, nodes: Int) {
        let plan = plan(seed, nodes: nodes)
        for fault in plan.faults {
            #expect(fault.endsAt <= plan.settings.lasts)
            #expect(fault.slots.allSatisfy { (0..<nodes).contains($0) })
            #expect(Set(fault.slots).count == fault.slots.count)
        }
        for (place, fault) in plan.faults.enumerated() {
            #expect(fault.number == place)
            let others = plan.faults.dropFirst(place + 1).filter { $0.startsAt <= fault.endsAt }
            if fault.kind == .suspend {
                #expect(!others.contains { $0.kind.mayEndNode }, "\(fault.summary): seed \(seed)")
            }
            for other in others where other.kind.means == fault.kind.means {
                switch fault.kind.means {
                case .clock, .cuts, .quality:
                    Issue.record("two at once: \(fault.summary), \(other.summary): seed \(seed)")
                case .process, .disk: #expect(Set(fault.slots).isDisjoint(with: other.slots))
                }
            }
        }
    }

    /// Ten seeds that share an hour meet each fault at least ten times, by the plan already.
    @Test func anHourOverTenSeedsMeetsEveryFault() {
        var counts: [FaultKind: Int] = [:]
        for seed in UInt64(1)...10 { counts.merge(plan(seed).counts) { $0 + $1 } }
        for kind in FaultKind.allCases { #expect(counts[kind, default: 0] >= 10, "\(kind)") }
    }

    /// A disk forgets exactly where the next end of the process is a power cut.
    @Test(arguments: UInt64(1)...10)
    func aDiskForgetsBeforeAPowerCut(seed: UInt64) {
        let plan = plan(seed)
        for fault in plan.faults where fault.kind.stopsProcess {
            for slot in fault.slots {
                let forgets = plan.losesUnsynced(slot: slot, from: fault.startsAt)
                #expect(forgets == fault.kind.losesUnsynced, "CHAOS_SEED=\(seed)")
            }
        }
    }

    /// What is held again is what was planned then, moved to the beginning.
    @Test func knownPiecesArePartsOfTheirPlans() {
        for known in KnownPiece.all {
            let whole = FaultPlan(FaultPlan.Settings(seed: known.seed, lasts: known.lasts))
            let piece = whole.piece(known.window)
            #expect(!piece.faults.isEmpty, "\(known.found)")
            for (place, fault) in piece.faults.enumerated() {
                var planned = fault
                planned.startsAt += known.window.lowerBound
                #expect(fault.number == place && fault.startsAt >= 0)
                #expect(fault.endsAt <= piece.settings.lasts)
                #expect(
                    whole.faults.contains {
                        planned.number = $0.number
                        return $0 == planned
                    }
                )
            }
        }
    }
}
