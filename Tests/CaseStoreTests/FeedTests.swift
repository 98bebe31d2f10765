import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// The feed: in order, bounded, and honest about what it no longer has.
@Suite struct FeedTests {
    private func feed(_ fixture: ShardFixture, after: UInt64, limit: Int = 1_000) throws -> FeedPage
    {
        try fixture.store.read { reader throws(StoreError) in
            try reader.feed(after: after, limit: limit)
        }
    }

    @Test func itemsComeAsTheyWereApplied() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        fixture.log.add(command(People.anna, .assignToMe, on: made.id))
        fixture.log.add(command(People.anna, .accept, on: made.id))
        fixture.log.add(command(People.anna, .note("n"), on: made.id))
        let results = try fixture.applyPending()
        // What is refused is not told.
        #expect(results.map(\.changes.count) == [1, 0, 1])
        guard case .items(let items) = try feed(fixture, after: 0) else {
            Issue.record("no items")
            return
        }
        #expect(items.map(\.position) == [1, 2, 3])
        #expect(items.map(\.version) == [1, 2, 3])
        #expect(items.map(\.action) == [.create, .assignToMe, .note])
        #expect(Array(items.dropFirst()) == results.flatMap(\.changes))
        #expect(items[1].before?.owner == nil && items[1].after.owner == People.anna.id)
        #expect(items[2].before == nil)
        #expect(try feed(fixture, after: 1, limit: 1) == .items([items[1]]))
        #expect(try feed(fixture, after: 3) == .items([]))
        #expect(try feed(fixture, after: 4) == .ahead(last: 3))
    }

    @Test func aCaseThatLeavesAScopeIsGone() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        try fixture.succeed(
            People.boss,
            .transferToQueue(People.otherQueue, reason: "r"),
            on: made.id
        )
        try fixture.succeed(People.sven, .note("n"), on: made.id)
        guard case .items(let items) = try feed(fixture, after: 0) else {
            Issue.record("no items")
            return
        }
        #expect(items.map { $0.view(for: People.anna) } == [.changed, .gone, .hidden])
        #expect(items.map { $0.view(for: People.sven) } == [.hidden, .changed, .changed])
        #expect(items.map { $0.view(for: People.robot) } == [.changed, .gone, .hidden])
        #expect(items.map { $0.view(for: People.boss) } == [.changed, .changed, .changed])
    }

    @Test func theFeedIsBoundedByItsRows() throws {
        var retention = Retention()
        retention.feedRowsMax = 10
        retention.feedPageMax = 4
        let fixture = try ShardFixture(retention: retention)
        let made = try fixture.succeed(People.kim, newCase())
        for _ in 0..<20 { try fixture.succeed(People.boss, .note("n"), on: made.id) }
        let state = fixture.store.state
        #expect(state.feedPosition == 21)
        #expect(state.feedPosition - state.feedFloor < 14)
        #expect(try feed(fixture, after: state.feedFloor - 1) == .tooOld(last: 21))
        guard case .items(let items) = try feed(fixture, after: state.feedFloor) else {
            Issue.record("no items")
            return
        }
        #expect(items.first?.position == state.feedFloor + 1)
        #expect(items.last?.position == 21)
        try fixture.reopen()
        #expect(fixture.store.state.feedFloor == state.feedFloor)
    }

    @Test func theFeedIsBoundedByItsAge() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        for _ in 0..<3 { try fixture.succeed(People.boss, .note("n"), on: made.id) }
        fixture.log.now = noon + StoreLimits.feedLifetime + TimeSpan(milliseconds: -1)
        try fixture.succeed(People.boss, .note("n"), on: made.id)
        #expect(fixture.store.state.feedFloor == 0)
        fixture.log.now = noon + StoreLimits.feedLifetime
        try fixture.apply(.ownerBack(epoch: firstEpoch, principal: People.bo.id))
        #expect(fixture.store.state.feedFloor > 0)
        #expect(try feed(fixture, after: 0) == .tooOld(last: 5))
    }

    @Test func aDueTimeIsTold() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.anna, newCase(asOwner: true))
        let until = noon + .seconds(60)
        fixture.log.add(
            command(People.anna, .park(reason: "r", until: until), on: made.id)
        )
        #expect(try fixture.applyPending().map(\.dueAt) == [until])
        let next = try fixture.store.read { reader throws(StoreError) in try reader.nextDueAt() }
        #expect(next == until)
    }
}
