// Real nodes under faults: one run, or several one after the other, from seeds that repeat the plans.

import ArgumentParser
import ChaosHarness
import Foundation
import Synchronization

@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "casechaos",
        abstract: "Real nodes under real faults, with every promise checked.",
        discussion: """
            Exit codes: 0 all promises were kept; 1 one was broken, or could not be decided; 2 the run \
            could not be held; 64 the options can't be used; 130 it was broken off by a signal, and all \
            that it had made is gone.
            """
    )

    @Option(help: "For how many minutes faults are made, over all seeds together.")
    var minutes = 2.0

    @Option(help: "The first plan's seed; the next ones follow it. Drawn where none is given.")
    var seed: UInt64?

    @Option(help: "How many plans, one after the other, each on a cluster of its own.")
    var seeds = 1

    @Flag(
        help: """
            The pieces of plans in which something was found once, one after the other, whatever --minutes, \
            --seed and --seeds say.
            """
    )
    var known = false

    @Option(help: "3 or 5.")
    var nodes = 3

    @Option(
        help: ArgumentHelp(
            "Kinds or groups of faults, separated by commas: "
                + FaultKind.groups.keys.sorted().joined(separator: ", ") + "; "
                + FaultKind.allCases.map(\.rawValue).joined(separator: ", ") + "; or none."
        )
    )
    var faults = "all"

    @Option(
        help: ArgumentHelp(
            "Separated by commas: "
                + WorkloadKind.allCases.map(\.rawValue).joined(separator: ", ") + "; or all."
        )
    )
    var workload = "all"

    @Option(help: "Where nodes live: namespaces, which need root, loopback, or the best there is.")
    var hosts = ChaosHosts.best

    @Option(help: "Where the HTML page goes; with several seeds one for each, numbered.")
    var page: String?

    @Option(help: "A table for people, or JSON for programs: one object a run, on the last lines.")
    var output = Output.table

    @Option(help: "A fault built into the nodes: only a build with them knows any.")
    var deliberate: String?

    @Flag(help: "End at the first violation.")
    var stopAtViolation = false

    @Flag(help: "Print the plan of faults and make none of them.")
    var planOnly = false

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json }

    func validate() throws {
        guard nodes == 3 || nodes == 5 else { throw ValidationError("--nodes: 3 or 5") }
        guard minutes > 0, minutes <= 24 * 60 else {
            throw ValidationError("--minutes: more than nothing, at most a day")
        }
        guard (1...1_000).contains(seeds) else { throw ValidationError("--seeds: 1 to 1,000") }
        _ = try kinds()
        _ = try workloads()
    }

    private func kinds() throws -> [FaultKind] {
        if faults == "none" { return [] }
        var kinds: Set<FaultKind> = []
        for name in faults.split(separator: ",").map(String.init) {
            if let group = FaultKind.groups[name] {
                kinds.formUnion(group)
            } else if let kind = FaultKind(rawValue: name) {
                kinds.insert(kind)
            } else {
                throw ValidationError("--faults: there is no '\(name)'")
            }
        }
        // In the table's order: the plan must not depend on the order of the words.
        return FaultKind.allCases.filter { kinds.contains($0) }
    }

    private func workloads() throws -> [WorkloadKind] {
        if workload == "all" { return WorkloadKind.allCases }
        let names = workload.split(separator: ",").map(String.init)
        for name in names where WorkloadKind(rawValue: name) == nil {
            throw ValidationError("--workload: there is no '\(name)'")
        }
        return WorkloadKind.allCases.filter { names.contains($0.rawValue) }
    }

    func run() async throws {
        let interruption = Interruption { say("breaking off: what was begun is undone") }
        let signals = interruption.listen()
        defer { for signal in signals { signal.cancel() } }
        var reports: [ChaosReport] = []
        for (number, asked) in plans().enumerated() {
            var options = asked
            options.nodes = nodes
            options.hosts = hosts
            options.faults = try kinds()
            options.workloads = try workloads()
            options.deliberate = deliberate
            options.stopsAtViolation = stopAtViolation
            let run = ChaosRun(options)
            if planOnly {
                show(run.plan)
                continue
            }
            reports.append(try await hold(run, number, interruption))
        }
        guard !planOnly else { return }
        Summary(reports: reports).write(asJSON: output == .json)
        if reports.contains(where: { !$0.violations.isEmpty }) { throw ExitCode(1) }
    }

    /// Which plans are asked for, and how much of them.
    private func plans() -> [ChaosOptions] {
        guard !known else {
            return KnownPiece.all.map { piece in
                var options = ChaosOptions(seed: piece.seed, lasts: piece.lasts)
                options.piece = piece.window
                return options
            }
        }
        let first = seed ?? UInt64.random(in: 1...1_000_000_000)
        return (0..<seeds).map { number in
            ChaosOptions(seed: first + UInt64(number), lasts: Int(minutes * 60_000) / seeds)
        }
    }

    private func show(_ plan: FaultPlan) {
        print("seed \(plan.settings.seed): \(plan.faults.count) faults")
        for fault in plan.faults {
            print("  \(fault.startsAt) to \(fault.endsAt) ms: \(fault.summary)")
        }
    }

    private func hold(
        _ run: ChaosRun,
        _ number: Int,
        _ interruption: Interruption
    ) async throws -> ChaosReport {
        say("seed \(run.options.seed)")
        let report: ChaosReport
        let running = Task { try await run.run { say($0) } }
        interruption.breaksOff(running)
        do {
            report = try await running.value
        } catch {
            guard !running.isCancelled else { throw ExitCode(Self.interrupted) }
            FileHandle.standardError.write(Data("casechaos: \(error)\n".utf8))
            throw ExitCode(2)
        }
        if let page {
            let path = seeds == 1 ? page : Self.numbered(page, number + 1)
            try Data(ReportPage(report).html.utf8).write(to: URL(filePath: path))
            say("page: \(path)")
        }
        return report
    }

    /// As a shell has it for SIGINT.
    private static let interrupted: Int32 = 130

    private static func numbered(_ path: String, _ number: Int) -> String {
        let url = URL(filePath: path)
        let stem = url.deletingPathExtension().path(percentEncoded: false)
        return "\(stem)-\(number).\(url.pathExtension.isEmpty ? "html" : url.pathExtension)"
    }

    /// Progress is not the result: with JSON it goes to the other stream. Unbuffered: it is there to be read.
    private func say(_ line: String) {
        let stream = output == .json ? FileHandle.standardError : .standardOutput
        stream.write(Data((line + "\n").utf8))
    }
}

extension ChaosHosts: ExpressibleByArgument {}

/// Breaks off what runs at the first signal that asks the program to end; the second one ends it.
///
/// One for the whole program: a source that was made anew for each run heard nothing after the first one.
private final class Interruption: Sendable {
    private struct State {
        var isInterrupted = false
        var running: Task<ChaosReport, any Error>?
    }

    private let state = Mutex(State())
    private let onSignal: @Sendable () -> Void

    init(_ onSignal: @escaping @Sendable () -> Void) { self.onSignal = onSignal }

    /// Hears signals for as long as the sources are kept.
    func listen() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                signal(number, SIG_DFL)
                interrupt()
            }
            source.activate()
            return source
        }
    }

    private func interrupt() {
        onSignal()
        let running = state.withLock { state in
            state.isInterrupted = true
            return state.running
        }
        running?.cancel()
    }

    /// This is to be broken off from now on.
    func breaksOff(_ task: Task<ChaosReport, any Error>) {
        let isLate = state.withLock { state in
            state.running = task
            return state.isInterrupted
        }
        if isLate { task.cancel() }
    }
}
