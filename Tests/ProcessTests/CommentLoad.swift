import CaseClient
import ClusterPrimitives
import ProcessSupport
import Synchronization

/// Workers that each append numbered comments to a case of their own, one in flight each, and repeat
/// a comment under its key until it is acknowledged, whatever happens to the node meanwhile.
final class CommentLoad: Sendable {
    /// How much is sent.
    struct Size: Sendable {
        var workers = 64
        /// The cluster's shards: then the workers' cases are spread evenly over them.
        var evenlyOver: Int?
        /// Bytes of one comment, beside the few that say whose and which it is.
        var textBytes = 200
    }

    struct Worker: Sendable {
        let number: Int
        let caseID: String
        let shard: Int
    }

    struct Counts: Sendable {
        var acknowledged = 0
        var retried = 0
        /// Sent and not answered.
        var inFlight = 0
    }

    /// Errors that are kept to be shown.
    static let errorsKept = 16

    let gate = Gate()
    let silence: ShardSilence
    let workers: [Worker]
    let client: CaseClient
    private let filling: String
    private let acknowledged: Mutex<[Int]>
    private let counts = Mutex(Counts())
    private let errors = Mutex<[CaseClientError]>([])
    private let isStopping = Mutex(false)
    private let progress = Mutex<(target: Int, waiter: CheckedContinuation<Void, Never>)?>(nil)

    private init(client: CaseClient, workers: [Worker], _ size: Size) {
        self.client = client
        self.workers = workers
        filling = String(repeating: "x", count: size.textBytes)
        acknowledged = Mutex(Array(repeating: 0, count: workers.count))
        silence = ShardSilence(shardOfWorker: workers.map(\.shard))
    }

    /// Makes an agent with its token, and a case for each worker.
    static func prepare(_ node: NodeProcess, workers count: Int) async throws -> CommentLoad {
        try await prepare(
            admin: try node.client(token: try node.adminToken),
            Size(workers: count)
        ) { token in try node.client(token: token) }
    }

    /// The same on any cluster; `admin` is shut down.
    static func prepare(
        admin: CaseClient,
        _ size: Size,
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
        let perShardMax = size.evenlyOver.map { (size.workers + $0 - 1) / $0 } ?? size.workers
        var perShard: [Int: Int] = [:]
        var workers: [Worker] = []
        while workers.count < size.workers {
            let number = workers.count
            var new = NewCase()
            new.title = "worker \(number)"
            new.message = "the case of worker \(number)"
            new.requester.name = "worker \(number)"
            new.asOwner = true
            let caseID = try await client.create(new).caseID
            let shard = Int(try CaseID(parsing: caseID).shard.rawValue)
            // The cluster chooses the shard; a case too many there stays as it is.
            guard perShard[shard, default: 0] < perShardMax else { continue }
            perShard[shard, default: 0] += 1
            workers.append(Worker(number: number, caseID: caseID, shard: shard))
        }
        return CommentLoad(client: client, workers: workers, size)
    }

    var total: Counts { counts.withLock { $0 } }

    /// What the client has thrown so far, the first few of it.
    var firstErrors: [CaseClientError] { errors.withLock { $0 } }

    /// How many comments of a worker were acknowledged.
    func acknowledged(of worker: Int) -> Int { acknowledged.withLock { $0[worker] } }

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

    /// Waits until every worker was acknowledged since the silence was marked.
    func advanceEveryWorker() async { await silence.everybodyWasHeard() }

    private func work(_ worker: Worker) async {
        var number = 1
        while !isStopping.withLock({ $0 }) {
            await gate.pass()
            counts.withLock { $0.inFlight += 1 }
            do throws(CaseClientError) {
                _ = try await client.execute(
                    .comment(text(worker.number, number)),
                    on: worker.caseID,
                    options: CaseCallOptions(idempotencyKey: "w\(worker.number)-\(number)")
                )
                acknowledged.withLock { $0[worker.number] = number }
                silence.acknowledged(worker.number)
                number += 1
                count()
            } catch {
                errors.withLock { if $0.count < Self.errorsKept { $0.append(error) } }
                // The node is gone, or will be: the same comment again, under the same key.
                counts.withLock { counts in
                    counts.retried += 1
                    counts.inFlight -= 1
                }
            }
        }
    }

    private func count() {
        let waiter: CheckedContinuation<Void, Never>? = counts.withLock { counts in
            counts.acknowledged += 1
            counts.inFlight -= 1
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

    func text(_ worker: Int, _ number: Int) -> String {
        "worker \(worker) comment \(number) " + filling
    }
}
