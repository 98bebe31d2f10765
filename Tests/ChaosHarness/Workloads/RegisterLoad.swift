import CaseClient
import HistoryChecker
import ProcessSupport

/// Compare-and-set on a case's version: writers give a case a title if its version is still the one that they
/// saw, readers look. One history a case, checked for linearizability.
final class RegisterLoad: Workload {
    /// Several at once, so that whichever node is cut off or stands still has led one of their shards.
    private let registers = (0..<6).map { Register($0) }

    func prepare(_ stage: Stage) async throws {
        for register in registers { try await register.renew(stage, from: "") }
    }

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for register in registers { group.addTask { await register.run(stage) } }
        }
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        var violations: [Violation] = []
        for register in registers { violations += try await register.check(stage) }
        return violations
    }

    var summary: String {
        let books = registers.map(\.figures)
        let cases = books.reduce(0) { $0 + $1.cases }
        return "\(cases) registers, \(books.reduce(0) { $0 + $1.operations }) operations"
    }
}

/// One case after the other that all of its writers use.
private final class Register: Sendable {
    /// After so many operations a case is left for a new one: the checker's work grows with their square.
    static let operationsPerCase = 120
    /// How much longer than other workers these rest: there are more of them.
    static let rests = 6
    /// How long readers and writers wait for their node, one or the other at random. They ask anew while a stopped one
    /// stands still, so that what waits there when it goes on was asked after others took over; and somebody writes
    /// as soon as others have. The longest outlasts a link that is late.
    static let patiences: [Duration] = [
        .milliseconds(150), .milliseconds(300), .milliseconds(900),
    ]
    /// What the service says of a case that is not there.
    static let notFound = "not-found"
    /// Of so many writes in a hundred the version is guessed.
    static let guessPercent = 12

    private struct Book: Sendable {
        var current = ""
        var histories: [String: [RegisterModel.Step]] = [:]
        var starts: [String: RegisterModel.State] = [:]
        var order: [String] = []
        /// Calls that nobody has heard of yet, for each case.
        var open: [String: Int] = [:]
        /// Cases that were left and looked at, and those of them that nothing explains.
        var looked: Set<String> = []
        var broken: Set<String> = []
    }

    private let number: Int
    private let book = Locked(Book())
    private let changing = Turn()

    init(_ number: Int) { self.number = number }

    /// Makes a new case, unless somebody else has.
    func renew(_ stage: Stage, from old: String) async throws {
        try await changing.alone {
            guard book.withLock({ $0.current }) == old else { return }
            let client = try stage.client("sven")
            let title = "register \(number).\(book.withLock { $0.order.count })"
            let outcome = await stage.write { () async throws(CaseClientError) in
                try await client.create(
                    .with {
                        $0.title = title
                        $0.message = "a register"
                        $0.requester.name = "nobody"
                    }
                )
            }
            guard case .done(let receipt) = outcome else { return }
            // Where nobody is at the old one, this is whoever leaves it last.
            defer { leave(stage, old) }
            book.withLock { book in
                book.current = receipt.caseID
                book.order.append(receipt.caseID)
                book.starts[receipt.caseID] = RegisterModel.State(
                    version: receipt.version,
                    value: title
                )
            }
        }
    }

    func run(_ stage: Stage) async {
        await withTaskGroup(of: Void.self) { group in
            for slot in stage.cluster.slots.indices {
                group.addTask { await self.write(stage, slot) }
                group.addTask { await self.look(stage, slot) }
            }
        }
    }

    /// Writers each stay with one node. A client that goes where a leader was waits there with everybody else while
    /// the leader is cut off: only who stays elsewhere writes while it still believes that it leads.
    private func write(_ stage: Stage, _ slot: Int) async {
        var random = stage.random("register \(number) writer \(slot)")
        var (known, version, count) = ("", UInt64(1), 0)
        do {
            let clients = try Self.clients(stage, slot)
            while !stage.isOver {
                let client = clients[Int.random(in: clients.indices, using: &random)]
                let (id, length) = book.withLock { book in
                    (book.current, book.histories[book.current]?.count ?? 0)
                }
                guard !id.isEmpty, length < Self.operationsPerCase else {
                    try await renew(stage, from: id)
                    await stage.rest(Self.rests)
                    continue
                }
                if id != known { (known, version) = (id, 1) }
                let isGuess = Int.random(in: 0..<100, using: &random) < Self.guessPercent
                let expected =
                    isGuess ? UInt64.random(in: 1...max(1, version), using: &random) : version
                count += 1
                let value = "w\(slot)-\(count)"
                let next = await set(stage, client, id, expected, value)
                if let next {
                    version = next
                } else {
                    version = await see(stage, client, id) ?? version
                }
                await stage.rest(Self.rests)
            }
        } catch {
            stage.journal.violated(.harness("register", error))
        }
    }

