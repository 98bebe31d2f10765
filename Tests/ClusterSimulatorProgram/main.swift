// Runs simulated worlds, one seed after the other, until the time is up or one fails.

import ArgumentParser
import ClusterPrimitives
import ClusterSimulator
import Foundation

struct ClusterSimulation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clustersim",
        abstract: "A simulated cluster under faults, from a seed."
    )

    @Option(help: "For how many seconds new worlds are begun.")
    var seconds = 20.0

    @Option(help: "The first world's seed; the next ones follow it. Drawn where none is given.")
    var seed: UInt64?

    @Option(help: "How many worlds at most.")
    var worlds = Int.max

    @Flag(help: "A line a world.")
    var verbose = false

    @Flag(help: "Fail if a fault or a rare path was never met.")
    var complete = false

    #if CASECLUSTER_FAULTS
    @Option(help: "A fault to put in; see DeliberateFault.")
    var fault: String?

    @Flag(help: "List the faults.")
    var listFaults = false
    #endif

    /// True if there is nothing to run.
    private func prepare() throws -> Bool {
        #if CASECLUSTER_FAULTS
        if listFaults {
            for fault in DeliberateFault.allCases { print(fault.rawValue) }
            return true
        }
        if let fault {
            guard let known = DeliberateFault(rawValue: fault) else {
                throw ValidationError("no such fault: \(fault)")
            }
            DeliberateFault.active = known
        }
        #endif
        return false
    }

    func run() throws {
        if try prepare() { return }
        let first = seed ?? UInt64.random(in: 1...1_000_000_000)
        print("first seed \(first)")
        let clock = ContinuousClock()
        let start = clock.now
        var coverage = Coverage()
        var (steps, answered, cases, count) = (UInt64(0), 0, 0, 0)
        var next = first
        while count < worlds, clock.now - start < .seconds(seconds) {
            let world = World(WorldOptions(seed: next))
            let report: WorldReport
            do {
                report = try world.run()
            } catch {
                print("FAILED \(error)")
                print("again: Deploy/simulate --seed \(error.seed) --worlds 1")
                throw ExitCode.failure
            }
            if verbose {
                print(
                    "seed \(next): \(report.steps) steps, \(report.answered) answered, "
                        + "\(report.cases) cases, trace \(String(report.traceHash, radix: 16)), "
                        + "\(clock.now - start)"
                )
            }
            coverage.add(report.coverage)
            steps += report.steps
            answered += report.answered
            cases += report.cases
            count += 1
            next += 1
        }
        summarise(coverage, steps, clock.now - start)
        print("\(count) worlds, \(cases) cases, \(answered) operations answered: all promises kept")
        guard complete, !coverage.missing.isEmpty else { return }
        for encounter in coverage.missing { print("never met: \(encounter.rawValue)") }
        throw ExitCode.failure
    }

    private func summarise(_ coverage: Coverage, _ steps: UInt64, _ time: Duration) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        print("\(steps) steps, \(Int(Double(steps) / max(seconds, 0.001))) a second")
        for encounter in Encounter.allCases {
            let count = String(coverage[encounter])
            print(
                String(repeating: " ", count: max(0, 10 - count.count)) + count,
                encounter.rawValue
            )
        }
    }
}

ClusterSimulation.main()
