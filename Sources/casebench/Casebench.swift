import ArgumentParser
import CaseClient
import Foundation

/// Load from a process of its own, and proof that all of it is there afterwards.
@main
struct Casebench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "casebench",
        abstract: "Loads a case cluster and checks that it kept what it acknowledged.",
        discussion: """
            Callers run in a closed loop: each waits for its answer before its next call. Latencies
            are those of successful calls, as a caller sees them, retries included; they are counted
            in buckets 0.8 % wide. Afterwards everything is read back: each acknowledged comment
            must be there exactly once, unaltered, in the version of its receipt and in its caller's
            order; one whose outcome nobody told, at most once. On a mismatch the status is 1.

            A run makes a team, a queue, agents and tokens of its own. It never removes cases: use a
            cluster made for it.

            EXAMPLES
              casebench comment --in-flight 256 --duration 30s --rounds 3 --json comment.json
              casebench lifecycle --in-flight 64
              casebench read --server n1:7400,n2:7400,n3:7400 --ca tls/ca.pem
            """,
        version: "casebench 0.1.0",
        subcommands: [CommentLoad.self, LifecycleLoad.self, ReadLoad.self]
    )
}

/// `casebench comment`.
struct CommentLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "comment",
        abstract: "Comments onto cases that exist."
    )

    @OptionGroup var options: BenchOptions

    /// Owners of the cases: enough that no one principal is special.
    private static let agentsMax = 32

    func run() async throws {
        try await options.measure(
            agents: min(Self.agentsMax, options.cases),
            requesters: 0
        ) { stage in
            try await CommentWorkload(
                stage: stage,
                caseCount: options.cases,
                payloadBytes: options.payload,
                seed: options.seed
            )
        }
    }
}

/// `casebench lifecycle`.
struct LifecycleLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lifecycle",
        abstract: "Whole lives of cases: create, take, comment, propose, accept."
    )

    @OptionGroup var options: BenchOptions

    func run() async throws {
        // An agent has one case in hand at a time: the maximum is not what is measured.
        try await options.measure(
            agents: options.inFlight,
            requesters: options.inFlight
        ) { stage in
            LifecycleWorkload(stage: stage, payloadBytes: options.payload)
        }
    }
}

/// `casebench read`.
struct ReadLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Linearizable reads of single cases."
    )

    @OptionGroup var options: BenchOptions

    func run() async throws {
        try await options.measure(agents: min(32, options.cases), requesters: 0) { stage in
            try await ReadWorkload(stage: stage, caseCount: options.cases, seed: options.seed)
        }
    }
}

extension BenchOptions {
    /// Sets up, loads, verifies, reports.
    func measure<Load: Workload>(
        agents: Int,
        requesters: Int,
        _ make: (Stage) async throws -> Load
    ) async throws {
        let clients = try clients()
        do {
            let status = try await clients[0].clusterStatus()
            let started = Date()
            let run = String(UInt64(started.timeIntervalSince1970 * 1_000), radix: 36)
            Self.say("run \(run): setting up")
            let stage = try await Stage.set(
                run: run,
                clients: clients,
                agents: agents,
                requesters: requesters
            )
            let workload = try await make(stage)
            let runner = Runner(
                workload: workload,
                inFlight: inFlight,
                warmUp: try span(warmUp, "--warm-up"),
                duration: try span(duration, "--duration"),
                rounds: rounds
            )
            let (measured, audit) = try await runner.run(Self.say)
            guard let median = Report.median(measured) else { return }
            let verification = Verification(audit)
            let report = Report(
                workload: Load.name,
                startedAt: started.formatted(.iso8601),
                servers: server,
                serverVersion: status.version,
                nodes: status.nodes.count,
                shards: Int(status.shardCount),
                inFlight: inFlight,
                connections: clients.count,
                cases: cases,
                payloadBytes: payload,
                seed: seed,
                latencyPrecision: "buckets at most 1/128 wide, upper ends",
                median: median,
                rounds: measured,
                verification: verification,
                machine: Machine.current()
            )
            print("\(Load.name), \(inFlight) in flight: \(median.line)")
            print(verification.line)
            for finding in verification.findings { Self.say(finding) }
            if let json { try report.encoded().write(to: URL(fileURLWithPath: json)) }
            for client in clients { await client.shutdown() }
            guard verification.passed else { throw ExitCode(1) }
        } catch let error as CaseClientError {
            Self.say("casebench: \(error)")
            throw ExitCode(error.outcomeUnknown || error.code == .unavailable ? 69 : 1)
        }
    }

    private static func say(_ line: String) {
        do {
            try FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            // Progress is for whoever looks; nobody does.
        }
    }
}
