import CaseClient
import ClusterPrimitives
import Foundation
import ProcessSupport
import Synchronization
import Testing

/// Goal: every contact becomes exactly one case or one message on one, however often, in whichever
/// order and how damaged it comes; what can't be taken is refused by name.
/// Method: real mails to a real node, whole and cut at random places, eight at a time; at the end
/// everything on the node is read and compared with what was answered.
/// Needs CASECLUSTER_SHARED, the folder that holds `intake/mail`; where it is named it must be there.
@Suite(
    .serialized,
    .enabled(if: SampleMails.shared != nil, "CASECLUSTER_SHARED names no folder with mails"),
    .timeLimit(.minutes(3))
)
struct IntakeProcessTests {
    static let atATime = 8
    static let rounds = 10
    static let cutsPerMail = 40

    private struct Scene {
        let node: NodeProcess
        let intake: CaseClient
        let supervisor: CaseClient
    }

    private func withNode(_ body: (Scene) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let node = try await NodeProcess.start(
            NodeProcess.Options(
                dataDirectory: directory.path + "/data",
                port: freePort(),
                arguments: ["--shards", "8"]
            )
        )
        let cast = try await Cast.make(at: node)
        try await body(Scene(node: node, intake: cast.intake, supervisor: cast.supervisor))
        #expect(await node.stop() == 0)
    }

    typealias Outcome = Result<IntakeReceipt, CaseClientError>

