import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// The coordinator's pages: never early, never twice, fenced by the epoch.
@Suite struct SweepTests {
    private let window = TimeSpan.days(7)

    /// A resolved case; its close is due seven days later.
    private func resolve(_ fixture: ShardFixture) throws -> CaseID {
        let made = try fixture.succeed(People.anna, newCase(asOwner: true))
        try fixture.succeed(People.anna, .proposeSolution(note: "n", message: "m"), on: made.id)
        return made.id
    }

    private func sweep(
        _ fixture: ShardFixture,
        asOf: Timestamp,
        limit: UInt32 = 100,
        epoch: Epoch = firstEpoch
    ) throws -> ShardResult {
        try fixture.apply(.sweep(epoch: epoch, asOf: asOf, limit: limit))
    }

    @Test func nothingClosesEarly() throws {
        let fixture = try ShardFixture()
        let id = try resolve(fixture)
        let due = noon + window
        fixture.log.now = noon + .days(30)
        let early = noon + window + TimeSpan(milliseconds: -1)
        #expect(
            try sweep(fixture, asOf: early) == .swept(count: 0, more: false, nextDueAt: due)
        )
        #expect(try fixture.record(id).status == .resolved)
        #expect(
            try sweep(fixture, asOf: due) == .swept(count: 1, more: false, nextDueAt: nil)
        )
        #expect(try fixture.record(id).status == .closed)
    }

    @Test func theShardsOwnTimeDecides() throws {
        let fixture = try ShardFixture()
        let id = try resolve(fixture)
        // The coordinator's clock is ahead of the shard's.
        fixture.log.now = noon + .days(6)
        let due = noon + window
        #expect(try sweep(fixture, asOf: due) == .refused(.notDue(dueAt: due)))
        #expect(try fixture.record(id).status == .resolved)
    }

    @Test func aCaseThatWasAnsweredIsLeftAlone() throws {
        let fixture = try ShardFixture()
        let answered = try resolve(fixture)
        let silent = try resolve(fixture)
        fixture.log.now = noon + .days(6)
        try fixture.succeed(People.kim, .comment(CaseMessage(text: "still dark")), on: answered)
        fixture.log.now = noon + .days(8)
        #expect(
            try sweep(fixture, asOf: fixture.log.now)
                == .swept(count: 1, more: false, nextDueAt: nil)
        )
        #expect(try fixture.record(answered).status == .open)
        #expect(try fixture.record(silent).status == .closed)
    }

    @Test func aSweepGoesInPagesInTheOrderOfDueTimes() throws {
        let fixture = try ShardFixture()
        var ids: [CaseID] = []
        for _ in 0..<5 {
            ids.append(try resolve(fixture))
            fixture.log.now = fixture.log.now + .seconds(60)
        }
        fixture.log.now = noon + .days(9)
        let asOf = fixture.log.now
        guard case .swept(2, true, let next) = try sweep(fixture, asOf: asOf, limit: 2) else {
            Issue.record("the first page")
            return
        }
        #expect(next == noon + window + .seconds(120))
        #expect(
            try ids.map { try fixture.record($0).status } == [
                .closed, .closed, .resolved, .resolved, .resolved,
            ]
        )
        #expect(
            try sweep(fixture, asOf: asOf, limit: 3)
                == .swept(count: 3, more: false, nextDueAt: nil)
        )
        #expect(fixture.store.state.count(.closed) == 5)
    }

    @Test func whatWasParkedUntilNowGoesOn() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.anna, newCase(asOwner: true))
        let until = noon + .seconds(600)
        try fixture.succeed(People.anna, .park(reason: "stock", until: until), on: made.id)
        fixture.log.now = until
        #expect(
            try sweep(fixture, asOf: until) == .swept(count: 1, more: false, nextDueAt: nil)
        )
        #expect(try fixture.record(made.id).status == .open)
    }

    @Test func anOlderEpochIsRefusedEverywhere() throws {
        let fixture = try ShardFixture()
        let id = try resolve(fixture)
        fixture.log.now = noon + .days(8)
        let newer = Epoch(incarnation: 1, term: Term(9))
        try fixture.apply(.ownerBack(epoch: newer, principal: People.bo.id))
        let now = fixture.log.now
        let commands: [ShardCommand] = [
            .sweep(epoch: firstEpoch, asOf: now, limit: 10),
            .beginNight(epoch: firstEpoch, night: 1, boundary: now),
            .archivePage(epoch: firstEpoch, night: 1, boundary: now, limit: 10),
            .ownerGone(epoch: firstEpoch, principal: People.anna.id, limit: 10),
            .ownerBack(epoch: firstEpoch, principal: People.anna.id),
        ]
        for command in commands {
            #expect(try fixture.apply(command) == .refused(.staleEpoch))
        }
        #expect(try fixture.record(id).status == .resolved)
        #expect(fixture.store.state.epoch == newer)
        // A restore from a backup begins a new incarnation, whatever its term.
        let restored = Epoch(incarnation: 2, term: Term(1))
        #expect(try sweep(fixture, asOf: now, epoch: restored) != .refused(.staleEpoch))
        try fixture.reopen()
        #expect(try sweep(fixture, asOf: now, epoch: newer) == .refused(.staleEpoch))
    }

    @Test(arguments: [UInt32(0), UInt32(StoreLimits.sweepPageMax) + 1])
    func aPageHasItsBounds(limit: UInt32) throws {
        let fixture = try ShardFixture()
        for command: ShardCommand in [
            .sweep(epoch: firstEpoch, asOf: noon, limit: limit),
            .archivePage(epoch: firstEpoch, night: 0, boundary: .zero, limit: limit),
            .ownerGone(epoch: firstEpoch, principal: People.anna.id, limit: limit),
        ] {
            guard case .refused(.invalid(field: "limit", _)) = try fixture.apply(command) else {
                Issue.record("\(command) with limit \(limit)")
                continue
            }
        }
    }

    @Test func aFullPageIsDone() throws {
        let fixture = try ShardFixture()
        for _ in 0..<StoreLimits.sweepPageMax + 1 {
            let new = newCase(asOwner: true)
            fixture.log.add(command(People.anna, new))
        }
        let results = try fixture.applyPending()
        for result in results {
            guard case .answered(.accepted(let receipt), _) = result.outcome else { continue }
            let action = CaseAction.proposeSolution(note: "n", message: "m")
            fixture.log.add(command(People.anna, action, on: receipt.id))
        }
        try fixture.applyPending()
        fixture.log.now = noon + .days(8)
        let limit = UInt32(StoreLimits.sweepPageMax)
        let due = noon + window
        #expect(
            try sweep(fixture, asOf: fixture.log.now, limit: limit)
                == .swept(count: limit, more: true, nextDueAt: due)
        )
        #expect(
            try sweep(fixture, asOf: fixture.log.now, limit: limit)
                == .swept(count: 1, more: false, nextDueAt: nil)
        )
    }

    @Test func whoIsGoneOwnsNothingLive() throws {
        let fixture = try ShardFixture()
        var ids: [CaseID] = []
        for _ in 0..<3 {
            ids.append(try fixture.succeed(People.anna, newCase(asOwner: true)).id)
        }
        let resolved = try resolve(fixture)
        let other = try fixture.succeed(People.bo, newCase(asOwner: true)).id
        let gone = ShardCommand.ownerGone(
            epoch: firstEpoch,
            principal: People.anna.id,
            limit: 2
        )
        guard case .swept(2, true, _) = try fixture.apply(gone),
            case .swept(1, false, _) = try fixture.apply(gone),
            case .swept(0, false, _) = try fixture.apply(gone)
        else {
            Issue.record("three cases in pages of two")
            return
        }
        #expect(try ids.map { try fixture.record($0).status } == [.new, .new, .new])
        #expect(try fixture.record(other).owner == People.bo.id)
        // What was under way when they left comes too late, whoever sent it.
        let late: [(Actor, CaseAction, CaseID?)] = [
            (People.anna, .assignToMe, ids[0]),
            (People.boss, .assign(People.facts(People.anna)), ids[0]),
            (People.boss, .transferToAgent(People.facts(People.anna), reason: "r"), other),
            (People.anna, newCase(asOwner: true), nil),
        ]
        for (who, action, id) in late {
            let answer = try fixture.act(who, action, on: id)
            #expect(
                answer
                    == .refused(
                        .unsuitableAgent(
                            id: People.anna.id,
                            reason: "removed from the directory"
                        )
                    ),
                "\(action.name)"
            )
        }
        try fixture.succeed(People.anna, .comment(CaseMessage(text: "bye")), on: ids[0])
        // A resolved case keeps its owner until it comes back: then it goes to the queue.
        try fixture.reopen()
        try fixture.succeed(People.kim, .rejectSolution(reason: "no"), on: resolved)
        #expect(try fixture.record(resolved).status == .new)
        try fixture.apply(.ownerBack(epoch: firstEpoch, principal: People.anna.id))
        let again = try resolve(fixture)
        try fixture.succeed(People.kim, .rejectSolution(reason: "no"), on: again)
        #expect(try fixture.record(again).owner == People.anna.id)
    }
}