    /// The version afterwards, where it is known.
    private func set(
        _ stage: Stage,
        _ client: CaseClient,
        _ id: String,
        _ expected: UInt64,
        _ value: String
    ) async -> UInt64? {
        begin(id)
        defer { end(stage, id) }
        let from = stage.journal.now
        let update = CaseUpdate.with { $0.title = value }
        let outcome = await stage.write { () async throws(CaseClientError) in
            try await client.execute(.update(update), on: id, expecting: expected)
        }
        let input = RegisterModel.Input.write(expected: expected, value: value)
        let to = stage.journal.now
        switch outcome {
        case .done(let receipt):
            note(id, RegisterModel.Step(input, .written(receipt.version), from: from, to: to))
            return receipt.version
        case .refused(let error) where error.kind == "stale-version":
            stage.journal.count(.stale)
            let current = error.currentVersion ?? 0
            note(id, RegisterModel.Step(input, .stale(current: current), from: from, to: to))
            return current
        case .refused(let error):
            note(id, RegisterModel.Step(input, .other(error.kind), from: from, to: to))
            return nil
        case .unknown:
            note(id, RegisterModel.Step(unknown: input, from: from))
            return nil
        case .failed: return nil
        }
    }

    private func see(_ stage: Stage, _ client: CaseClient, _ id: String) async -> UInt64? {
        begin(id)
        defer { end(stage, id) }
        let from = stage.journal.now
        let outcome = await stage.ask { () async throws(CaseClientError) in
            try await client.get(id)
        }
        let to = stage.journal.now
        switch outcome {
        case .done(let found):
            let output = RegisterModel.Output.seen(version: found.version, value: found.title)
            note(id, RegisterModel.Step(.read, output, from: from, to: to))
            return found.version
        // It was there before anybody was told of it: not to find it is to read an older state. The client counts that
        // among the calls that failed.
        case .refused(let error),
            .failed(let error) where error.kind == Self.notFound:
            note(id, RegisterModel.Step(.read, .other(error.kind), from: from, to: to))
            return nil
        case .unknown, .failed: return nil
        }
    }

    /// Readers each ask one node alone, whoever leads: also the one that is cut off, or was stopped, and does not
    /// know it. One that stays there has a question waiting when the node goes on.
    private func look(_ stage: Stage, _ slot: Int) async {
        var random = stage.random("register \(number) reader \(slot)")
        do {
            let clients = try Self.clients(stage, slot)
            while !stage.isOver {
                let client = clients[Int.random(in: clients.indices, using: &random)]
                let id = book.withLock { $0.current }
                if !id.isEmpty { _ = await see(stage, client, id) }
                await stage.rest(Self.rests)
            }
        } catch {
            stage.journal.violated(.harness("register", error))
        }
    }

    /// Those that stay with one node, one for each patience.
    private static func clients(_ stage: Stage, _ slot: Int) throws -> [CaseClient] {
        try patiences.map { patience in
            try stage.client("sven", first: slot, alone: true, deadline: patience)
        }
    }

    private func leave(_ stage: Stage, _ id: String) {
        guard !id.isEmpty else { return }
        begin(id)
        end(stage, id)
    }

    private func begin(_ id: String) {
        book.withLock { $0.open[id, default: 0] += 1 }
    }

    /// Looks at a case as soon as everybody has left it, so that what is wrong is known at once.
    private func end(_ stage: Stage, _ id: String) {
        let left: ([RegisterModel.Step], RegisterModel.State)? = book.withLock { book in
            book.open[id, default: 0] -= 1
            guard id != book.current, book.open[id] == 0, let start = book.starts[id],
                book.looked.insert(id).inserted
            else { return nil }
            return (book.histories[id] ?? [], start)
        }
        guard let (history, start) = left,
            let violation = RegisterModel.violation(of: id, history, start: start)
        else { return }
        book.withLock { _ = $0.broken.insert(id) }
        stage.journal.violated(violation)
    }

    private func note(_ id: String, _ step: RegisterModel.Step) {
        book.withLock { $0.histories[id, default: []].append(step) }
    }

    func check(_ stage: Stage) async throws -> [Violation] {
        let client = try stage.client("sven")
        let book = book.withLock { $0 }
        var violations: [Violation] = []
        for id in book.order where !book.broken.contains(id) {
            let from = stage.journal.now
            let found = try await stage.insist("case \(id)") { () async throws(CaseClientError) in
                try await client.get(id)
            }
            var history = book.histories[id] ?? []
            let seen = RegisterModel.Output.seen(version: found.version, value: found.title)
            history.append(RegisterModel.Step(.read, seen, from: from, to: stage.journal.now))
            guard let start = book.starts[id] else { continue }
            if let violation = RegisterModel.violation(of: id, history, start: start) {
                violations.append(violation)
            }
        }
        return violations
    }

    var figures: (cases: Int, operations: Int) {
        book.withLock { book in
            (book.order.count, book.histories.values.reduce(0) { $0 + $1.count })
        }
    }
}
