import CaseClient
import ClusterPrimitives
import ProcessSupport

/// Followers of the feed of all changes: one that never leaves, and one that is started again and again with
/// the last token that it had.
final class FeedLoad: Workload {
    /// Events after which the leaver leaves, drawn anew each time.
    static let leavesAfter = 5...150
    /// How long a follower bears nobody answering; faults last less.
    static let patience = Duration.seconds(120)
    /// How long the followers may take to come to the end, once everything is healed.
    static let finishLimit = Duration.seconds(60)

    private struct Book: Sendable {
        var seen: [String: FeedHistory] = [:]
        var latest: [String: [String: UInt64]] = [:]
        var resumes = 0
        /// Who was sent away, which was reported then: what they missed afterwards says nothing more.
        var ended: Set<String> = []
    }

    private let book = Locked(Book())
    private let following = Locked<[Task<Void, Never>]>([])
    static let followers = ["the stayer", "the leaver"]

    /// Followed from the start, so that nothing is missed while the load begins.
    func prepare(_ stage: Stage) async throws {
        for (place, name) in Self.followers.enumerated() {
            let client = try stage.client(People.supervisor, first: place + 1)
            let task = Task { await self.follow(stage, client, name, leaves: place == 1) }
            following.withLock { $0.append(task) }
        }
    }

    func run(_ stage: Stage) async {
        while !stage.isOver { await stage.cluster.pause(ChaosCluster.pollInterval) }
    }

    private func follow(
        _ stage: Stage,
        _ client: CaseClient,
        _ name: String,
        leaves: Bool
    ) async {
        var random = stage.random(name)
        var token = ""
        while !Task.isCancelled {
            var request = WatchRequest()
            request.resumeToken = token
            request.fromStart = token.isEmpty
            let limit = leaves ? Int.random(in: Self.leavesAfter, using: &random) : Int.max
            var count = 0
            do {
                for try await event in try client.watch(request, patience: Self.patience) {
                    token = event.resumeToken
                    note(event, name)
                    count += 1
                    if count >= limit { break }
                }
            } catch {
                guard !Task.isCancelled else { return }
                book.withLock { _ = $0.ended.insert(name) }
                stage.journal.violated(
                    Violation(
                        check: "feed",
                        subject: name,
                        message: "the feed ended: \(error)"
                    )
                )
                return
            }
            guard !Task.isCancelled else { return }
            book.withLock { $0.resumes += 1 }
            stage.journal.count(.resumed)
        }
    }

    private func note(_ event: WatchEvent, _ name: String) {
        guard !event.gone, !event.heartbeat else { return }
        book.withLock { book in
            book.seen[name, default: FeedHistory()].events.append(
                FeedHistory.Event(caseID: event.caseID, version: event.version)
            )
            let known = book.latest[name]?[event.caseID] ?? 0
            book.latest[name, default: [:]][event.caseID] = max(known, event.version)
        }
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        let clock = ContinuousClock()
        let end = clock.now + Self.finishLimit
        var final: [String: UInt64] = [:]
        // Cases go on changing: the coordinator archives. Each look has newer versions to come to.
        repeat {
            final = try await versions(stage)
            let isThere = book.withLock { book in
                Self.followers.filter { !book.ended.contains($0) }.allSatisfy { name in
                    final.allSatisfy { book.latest[name]?[$0.key] ?? 0 >= $0.value }
                }
            }
            if isThere { break }
            await stage.cluster.pause(ChaosCluster.pollInterval)
        } while clock.now < end
        let tasks = following.withLock { $0 }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        return book.withLock { book in
            Self.followers.flatMap { name in
                (book.seen[name] ?? FeedHistory())
                    .violations(of: name, final: book.ended.contains(name) ? [:] : final)
            }
        }
    }

    private func versions(_ stage: Stage) async throws -> [String: UInt64] {
        let client = try stage.client(People.supervisor)
        var query = CaseQuery()
        query.statuses = CaseStatus.allCases.filter { $0 != .unspecified }
        query.pageSize = 500
        var versions: [String: UInt64] = [:]
        repeat {
            let page = try await stage.insist("a list") {
                [query] () async throws(CaseClientError) in
                try await client.list(query)
            }
            for found in page.cases { versions[found.id] = found.version }
            query.pageToken = page.nextPageToken
        } while !query.pageToken.isEmpty
        return versions
    }

    var summary: String {
        book.withLock { book in
            let counts = Self.followers.map { book.seen[$0]?.events.count ?? 0 }
            return
                "\(counts[0]) events followed to the end, \(counts[1]) over \(book.resumes) resumes"
        }
    }
}
