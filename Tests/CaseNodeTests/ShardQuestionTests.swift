import CaseModel
import CaseStore
import ClusterPrimitives
import Testing

@testable import CaseNode

/// Goal: a shard that is asked from another node answers what it answers here.
/// Method: a store that gives known values is asked directly, and through questions and answers as bytes.
@Suite struct ShardQuestionTests {
    private static let caseID = CaseID(tick: 77, shard: ShardID(1), sequence: 1)
    private static let scope = IdempotencyScope(
        principal: PrincipalID("channel:mail"),
        method: "/m",
        key: "k",
        requestHash: SHA256Digest(hashing: [1])
    )

    /// Asks over bytes alone, as another node would.
    private func remote(_ store: FixedStore) -> RemoteShardReader {
        RemoteShardReader { question in
            let travelled = try ShardQuestion(decoding: question.encodedBytes)
            #expect(travelled == question)
            return try travelled.answer(store)
        }
    }

    private static func record(_ number: UInt64, fields: Int = 0) -> CaseRecord {
        var record = CaseRecord(
            id: CaseID(tick: number, shard: ShardID(1), sequence: 1),
            requester: Requester(principal: PrincipalID("visitor:a"), name: "Anna"),
            queue: QueueID("default"),
            team: TeamID("default"),
            at: Timestamp(rawValue: 1_750_000_000_000)
        )
        record.title = String(repeating: "t", count: fields)
        return record
    }

    @Test func answersTravelUnchanged() throws {
        let store = FixedStore()
        let reader = remote(store)
        let (id, scope) = (Self.caseID, Self.scope)
        #expect(try reader.record(id) == store.record(id))
        #expect(
            try reader.raw(of: id, entry: 3, includeStaff: true)
                == store.raw(of: id, entry: 3, includeStaff: true)
        )
        #expect(
            try reader.keyResult(scope, byIntake: true) == store.keyResult(scope, byIntake: true)
        )
        #expect(
            try reader.claimedCase(key: "k", channel: PrincipalID("c"))
                == store.claimedCase(key: "k", channel: PrincipalID("c"))
        )
        #expect(try reader.feedBounds() == store.feedBounds())
        #expect(try reader.feed(after: 4, limit: 10) == store.feed(after: 4, limit: 10))
        #expect(
            try reader.entries(of: id, after: 0, limit: 5, includeStaff: false)
                == store.entries(of: id, after: 0, limit: 5, includeStaff: false)
        )
    }

    @Test(arguments: [
        AuditVerdict.intact(head: SHA256Digest(hashing: [9]), checkedContents: 4),
        .broken(version: 3, fault: .foreignEntry),
        .broken(version: 3, fault: .wrongVersion(found: 12)),
        .broken(version: 3, fault: .brokenLink), .broken(version: 3, fault: .brokenStatus),
        .broken(version: 3, fault: .timeRunsBack), .broken(version: 3, fault: .changedContent),
        .broken(version: 3, fault: .wrongHead),
    ])
    func verdictsTravel(verdict: AuditVerdict) throws {
        var store = FixedStore()
        store.verdict = verdict
        #expect(try remote(store).verify(Self.caseID) == verdict)
    }

    @Test func aListIsNarrowedByAllThatItsQuestionSays() throws {
        var query = CaseQuery(scope: Actor(id: PrincipalID("eva"), role: .agent))
        query.statuses = [.new, .closed]
        query.queue = QueueID("q")
        query.team = TeamID("t")
        query.owner = PrincipalID("o")
        query.requesters = [PrincipalID("r")]
        query.channel = .email
        query.tag = "x"
        query.updatedSince = Timestamp(rawValue: 5)
        query.sort = .queue
        query.limit = 7
        query.after = CaseSortKey(of: Self.record(3), in: .queue)
        let question = ShardQuestion.list(query)
        #expect(try ShardQuestion(decoding: question.encodedBytes) == question)
    }

    /// A page that no message could hold ends early, and says where to go on.
    @Test func aListThatIsTooLargeEndsEarly() throws {
        var store = FixedStore()
        store.page.records = (1...8).map { Self.record($0, fields: 1 << 20) }
        let page = try remote(store).list(CaseQuery(scope: nil))
        #expect(page.records.count == 3)
        #expect(page.records == Array(store.page.records.prefix(3)))
        #expect(page.next == CaseSortKey(of: store.page.records[2], in: .created))
        store.page.records = [Self.record(1, fields: 5 << 20)]
        #expect(try remote(store).list(CaseQuery(scope: nil)) == store.page)
    }

    @Test func whatIsNoQuestionIsRefused() {
        #expect(throws: DecodingFault.self) { _ = try ShardQuestion(decoding: [0]) }
        #expect(throws: DecodingFault.self) { _ = try ShardQuestion(decoding: [200]) }
        #expect(throws: DecodingFault.self) { _ = try ShardQuestion(decoding: []) }
    }
}

/// Always the same answers.
private struct FixedStore: ShardReading {
    var verdict: AuditVerdict?
    var page = CasePage()

    func record(_ id: CaseID) -> CaseRecord? {
        CaseRecord(
            id: id,
            requester: Requester(principal: PrincipalID("visitor:a"), name: "Anna"),
            queue: QueueID("default"),
            team: TeamID("default"),
            at: Timestamp(rawValue: 1_750_000_000_000)
        )
    }

    func entries(
        of id: CaseID,
        after: UInt64,
        limit: Int,
        includeStaff: Bool
    ) -> [HistoryEntry] { [] }

    func raw(of id: CaseID, entry number: UInt64, includeStaff: Bool) -> [UInt8]? {
        [UInt8(number), includeStaff ? 1 : 0]
    }

    func verify(_ id: CaseID) -> AuditVerdict? { verdict }

    func list(_ query: CaseQuery) -> CasePage { page }

    func keyResult(_ scope: IdempotencyScope, byIntake: Bool) -> KeyLookup {
        byIntake ? .remembered(.refused(.notFound)) : .unknown
    }

    func claimedCase(key: String, channel: PrincipalID) -> CaseID? {
        CaseID(tick: 78, shard: ShardID(1), sequence: 1)
    }

    func feed(after position: UInt64, limit: Int) -> FeedPage { .tooOld(last: position + 1) }

    func feedBounds() -> FeedBounds { FeedBounds(floor: 3, last: 9) }
}