    /// Hands mails in, several at a time; the outcomes are in the mails' order.
    private func submit(_ mails: [[UInt8]], _ client: CaseClient) async -> [Outcome] {
        let next = Locked(0)
        let outcomes = Locked<[Int: Outcome]>([:])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.atATime {
                group.addTask {
                    while true {
                        let position = next.withLock { next in
                            defer { next += 1 }
                            return next
                        }
                        guard position < mails.count else { return }
                        let outcome: Outcome
                        do throws(CaseClientError) {
                            outcome = .success(try await client.submit(.mail(mails[position])))
                        } catch {
                            outcome = .failure(error)
                        }
                        outcomes.withLock { $0[position] = outcome }
                    }
                }
            }
        }
        let found = outcomes.withLock { $0 }
        return mails.indices.compactMap { found[$0] }
    }

    @Test func wholeMailsAreTakenOnceInAnyOrder() async throws {
        let mails = try SampleMails.all()
        try await withNode { scene in
            var first: [String: IntakeReceipt] = [:]
            var expected: [Census.Raw: Int] = [:]
            for mail in mails {
                let receipt = try await scene.intake.submit(.mail(mail.bytes))
                #expect(!receipt.duplicate, "\(mail.name)")
                #expect(receipt.outcome != .unspecified, "\(mail.name)")
                first[mail.name] = receipt
                expected[Census.Raw(caseID: receipt.caseID, bytes: mail.bytes), default: 0] += 1
            }
            let before = try await Census.take(scene.supervisor)
            #expect(before.raws == expected)
            for seed in UInt64(1)...UInt64(Self.rounds) {
                var random = SeededGenerator(seed: seed)
                let order = mails.shuffled(using: &random)
                for (mail, outcome) in zip(order, await submit(order.map(\.bytes), scene.intake)) {
                    let receipt = try outcome.get()
                    #expect(receipt.duplicate, "\(mail.name) SEED=\(seed)")
                    #expect(receipt.caseID == first[mail.name]?.caseID, "\(mail.name) SEED=\(seed)")
                }
            }
            let after = try await Census.take(scene.supervisor)
            #expect(after == before)
            print(
                "mails: \(mails.count) whole ones became \(before.cases.count) cases; after",
                "\(Self.rounds) more rounds there are \(after.cases.count)"
            )
        }
    }

    /// Copies of one mail race each other: one of them is taken.
    @Test(arguments: [UInt64(1), 2])
    func copiesThatRaceAreOneContact(seed: UInt64) async throws {
        let mails = try SampleMails.all()
        let copies = 6
        var random = SeededGenerator(seed: seed)
        let order = mails.flatMap { Array(repeating: $0, count: copies) }.shuffled(using: &random)
        try await withNode { scene in
            let outcomes = await submit(order.map(\.bytes), scene.intake)
            var taken: [String: Int] = [:]
            for (mail, outcome) in zip(order, outcomes) {
                if try !outcome.get().duplicate { taken[mail.name, default: 0] += 1 }
            }
            #expect(taken == Dictionary(uniqueKeysWithValues: mails.map { ($0.name, 1) }))
            let census = try await Census.take(scene.supervisor)
            #expect(census.raws.values.reduce(0, +) == mails.count, "SEED=\(seed)")
        }
    }

    /// A mail that ends anywhere: a contact while its sender can be read, a named refusal before.
    @Test(arguments: [UInt64(1)])
    func cutMails(seed: UInt64) async throws {
        struct Cut {
            let mail: SampleMails.Mail
            let count: Int
            var bytes: [UInt8] { Array(mail.bytes.prefix(count)) }
        }
        var random = SeededGenerator(seed: seed)
        let cuts = try SampleMails.all()
            .flatMap { mail in
                (0..<Self.cutsPerMail).map { number in
                    // Every other one in the header, where most can go wrong.
                    let end = number % 2 == 0 ? mail.headerEnd : mail.bytes.count - 1
                    return Cut(mail: mail, count: Int.random(in: 0...end, using: &random))
                }
            }
            .shuffled(using: &random)
        try await withNode { scene in
            let outcomes = await submit(cuts.map(\.bytes), scene.intake)
            try #require(outcomes.count == cuts.count)
            var expected: [Census.Raw: Int] = [:]
            var homes: [String: Set<String>] = [:]
            var refused = 0
            for (cut, outcome) in zip(cuts, outcomes) {
                let place = "\(cut.mail.name) cut at \(cut.count), SEED=\(seed)"
                switch outcome {
                case .failure(let error):
                    refused += 1
                    #expect(error.kind == "intake-no-sender", "\(place): \(error)")
                    #expect(error.code == .invalidArgument && error.attempts == 1, "\(place)")
                    #expect(cut.count < cut.mail.headerEnd, "\(place): the header was whole")
                case .success(let receipt):
                    #expect(cut.count > cut.mail.senderStart, "\(place): a sender out of nothing")
                    homes[cut.mail.name, default: []].insert(receipt.caseID)
                    guard !receipt.duplicate else { continue }
                    expected[Census.Raw(caseID: receipt.caseID, bytes: cut.bytes), default: 0] += 1
                }
            }
            let census = try await Census.take(scene.supervisor)
            // Nothing dropped, nothing changed by a byte, nothing out of nowhere.
            #expect(census.raws == expected, "SEED=\(seed)")
            for (cut, outcome) in zip(cuts, outcomes) {
                guard case .success(let receipt) = outcome, receipt.duplicate else { continue }
                let isKept = expected.keys.contains { $0.caseID == receipt.caseID }
                #expect(isKept, "\(cut.mail.name) cut at \(cut.count) is a duplicate of nothing")
            }
            print(
                "mails: \(cuts.count) cut ones: \(refused) without a sender,",
                "\(expected.count) contacts on \(census.cases.count) cases,",
                "\(cuts.count - refused - expected.count) that said what another had said"
            )
        }
    }

    /// The longest mail that is kept, and longer ones.
    @Test func overlongMails() async throws {
        try await withNode { scene in
            func mail(_ count: Int) -> [UInt8] {
                let head = Array("From: kim@example.com\r\nSubject: long \(count)\r\n\r\n".utf8)
                let line = Array(
                    "All work and no play makes a long mail, line after line.\r\n".utf8
                )
                var bytes = head
                while bytes.count < count { bytes += line }
                return Array(bytes.prefix(count))
            }
            let most = IncomingContact.bytesMax
            let longest = mail(most)
            let receipt = try await scene.intake.submit(.mail(longest))
            let census = try await Census.take(scene.supervisor)
            #expect(census.raws == [Census.Raw(caseID: receipt.caseID, bytes: longest): 1])
            for _ in 0..<2 {
                let error = await refusal { () async throws(CaseClientError) in
                    try await scene.intake.submit(.mail(mail(most + 1)))
                }
                #expect(error?.kind == "intake-too-large" && error?.field == "contact")
                #expect(error?.code == .invalidArgument && error?.attempts == 1)
                #expect(error?.message.contains("\(most)") == true, "\(String(describing: error))")
            }
            // Far too long for any message: not even read.
            let error = await refusal { () async throws(CaseClientError) in
                try await scene.intake.submit(.mail(mail(most * 2)))
            }
            #expect(error?.code == .resourceExhausted && error?.attempts == 1)
            #expect(error?.message.contains("limit") == true, "\(String(describing: error))")
            #expect(try await Census.take(scene.supervisor) == census)
        }
    }
}
