import CaseClient
import Foundation
import Synchronization

/// Lets everybody in while it is open, and keeps them waiting while it is closed.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func close() { state.withLock { $0.isOpen = false } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// Workers that each append numbered comments to a case of their own, one in flight each, and repeat
/// a comment under its key until it is acknowledged, whatever happens to the node meanwhile.
final class CommentLoad: Sendable {
    struct Worker: Sendable {
        let number: Int
        let caseID: String
    }

    struct Counts: Sendable {
        var acknowledged = 0
        var retried = 0
    }

    /// What a reading of all cases found.
    struct Verdict: Sendable {
        var lost: [String] = []
        var doubled: [String] = []
        var disordered: [String] = []
        var foreign: [String] = []
        var broken: [String] = []
        var isClean: Bool {
            lost.isEmpty && doubled.isEmpty && disordered.isEmpty && foreign.isEmpty
                && broken.isEmpty
        }
    }

    let gate = Gate()
    private let client: CaseClient
    private let workers: [Worker]
    private let acknowledged: Mutex<[Int]>
    private let counts = Mutex(Counts())
    /// When each worker was last acknowledged, and its longest wait since `markSilence`.
    private let silence: Mutex<Silence>
    private let isStopping = Mutex(false)
    private let progress = Mutex<(target: Int, waiter: CheckedContinuation<Void, Never>)?>(nil)

    private init(client: CaseClient, workers: [Worker]) {
        self.client = client
        self.workers = workers
        acknowledged = Mutex(Array(repeating: 0, count: workers.count))
        silence = Mutex(Silence(workers: workers.count))
    }

    /// Makes an agent with its token, and a case for each worker.
    static func prepare(_ node: NodeProcess, workers count: Int) async throws -> CommentLoad {
        try await prepare(
            admin: try node.client(token: try node.adminToken),
            workers: count
        ) { token in try node.client(token: token) }
    }

    /// The same on any cluster; `admin` is shut down.
    static func prepare(
        admin: CaseClient,
        workers count: Int,
        client: (_ token: String) throws -> CaseClient
    ) async throws -> CommentLoad {
        var agent = Principal()
        agent.name = "load"
        agent.role = .agent
        agent.teams = ["default"]
        _ = try await admin.put(agent)
        let token = try await admin.issueToken(for: "load").secret
        await admin.shutdown()
        let client = try client(token)
        var workers: [Worker] = []
        for number in 0..<count {
            var new = NewCase()
            new.title = "worker \(number)"
            new.message = "the case of worker \(number)"
            new.requester.name = "worker \(number)"
            new.asOwner = true
            let receipt = try await client.create(new)
            workers.append(Worker(number: number, caseID: receipt.caseID))
        }
        return CommentLoad(client: client, workers: workers)
    }

    private struct Silence {
        var lastAt: [ContinuousClock.Instant]
        var longest = Duration.zero
        /// Workers that were not acknowledged since the mark.
        var missing: Set<Int> = []
        var waiter: CheckedContinuation<Void, Never>?

        init(workers: Int) { lastAt = Array(repeating: .now, count: workers) }
    }

    /// Begins to look for the longest wait of any worker.
    func markSilence() {
        silence.withLock { silence in
            silence.longest = .zero
            silence.missing = Set(silence.lastAt.indices)
        }
    }

    /// The longest wait between two acknowledgements of one worker since the mark.
    var longestSilence: Duration { silence.withLock { $0.longest } }

