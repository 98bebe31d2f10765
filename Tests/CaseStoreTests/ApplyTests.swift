import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// One entry at a time: what is written, what is passed over, what stops the replica.
@Suite struct ApplyTests {
    @Test func aCaseIsWrittenAndReadBack() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase(raw: [1, 2, 3]))
        #expect(made.id.shard == shardUnderTest)
        #expect(made.version == 1)
        fixture.log.now = noon + .seconds(1)
        try fixture.succeed(People.anna, .assignToMe, on: made.id)
        try fixture.succeed(People.anna, .note("Ask for the lamp's age."), on: made.id)
        try fixture.succeed(People.anna, .comment(CaseMessage(text: "How old is it?")), on: made.id)
        let record = try fixture.record(made.id)
        #expect(record.version == 4)
        #expect(record.owner == People.anna.id)
        let (all, shown, raw) = try fixture.store.read { reader throws(StoreError) in
            (
                try reader.entries(of: made.id, limit: 100, includeStaff: true),
                try reader.entries(of: made.id, limit: 100, includeStaff: false),
                try reader.raw(of: made.id, entry: 1, includeStaff: false)
            )
        }
        #expect(all.map(\.number) == Array(1...UInt64(all.count)))
        #expect(UInt64(all.count) == record.entryCount)
        #expect(shown.count < all.count)
        #expect(raw == [1, 2, 3])
        #expect(all.first?.hasRaw == true)
    }

    @Test func stateFollowsTheLog() throws {
        let fixture = try ShardFixture()
        fixture.log.add(payload: [], configuration: [9, 9])
        #expect(try fixture.applyPending().map(\.outcome) == [.noOperation])
        #expect(fixture.store.state.configuration == [9, 9])
        fixture.log.term = Term(4)
        fixture.log.now = noon + .seconds(5)
        let made = try fixture.succeed(People.kim, newCase())
        // A leader whose clock is behind changes nothing of the time.
        fixture.log.now = noon
        let second = try fixture.succeed(People.kim, newCase())
        #expect(second.at == noon + .seconds(5))
        #expect(second.id > made.id)
        let state = fixture.store.state
        #expect(state.appliedIndex == LogIndex(3))
        #expect(state.appliedTerm == Term(4))
        #expect(state.shardTime == noon + .seconds(5))
        #expect(state.lastCaseID == second.id)
        #expect(state.count(.new) == 2)
        try fixture.reopen()
        #expect(fixture.store.state == state)
    }

    @Test func anEntryIsAppliedOnce() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        try fixture.succeed(People.boss, .note("one"), on: made.id)
        let before = try fixture.store.replicaChecksum()
        let results = try fixture.store.apply(fixture.log.entries)
        #expect(results.map(\.outcome) == [.alreadyApplied, .alreadyApplied])
        #expect(try fixture.store.replicaChecksum() == before)
    }

    @Test func aGapStopsTheReplica() throws {
        let fixture = try ShardFixture()
        try fixture.succeed(People.kim, newCase())
        let entry = CommittedEntry(index: LogIndex(3), term: Term(1), payload: [])
        #expect(throws: StoreError.gap(expected: LogIndex(2), got: LogIndex(3))) {
            try fixture.store.apply([entry])
        }
        // Fatal: nothing is taken after it, also what would fit.
        let next = CommittedEntry(index: LogIndex(2), term: Term(1), payload: [])
        #expect(throws: StoreError.stopped) { try fixture.store.apply([next]) }
    }

    @Test func aNewerCommandStopsTheReplica() throws {
        let fixture = try ShardFixture()
        try fixture.succeed(People.kim, newCase())
        let version = StampedShardCommand.formatVersion + 1
        fixture.log.add(payload: [version, 1, 2, 3])
        #expect(throws: StoreError.newerCommand(index: LogIndex(2), version: version)) {
            try fixture.applyPending()
        }
        #expect(fixture.store.appliedIndex == LogIndex(1))
    }

    @Test func anUndecodableCommandStopsTheReplicaAndUndoesItsBatch() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let before = try fixture.store.replicaChecksum()
        fixture.log.add(command(People.boss, .note("lost with its batch"), on: made.id))
        fixture.log.add(payload: [StampedShardCommand.formatVersion, 0xFF])
        #expect {
            try fixture.applyPending()
        } throws: { error in
            guard case .undecodableCommand(LogIndex(3), _) = error as? StoreError else {
                return false
            }
            return true
        }
        #expect(fixture.store.appliedIndex == LogIndex(1))
        #expect(try fixture.store.replicaChecksum() == before)
    }

    /// Goal: a transaction that several batches share is seen as a whole or not at all, and leaves the same rows.
    @Test func anOpenTransactionIsSeenWhenItIsCommitted() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        for number in 0..<4 {
            fixture.log.add(
                command(People.boss, .note("\(number)"), on: made.id),
                key: "n\(number)"
            )
        }
        let entries = Array(fixture.log.entries.suffix(4))
        let before = fixture.store.state
        #expect(try fixture.store.extend(Array(entries.prefix(2))).count == 2)
        #expect(try fixture.store.extend([entries[2]]).count == 1)
        #expect(fixture.store.state == before)
        #expect(try fixture.record(made.id).version == 1)
        // One that does not follow on undoes all of it.
        let gap = CommittedEntry(index: LogIndex(99), term: Term(1), payload: entries[3].payload)
        #expect(throws: StoreError.self) { try fixture.store.extend([gap]) }
        #expect(try fixture.record(made.id).version == 1)
    }

    /// Rows of cases are kept back to the end of the transaction, up to a number; the audit names the newest entry in
    /// them.
    @Test(arguments: [-1, 8])
    func manyCasesAreChangedInOneTransaction(beyondWhatIsKept: Int) throws {
        let fixture = try ShardFixture()
        var cases: [CaseID] = []
        for _ in 0..<(UnwrittenCases.rowsMax + beyondWhatIsKept) {
            cases.append(try fixture.succeed(People.kim, newCase()).id)
        }
        for round in 0..<2 {
            for id in cases { fixture.log.add(command(People.boss, .note("\(round)"), on: id)) }
        }
        try fixture.applyPending()
        for id in cases {
            let version = try fixture.record(id).version
            #expect(version == 3)
            #expect(try isIntact(id, fixture))
        }
    }

    /// The disk has room again.
    private func makeRoom(_ fixture: ShardFixture) throws {
        try fixture.store.file.onWriter { db throws(StoreError) in
            _ = try PreparedStatement.firstText(db, "PRAGMA max_page_count = 10000")
        }
    }

    private func isIntact(_ id: CaseID, _ fixture: ShardFixture) throws -> Bool {
        let verdict = try fixture.store.read { reader throws(StoreError) in try reader.verify(id) }
        guard case .intact = verdict else { return false }
        return true
    }

    /// Goal: what is decided after a transaction was undone is decided on what the file holds.
    @Test func rowsThatWaitAreUndoneWithTheirTransaction() throws {
        let fixture = try ShardFixture(pagesMax: 60)
        let made = try fixture.succeed(People.kim, newCase())
        let text = String(repeating: "x", count: 2_000)
        var error: StoreError?
        while error == nil {
            fixture.log.add(command(People.boss, .note(text), on: made.id))
            let entry = try #require(fixture.log.entries.last)
            do throws(StoreError) {
                _ = try fixture.store.extend([entry])
            } catch let thrown {
                error = thrown
            }
        }
        #expect(error == .diskFull)
        #expect(fixture.log.entries.count > 3, "several were in the transaction")
        #expect(fixture.store.appliedIndex == LogIndex(1))
        try makeRoom(fixture)
        try fixture.applyPending()
        #expect(try fixture.record(made.id).version == UInt64(fixture.log.entries.count))
        #expect(try isIntact(made.id, fixture))
    }

    @Test func closingKeepsWhatIsOpen() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        fixture.log.add(command(People.boss, .note("x"), on: made.id), key: "x")
        let last = try #require(fixture.log.entries.last)
        _ = try fixture.store.extend([last])
        try fixture.store.commit()
        try fixture.store.commit()
        #expect(fixture.store.appliedIndex == last.index)
        fixture.log.add(command(People.boss, .note("y"), on: made.id), key: "y")
        let open = try #require(fixture.log.entries.last)
        _ = try fixture.store.extend([open])
        #expect(fixture.store.appliedIndex == last.index)
        try fixture.store.close()
        #expect(try fixture.store.reopened().appliedIndex == open.index)
    }

    @Test func aFullDiskIsAnErrorAndTheStateStays() throws {
        let fixture = try ShardFixture(pagesMax: 60)
        let made = try fixture.succeed(People.kim, newCase())
        let text = String(repeating: "x", count: 20_000)
        var error: StoreError?
        while error == nil {
            do throws(StoreError) {
                let next = fixture.store.appliedIndex.next
                let scope = fixture.log.scope(
                    command(People.boss, .note(text), on: made.id),
                    key: "\(next)"
                )
                let stamped = StampedShardCommand(
                    at: noon,
                    command: .onCase(command(People.boss, .note(text), on: made.id), scope)
                )
                _ = try fixture.store.apply([
                    CommittedEntry(index: next, term: Term(1), payload: stamped.encodedBytes)
                ])
            } catch let thrown {
                error = thrown
            }
        }
        #expect(error == .diskFull)
        let state = fixture.store.state
        #expect(try fixture.store.read { reader throws(StoreError) in try reader.state() } == state)
        #expect(try fixture.record(made.id).version == state.appliedIndex.rawValue)
        // Room again: the same entry is taken, decided on what the file holds and not on what was undone.
        try makeRoom(fixture)
        fixture.log.add(command(People.boss, .note(text), on: made.id), key: "again")
        let entry = try #require(fixture.log.entries.last)
        let results = try fixture.store.apply([
            CommittedEntry(
                index: state.appliedIndex.next,
                term: Term(1),
                payload: entry.payload
            )
        ])
        guard case .answered(.accepted(let receipt), _) = results.first?.outcome else {
            Issue.record("\(results)")
            return
        }
        #expect(receipt.version == state.appliedIndex.rawValue + 1)
        #expect(try isIntact(made.id, fixture))
    }
}
