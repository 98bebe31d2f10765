import CaseClient
import ClusterPrimitives
import ProcessSupport

/// What all workloads share: people, clients, the journal, and the sign to stop.
final class Stage: Sendable {
    let cluster: ChaosCluster
    let journal: Journal
    let seed: UInt64
    /// People by name, with the secrets of their tokens.
    let tokens: [String: String]
    private let clients = Locked<[String: CaseClient]>([:])
    private let isOver_ = Locked(false)

    /// The team and the queue that every cluster has.
    static let team = "default"
    static let queue = "default"
    /// Stands in everything that no requester may ever see.
    static let staffMark = "staff-only-7c4e"
    /// Between two calls of one worker, so that two cores serve them all.
    static let pace = Duration.milliseconds(15)
    /// How long a client goes on with one command.
    static let deadline = Duration.seconds(4)

    init(_ cluster: ChaosCluster, _ journal: Journal, seed: UInt64, tokens: [String: String]) {
        self.cluster = cluster
        self.journal = journal
        self.seed = seed
        self.tokens = tokens
    }

    /// Workers end after what each is at.
    func end() { isOver_.withLock { $0 = true } }

    var isOver: Bool { isOver_.withLock { $0 } || Task.isCancelled }

    /// A random source of a worker's own.
    func random(_ worker: String) -> SeededGenerator {
        let digest = SHA256Digest(hashing: Array("\(seed) \(worker)".utf8))
        return SeededGenerator(seed: digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Somebody's client that begins with a position, or has only that one; kept for the whole run.
    func client(
        _ name: String,
        first: Int = 0,
        alone: Bool = false,
        deadline: Duration = deadline
    ) throws -> CaseClient {
        let key = "\(name) \(first) \(alone) \(deadline)"
        if let known = clients.withLock({ $0[key] }) { return known }
        let made = try cluster.client(
            token: tokens[name] ?? "",
            first: first % cluster.slots.count,
            alone: alone,
            deadline: deadline
        )
        return clients.withLock { clients in
            if let known = clients[key] { return known }
            clients[key] = made
            return made
        }
    }

    func shutdown() async {
        for client in clients.withLock({ Array($0.values) }) { await client.shutdown() }
    }

    func rest(_ times: Int = 1) async { await cluster.pause(Self.pace * times) }

    // MARK: Calls, with their samples

    /// How a command ended.
    enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        case refused(CaseClientError)
        /// It may have been carried out, or may yet be.
        case unknown
        /// It was not carried out, and will not be.
        case failed(CaseClientError)
    }

    /// Makes a call that changes something.
    func write<Value: Sendable>(
        _ call: () async throws(CaseClientError) -> Value
    ) async -> Outcome<Value> {
        let from = journal.now
        do throws(CaseClientError) {
            let value = try await call()
            journal.called(from: from, .done, isWrite: true)
            return .done(value)
        } catch {
            if error.refused {
                journal.called(from: from, .refused, isWrite: true)
                return .refused(error)
            }
            // Cancelled in the middle counts as unknown as well.
            let isUnknown = error.outcomeUnknown || error.code == .cancelled
            journal.called(from: from, isUnknown ? .unknown : .failed, isWrite: true)
            return isUnknown ? .unknown : .failed(error)
        }
    }

    /// Makes a call that reads; nil if nothing came back.
    func read<Value: Sendable>(
        _ call: () async throws(CaseClientError) -> Value
    ) async -> Value? {
        if case .done(let value) = await ask(call) { value } else { nil }
    }

    /// Makes a call that reads, where a refusal says something too.
    func ask<Value: Sendable>(
        _ call: () async throws(CaseClientError) -> Value
    ) async -> Outcome<Value> {
        let from = journal.now
        do throws(CaseClientError) {
            let value = try await call()
            journal.called(from: from, .done, isWrite: false)
            return .done(value)
        } catch {
            journal.called(from: from, error.refused ? .refused : .failed, isWrite: false)
            return error.refused ? .refused(error) : .failed(error)
        }
    }

    /// Reads in the healed cluster, where every read has to come back.
    func insist<Value: Sendable>(
        _ what: String,
        _ call: () async throws(CaseClientError) -> Value
    ) async throws -> Value {
        var last: CaseClientError?
        for _ in 0..<Self.insistencesMax {
            do throws(CaseClientError) { return try await call() } catch { last = error }
            await cluster.pause(ChaosCluster.pollInterval)
        }
        throw ChaosError.noService("\(what): \(last.map { "\($0)" } ?? "")")
    }

    /// Each may take a whole deadline: a node that was just started needs a few.
    static let insistencesMax = 15
}

/// What clients do in one of the ways that a run can be loaded.
protocol Workload: Sendable {
    /// Makes what it needs, before faults begin.
    func prepare(_ stage: Stage) async throws
    /// Goes on until the stage is over.
    func run(_ stage: Stage) async
    /// Asks the healed cluster, and holds the answers against what was recorded.
    func check(_ stage: Stage) async throws -> [Violation]
    /// For the report: what it did.
    var summary: String { get }
}