    /// Waits until every worker was acknowledged since the mark, with what it sent after it.
    func advanceEveryWorker() async {
        await withCheckedContinuation { continuation in
            let isDone = silence.withLock { silence in
                if silence.missing.isEmpty { return true }
                silence.waiter = continuation
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private func noteAcknowledgement(of worker: Int) {
        let waiter: CheckedContinuation<Void, Never>? = silence.withLock { silence in
            let now = ContinuousClock.now
            silence.longest = max(silence.longest, now - silence.lastAt[worker])
            silence.lastAt[worker] = now
            silence.missing.remove(worker)
            guard silence.missing.isEmpty else { return nil }
            defer { silence.waiter = nil }
            return silence.waiter
        }
        waiter?.resume()
    }

    var total: Counts { counts.withLock { $0 } }

    /// Runs all workers until `stop`.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await self.work(worker) } }
        }
    }

    /// Lets the workers end after the comment that each is at.
    func stop() { isStopping.withLock { $0 = true } }

    /// Waits until so many more comments were acknowledged.
    func advance(by count: Int) async {
        let target = total.acknowledged + count
        await withCheckedContinuation { continuation in
            let isThere = counts.withLock { counts in
                if counts.acknowledged >= target { return true }
                progress.withLock { $0 = (target, continuation) }
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func work(_ worker: Worker) async {
        var number = 1
        while !isStopping.withLock({ $0 }) {
            await gate.pass()
            do {
                _ = try await client.execute(
                    .comment(Self.text(worker.number, number)),
                    on: worker.caseID,
                    options: CaseCallOptions(idempotencyKey: "w\(worker.number)-\(number)")
                )
                acknowledged.withLock { $0[worker.number] = number }
                noteAcknowledgement(of: worker.number)
                number += 1
                count()
            } catch {
                // The node is gone, or will be: the same comment again, under the same key.
                counts.withLock { $0.retried += 1 }
            }
        }
    }

    private func count() {
        let waiter: CheckedContinuation<Void, Never>? = counts.withLock { counts in
            counts.acknowledged += 1
            return progress.withLock { progress in
                guard let waiting = progress, counts.acknowledged >= waiting.target else {
                    return nil
                }
                progress = nil
                return waiting.waiter
            }
        }
        waiter?.resume()
    }

    static func text(_ worker: Int, _ number: Int) -> String {
        "worker \(worker) comment \(number) " + String(repeating: "x", count: 200)
    }

    /// Reads every case and compares contents and order with what was acknowledged.
    func verify() async throws -> Verdict {
        var verdict = Verdict()
        for worker in workers {
            let acknowledged = acknowledged.withLock { $0[worker.number] }
            do throws(CaseClientError) {
                judge(worker.number, try await comments(worker), acknowledged, &verdict)
                if try await !client.verify(worker.caseID).valid {
                    verdict.broken.append("case \(worker.caseID)")
                }
            } catch {
                // Acknowledged too: the case, and the token that reads it.
                guard [.notFound, .unauthenticated].contains(error.code) else { throw error }
                verdict.lost.append("case \(worker.caseID) (\(error.code))")
            }
        }
        return verdict
    }

    private func comments(_ worker: Worker) async throws(CaseClientError) -> [String] {
        var texts: [String] = []
        var after: UInt64 = 0
        while true {
            let page = try await client.history(worker.caseID, after: after, pageSize: 500)
            texts += page.entries.filter { $0.kind == .comment }.map(\.text)
            guard page.more, let last = page.entries.last else { return texts }
            after = last.number
        }
    }

    private func judge(
        _ worker: Int,
        _ texts: [String],
        _ acknowledged: Int,
        _ verdict: inout Verdict
    ) {
        let expected = (0...acknowledged + 1).map { Self.text(worker, $0) }
        let positions = Dictionary(uniqueKeysWithValues: zip(expected, expected.indices))
        var seen = Array(repeating: 0, count: expected.count)
        var last = 0
        for text in texts {
            guard let position = positions[text], position > 0 else {
                verdict.foreign.append("worker \(worker): \(text.prefix(40))")
                continue
            }
            seen[position] += 1
            if position < last { verdict.disordered.append("worker \(worker) comment \(position)") }
            last = position
        }
        for number in 1..<expected.count {
            if seen[number] == 0, number <= acknowledged {
                verdict.lost.append("worker \(worker) comment \(number)")
            }
            if seen[number] > 1 { verdict.doubled.append("worker \(worker) comment \(number)") }
        }
    }
}
