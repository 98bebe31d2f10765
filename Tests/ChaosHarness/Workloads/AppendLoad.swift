import CaseClient
import ProcessSupport

/// Appends to shared cases, each told again under its key until it is known or the run is over, and reads of
/// all that stands there.
final class AppendLoad: Workload {
    static let writers = 3
    /// After so many appends a case is left for a new one: a reader reads all of it.
    static let appendsPerCase = 200
    static let pageSize: UInt32 = 500

    private struct Book: Sendable {
        var current = ""
        var count = 0
        var order: [String] = []
        var histories: [String: AppendHistory] = [:]
    }

    private let book = Locked(Book())
    private let changing = Turn()

    func prepare(_ stage: Stage) async throws { try await renew(stage, from: "") }

    private func renew(_ stage: Stage, from old: String) async throws {
        try await changing.alone {
            guard book.withLock({ $0.current }) == old else { return }
            let client = try stage.client("sven")
            let outcome = await stage.write { () async throws(CaseClientError) in
                try await client.create(
                    .with {
                        $0.title = "a list"
                        $0.message = "a list"
                        $0.requester.name = "nobody"
                    }
                )
            }
            guard case .done(let receipt) = outcome else { return }
            book.withLock { book in
                (book.current, book.count) = (receipt.caseID, 0)
                book.order.append(receipt.caseID)
            }
        }
    }

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<Self.writers { group.addTask { await self.write(stage, number) } }
            group.addTask { await self.look(stage) }
        }
    }

    private func write(_ stage: Stage, _ worker: Int) async {
        do {
            let client = try stage.client("sven", first: worker)
            var number = 0
            while !stage.isOver {
                let (id, count) = book.withLock { ($0.current, $0.count) }
                guard !id.isEmpty, count < Self.appendsPerCase else {
                    try await renew(stage, from: id)
                    await stage.rest()
                    continue
                }
                number += 1
                await append(stage, client, id, "a\(worker)-\(number)")
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("append", error))
        }
    }

    private func append(
        _ stage: Stage,
        _ client: CaseClient,
        _ id: String,
        _ text: String
    ) async {
        let from = stage.journal.now
        var append = AppendHistory.Append(text: text, from: from)
        var mayStand = false
        loop: while true {
            let outcome = await stage.write { () async throws(CaseClientError) in
                try await client.execute(
                    .comment(text),
                    on: id,
                    options: CaseCallOptions(idempotencyKey: text)
                )
            }
            switch outcome {
            case .done(let receipt):
                (append.to, append.version) = (stage.journal.now, receipt.version)
                mayStand = true
                break loop
            case .refused(let error):
                stage.journal.violated(
                    Violation(
                        check: "exactly once",
                        subject: "case \(id)",
                        message: "an append was refused: \(error.kind)"
                    )
                )
                break loop
            case .unknown: mayStand = true
            case .failed: break
            }
            // What was not known once is told again, or left at the end.
            if stage.isOver { break }
        }
        guard mayStand else { return }
        book.withLock { [append] book in
            book.histories[id, default: AppendHistory()].appends.append(append)
            if book.current == id { book.count += 1 }
        }
    }

    private func look(_ stage: Stage) async {
        do {
            var turn = 0
            while !stage.isOver {
                let client = try stage.client("sven", first: turn, alone: true)
                turn += 1
                let id = book.withLock { $0.current }
                let from = stage.journal.now
                let page = await stage.read { () async throws(CaseClientError) in
                    try await client.history(id, pageSize: Self.pageSize)
                }
                if let page {
                    let read = AppendHistory.Read(
                        texts: Self.comments(page.entries).map(\.text),
                        from: from,
                        to: stage.journal.now
                    )
                    book.withLock { $0.histories[id, default: AppendHistory()].reads.append(read) }
                }
                await stage.rest()
            }
        } catch {
            stage.journal.violated(.harness("append", error))
        }
    }

    private static func comments(_ entries: [CaseEntry]) -> [(text: String, version: UInt64)] {
        entries.filter { $0.kind == .comment }.map { ($0.text, $0.version) }
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        let client = try stage.client("sven")
        let book = book.withLock { $0 }
        var violations: [Violation] = []
        for id in book.order {
            let page = try await stage.insist("case \(id)") { () async throws(CaseClientError) in
                try await client.history(id, pageSize: Self.pageSize)
            }
            violations += (book.histories[id] ?? AppendHistory())
                .violations(of: id, final: Self.comments(page.entries))
        }
        return violations
    }

    var summary: String {
        book.withLock { book in
            let appends = book.histories.values.reduce(0) { $0 + $1.appends.count }
            let reads = book.histories.values.reduce(0) { $0 + $1.reads.count }
            return "\(book.order.count) lists, \(appends) appends, \(reads) reads of all of one"
        }
    }
}
