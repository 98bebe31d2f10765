import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// Nightly runs: once, of what was closed before, and the archive's compact rows.
@Suite struct NightTests {
    private func close(_ fixture: ShardFixture, raw: [UInt8] = []) throws -> CaseID {
        let made = try fixture.succeed(People.kim, newCase(raw: raw))
        try fixture.succeed(People.anna, .note("inside"), on: made.id)
        try fixture.succeed(People.anna, .close(notes: "done"), on: made.id)
        return made.id
    }

    private func begin(
        _ fixture: ShardFixture,
        _ night: UInt64,
        _ boundary: Timestamp
    ) throws -> ShardResult {
        try fixture.apply(.beginNight(epoch: firstEpoch, night: night, boundary: boundary))
    }

    private func archive(
        _ fixture: ShardFixture,
        _ night: UInt64,
        _ boundary: Timestamp,
        limit: UInt32 = 100
    ) throws -> ShardResult {
        try fixture.apply(
            .archivePage(epoch: firstEpoch, night: night, boundary: boundary, limit: limit)
        )
    }

    private let done = ShardResult.swept(count: 0, more: false, nextDueAt: nil)

    @Test func aNightRaisesTheTimeAndLeavesWhatClosesLater() throws {
        let fixture = try ShardFixture()
        let early = try close(fixture)
        let boundary = noon + .seconds(30)
        #expect(
            try begin(fixture, 1, boundary) == .swept(count: 0, more: true, nextDueAt: nil)
        )
        #expect(fixture.store.shardTime == boundary)
        // The leader's clock is still before the boundary; the shard's time is not.
        let late = try close(fixture)
        #expect(try fixture.record(late).closedAt == boundary)
        #expect(
            try archive(fixture, 1, boundary) == .swept(count: 1, more: false, nextDueAt: nil)
        )
        #expect(try fixture.record(early).status == .archived)
        #expect(try fixture.record(late).status == .closed)
        let next = noon + .days(1)
        fixture.log.now = next
        _ = try begin(fixture, 2, next)
        _ = try archive(fixture, 2, next)
        #expect(try fixture.record(late).status == .archived)
    }

    @Test func aNightRunsOnceHoweverOftenItIsAskedFor() throws {
        let fixture = try ShardFixture()
        let ids = try (0..<3).map { _ in try close(fixture) }
        let boundary = noon + .seconds(30)
        _ = try begin(fixture, 1, boundary)
        _ = try archive(fixture, 1, boundary, limit: 2)
        // Begun again, with another boundary: the first stands.
        let moved = noon + .seconds(90)
        _ = try begin(fixture, 1, moved)
        #expect(fixture.store.state.nightBoundary == boundary)
        #expect(fixture.store.shardTime == boundary)
        #expect(
            try archive(fixture, 1, boundary, limit: 2)
                == .swept(count: 1, more: false, nextDueAt: nil)
        )
        for _ in 0..<2 { #expect(try archive(fixture, 1, boundary) == done) }
        #expect(try ids.map { try fixture.record($0).version } == [4, 4, 4])
        #expect(fixture.store.state.count(.archived) == 3)
    }

    @Test func aNightThatHasNotBegunArchivesNothing() throws {
        let fixture = try ShardFixture()
        let id = try close(fixture)
        let boundary = noon + .seconds(30)
        guard case .refused(.invalid(field: "night", _)) = try archive(fixture, 1, boundary) else {
            Issue.record("archived without a beginning")
            return
        }
        _ = try begin(fixture, 2, boundary)
        // An earlier night is covered by the later one; another boundary is not this night's.
        #expect(try archive(fixture, 1, noon) == done)
        guard case .refused = try archive(fixture, 2, boundary + .seconds(1)) else {
            Issue.record("archived with another boundary")
            return
        }
        #expect(try fixture.record(id).status == .closed)
    }

    @Test func aBoundaryFarAheadIsRefused() throws {
        let fixture = try ShardFixture()
        try fixture.succeed(People.kim, newCase())
        guard case .refused(.invalid(field: "boundary", _)) = try begin(fixture, 1, noon + .days(2))
        else {
            Issue.record("the shard's time was pushed ahead")
            return
        }
        #expect(fixture.store.shardTime == noon)
        #expect(fixture.store.state.night == 0)
    }

    @Test func anArchivedCaseReadsAsBefore() throws {
        let fixture = try ShardFixture()
        let id = try close(fixture, raw: Array("raw mail".utf8))
        let boundary = noon + .seconds(30)
        let before = try history(fixture, id)
        _ = try begin(fixture, 1, boundary)
        _ = try archive(fixture, 1, boundary)
        let after = try history(fixture, id)
        #expect(Array(after.prefix(before.count)) == before)
        #expect(after.count == before.count + 1)
        let counts = try fixture.store.read { reader throws(StoreError) -> [Int64] in
            try ["cases", "entries", "notes", "audit", "archived"].map { table throws(StoreError) in
                let select = try PreparedStatement(reader.db, "SELECT count(*) FROM \(table)")
                defer { select.reset() }
                return try select.step() ? select.integer(0) : -1
            }
        }
        #expect(counts == [0, 0, 0, 0, 1])
        try fixture.store.read { reader throws(StoreError) in
            #expect(try reader.raw(of: id, entry: 1, includeStaff: false) == Array("raw mail".utf8))
            let shown = try reader.entries(of: id, limit: 100, includeStaff: false)
            #expect(!shown.contains { if case .noteAdded = $0.event { true } else { false } })
            let page = try reader.entries(of: id, after: 1, limit: 2, includeStaff: true)
            #expect(page.map(\.number) == [2, 3])
            let audit = try reader.audit(of: id)
            #expect(audit.map(\.version) == [1, 2, 3, 4])
        }
        try expectIntact(fixture, id)
    }

    @Test func whatComesAfterTheArchiveIsFoundBesideIt() throws {
        let fixture = try ShardFixture()
        let id = try close(fixture)
        _ = try begin(fixture, 1, noon + .seconds(30))
        _ = try archive(fixture, 1, noon + .seconds(30))
        let count = try history(fixture, id).count
        let survey = Survey(rating: 2, text: "slow")
        try fixture.succeed(People.kim, .submitSurvey(survey), on: id)
        #expect(try fixture.record(id).survey == survey)
        #expect(try fixture.record(id).status == .archived)
        #expect(try history(fixture, id).count == count + 1)
        #expect(try history(fixture, id).map(\.number) == Array(1...UInt64(count) + 1))
        try fixture.reopen()
        try expectIntact(fixture, id)
    }

    @Test func aLongHistoryStaysInItsTables() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let text = String(repeating: "long ", count: 50_000)
        for _ in 0..<18 { try fixture.succeed(People.boss, .note(text), on: made.id) }
        try fixture.succeed(People.boss, .close(notes: "done"), on: made.id)
        _ = try begin(fixture, 1, noon + .seconds(30))
        let before = try fixture.record(made.id).entryCount
        _ = try archive(fixture, 1, noon + .seconds(30))
        #expect(try fixture.record(made.id).status == .archived)
        var seen: UInt64 = 0
        while let last = try history(fixture, made.id, after: seen).last { seen = last.number }
        #expect(seen == before + 1)
        try expectIntact(fixture, made.id)
    }

    private func history(
        _ fixture: ShardFixture,
        _ id: CaseID,
        after: UInt64 = 0
    ) throws -> [HistoryEntry] {
        try fixture.store.read { reader throws(StoreError) in
            try reader.entries(of: id, after: after, limit: 1_000, includeStaff: true)
        }
    }

    private func expectIntact(
        _ fixture: ShardFixture,
        _ id: CaseID,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let verdict = try fixture.store.read { reader throws(StoreError) in try reader.verify(id) }
        let version = try fixture.record(id).version
        guard case .intact(_, let checked) = verdict else {
            Issue.record("\(String(describing: verdict))", sourceLocation: sourceLocation)
            return
        }
        #expect(checked == Int(version), sourceLocation: sourceLocation)
    }
}
