import CaseClient
import ClusterPrimitives
import ProcessSupport

/// Makes cases with names of their own. Some unknown ones are told again until they are known, others are
/// left; and old ones are told again under their keys now and then, when their answer has to be the old one.
final class CreateLoad: Workload {
    static let workers = 2
    /// Of so many unknown ones in a hundred the rest is left unknown.
    static let leftPercent = 50
    /// One of so many calls tells an old one again.
    static let againEvery = 4
    /// Bears the mark by which the final census knows them.
    static let tag = "of-the-set"

    private let book = Locked(SetHistory())

    func prepare(_ stage: Stage) async throws {}

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<Self.workers { group.addTask { await self.work(stage, number) } }
        }
    }

    private func work(_ stage: Stage, _ worker: Int) async {
        var random = stage.random("creator \(worker)")
        var own: [SetHistory.Creation] = []
        do {
            let client = try stage.client(People.supervisor, first: worker)
            while !stage.isOver {
                if !own.isEmpty, Int.random(in: 0..<Self.againEvery, using: &random) == 0 {
                    let place = Int.random(in: own.indices, using: &random)
                    if !own[place].answers.isEmpty {
                        let before = own[place].answers.count
                        await tell(stage, client, &own[place])
                        if own[place].answers.count > before { stage.journal.count(.toldAgain) }
                    }
                } else {
                    var creation = SetHistory.Creation(
                        name: "c\(worker)-\(own.count)",
                        from: stage.journal.now
                    )
                    var isLeft = await tell(stage, client, &creation)
                    while creation.answers.isEmpty, !isLeft, !stage.isOver {
                        isLeft = Int.random(in: 0..<100, using: &random) < Self.leftPercent
                        if !isLeft { isLeft = await tell(stage, client, &creation) }
                    }
                    own.append(creation)
                }
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("create", error))
        }
        book.withLock { [own] in $0.creations += own }
    }

    /// True if it was not carried out and need not be told again.
    @discardableResult
    private func tell(
        _ stage: Stage,
        _ client: CaseClient,
        _ creation: inout SetHistory.Creation
    ) async -> Bool {
        let name = creation.name
        let outcome = await stage.write { () async throws(CaseClientError) in
            try await client.create(
                .with {
                    $0.title = name
                    $0.message = "one of a set"
                    $0.requester.name = "nobody"
                    $0.tags = [Self.tag]
                },
                options: CaseCallOptions(idempotencyKey: name)
            )
        }
        switch outcome {
        case .done(let receipt):
            creation.answers.append(receipt.caseID)
            reportChange(stage, creation)
        case .refused(let error): creation.answers.append("refused: \(error.kind)")
        case .unknown: break
        case .failed: return creation.answers.isEmpty
        }
        return false
    }

    /// At once, and not only at the end: a run may be told to end with the first violation.
    private func reportChange(_ stage: Stage, _ creation: SetHistory.Creation) {
        guard let first = creation.answers.first, creation.answers.last != first else { return }
        stage.journal.violated(
            Violation(
                check: "exactly once",
                subject: "creation \(creation.name)",
                message: "told again under its key it is answered otherwise",
                operations: creation.answers
            )
        )
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        let client = try stage.client(People.supervisor)
        var query = CaseQuery()
        query.statuses = CaseStatus.allCases.filter { $0 != .unspecified }
        query.tag = Self.tag
        query.pageSize = 500
        var final: [String: [String]] = [:]
        repeat {
            let page = try await stage.insist("a list") {
                [query] () async throws(CaseClientError) in
                try await client.list(query)
            }
            for found in page.cases { final[found.title, default: []].append(found.id) }
            query.pageToken = page.nextPageToken
        } while !query.pageToken.isEmpty
        return book.withLock { $0 }.violations(final: final)
    }

    var summary: String {
        book.withLock { book in
            let unknown = book.creations.count { $0.answers.isEmpty }
            return "\(book.creations.count) creations, \(unknown) of them never answered"
        }
    }
}
