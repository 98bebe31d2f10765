import CaseModel
import ClusterPrimitives
import Foundation
import Testing

@testable import CaseStore

/// Who reads what of a history, and what an erasure leaves.
@Suite struct HistoryTests {
    private let secret = "zq-secret"

    /// A case whose staff-only texts all contain the secret.
    private func confidential(_ fixture: ShardFixture) throws -> CaseID {
        let anna = People.anna
        let id = try fixture.succeed(People.kim, newCase(raw: Array("kim's mail".utf8))).id
        let steps: [(Actor, CaseAction)] = [
            (anna, .assignToMe), (anna, .note(secret)), (anna, .addTag(secret)),
            (anna, .update(FieldUpdate(fields: [NamedValue("own", secret)]))),
            (anna, .park(reason: secret, until: nil)), (anna, .resume),
            (anna, .waitForExternal(party: secret, reason: secret)), (anna, .resume),
            (
                anna,
                .attachInteraction(
                    Interaction(channel: .call, externalKey: secret, raw: Array(secret.utf8)),
                    text: secret
                )
            ),
            (anna, .escalate(reason: secret, target: .supervisor, summary: secret)),
            (People.boss, .assign(AgentFacts(id: People.boss.id, role: .supervisor, teams: []))),
            (People.boss, .decline(reason: secret)), (People.boss, .assignToMe),
            (People.mail, .comment(CaseMessage(text: secret, from: "mailto:other@example.org"))),
            (People.boss, .transferToAgent(People.facts(anna), reason: secret)), (anna, .accept),
            (anna, .proposeSolution(note: secret, message: "A new lamp.")),
            (People.boss, .reopen(reason: secret)), (People.boss, .close(notes: secret)),
        ]
        for (actor, action) in steps { try fixture.succeed(actor, action, on: id) }
        return id
    }

    private func requesterReads(_ fixture: ShardFixture, _ id: CaseID) throws -> String {
        try fixture.store.read { reader throws(StoreError) in
            let entries = try reader.entries(of: id, limit: 1_000, includeStaff: false)
            var query = CaseQuery(scope: People.kim)
            query.limit = 10
            let listed = try reader.list(query).records
            let raws = try (1...100 as ClosedRange<UInt64>).map { number throws(StoreError) in
                try reader.raw(of: id, entry: number, includeStaff: false) ?? []
            }
            let text = raws.map { String(decoding: $0, as: UTF8.self) }.joined()
            return "\(entries) \(listed) \(text)"
        }
    }

    @Test func aRequesterNeverReadsWhatStaffWrite() throws {
        let fixture = try ShardFixture()
        let id = try confidential(fixture)
        let live = try requesterReads(fixture, id)
        #expect(!live.contains(secret))
        #expect(live.contains("A new lamp.") && live.contains("kim's mail"))
        let staff = try fixture.store.read { reader throws(StoreError) in
            try reader.entries(of: id, limit: 1_000, includeStaff: true)
        }
        #expect("\(staff)".contains(secret))
        fixture.log.now = noon + .seconds(60)
        try fixture.apply(.beginNight(epoch: firstEpoch, night: 1, boundary: fixture.log.now))
        try fixture.apply(
            .archivePage(epoch: firstEpoch, night: 1, boundary: fixture.log.now, limit: 10)
        )
        #expect(try fixture.record(id).status == .archived)
        let archived = try requesterReads(fixture, id)
        #expect(!archived.contains(secret))
        #expect(archived.contains("A new lamp.") && archived.contains("kim's mail"))
    }

    @Test func aRequestersFeedTellsOfNoNote() throws {
        let fixture = try ShardFixture()
        let id = try fixture.succeed(People.kim, newCase()).id
        try fixture.succeed(People.anna, .note(secret), on: id)
        try fixture.succeed(People.anna, .assignToMe, on: id)
        let page = try fixture.store.read { reader throws(StoreError) in
            try reader.feed(after: 0, limit: 10)
        }
        guard case .items(let items) = page else {
            Issue.record("\(page)")
            return
        }
        #expect(items.map { $0.view(for: People.kim) } == [.changed, .hidden, .changed])
        #expect(items.map { $0.view(for: People.lee) } == [.hidden, .hidden, .hidden])
        #expect(items.map { $0.view(for: People.quality) } == [.changed, .changed, .changed])
    }

    /// Content is gone from the file's bytes, pages that were freed included; the chain holds.
    @Test(arguments: [false, true])
    func anErasureLeavesNoContent(isLong: Bool) throws {
        let fixture = try ShardFixture()
        let text = isLong ? String(repeating: "\(secret) ", count: 3_000) : secret
        let other = try fixture.succeed(
            People.lee,
            newCase("kept", by: People.lee, text: "kept text")
        )
        let new = newCase(secret, text: text, tags: [secret], raw: Array(text.utf8))
        let id = try fixture.succeed(People.kim, new).id
        try fixture.succeed(People.anna, .note(text), on: id)
        let mail = Interaction(channel: .email, externalKey: "m2", raw: Array(text.utf8))
        try fixture.succeed(
            People.kim,
            .comment(CaseMessage(text: text, interaction: mail)),
            on: id
        )
        // Its row is longer than a page of the file.
        let value = String(text.prefix(CaseLimits.fieldValueBytesMax))
        let fields = (0..<3).map { NamedValue("own \($0)", value) }
        try fixture.succeed(People.boss, .update(FieldUpdate(fields: fields)), on: id)
        // What waits for the end of the transaction is erased with it.
        fixture.log.add(command(People.boss, .note(text), on: id))
        fixture.log.add(command(People.boss, .delete(reason: "asked to"), on: id))
        try fixture.applyPending()
        let record = try fixture.record(id)
        #expect(record.status == .deleted)
        #expect(!"\(record)".contains(secret))
        let (entries, verdict, audit) = try fixture.store.read { reader throws(StoreError) in
            (
                try reader.entries(of: id, limit: 100, includeStaff: true),
                try reader.verify(id), try reader.audit(of: id)
            )
        }
        #expect(!"\(entries)".contains(secret))
        #expect(entries.allSatisfy { $0.version == record.version })
        #expect(audit.count == 6)
        guard case .intact(record.auditHead, 1) = verdict else {
            Issue.record("\(String(describing: verdict))")
            return
        }
        // A checkpoint copies the write-ahead log into the file and cuts it.
        #expect(try fixture.store.checkpoint().isComplete)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: fixture.location.path))
        let wal = try Data(contentsOf: URL(fileURLWithPath: fixture.location.walPath))
        #expect(wal.isEmpty)
        try fixture.store.close()
        #expect(bytes.range(of: Data(secret.utf8)) == nil)
        #expect(bytes.range(of: Data("kept text".utf8)) != nil)
        fixture.store = try ShardStore(at: fixture.location, shard: shardUnderTest)
        #expect(try fixture.record(other.id).title == "kept")
    }

    @Test func aChangedRowIsNoticed() throws {
        let fixture = try ShardFixture()
        let id = try fixture.succeed(People.kim, newCase()).id
        try fixture.succeed(People.anna, .note("as it was"), on: id)
        try fixture.store.file.write { db throws(StoreError) in
            let select = try PreparedStatement(db, "SELECT seq, entry FROM notes")
            _ = try select.step()
            let seq = select.bits(0)
            var entry = try select.value(1, as: HistoryEntry.self)
            select.reset()
            entry.event = .noteAdded(text: "as it was not", interaction: nil)
            let update = try PreparedStatement(db, "UPDATE notes SET entry = ? WHERE seq = ?")
            update.bind(1, entry.encodedBytes)
            update.bind(2, seq)
            try update.run()
        }
        let verdict = try fixture.store.read { reader throws(StoreError) in try reader.verify(id) }
        #expect(verdict == .broken(version: 2, fault: .changedContent))
    }

    @Test func pagesOfAHistoryAddUp() throws {
        let fixture = try ShardFixture()
        let id = try fixture.succeed(People.kim, newCase()).id
        for number in 0..<20 {
            let action: CaseAction =
                number % 3 == 0
                ? .note("n\(number)") : .comment(CaseMessage(text: "c\(number)"))
            try fixture.succeed(People.boss, action, on: id)
        }
        for includeStaff in [true, false] {
            let (whole, pieces) = try fixture.store.read { reader throws(StoreError) in
                let whole = try reader.entries(of: id, limit: 1_000, includeStaff: includeStaff)
                var pieces: [HistoryEntry] = []
                while true {
                    let page = try reader.entries(
                        of: id,
                        after: pieces.last?.number ?? 0,
                        limit: 4,
                        includeStaff: includeStaff
                    )
                    guard !page.isEmpty else { return (whole, pieces) }
                    pieces += page
                }
            }
            #expect(pieces == whole)
        }
    }

    @Test func aPageEndsAtItsBytes() throws {
        let fixture = try ShardFixture()
        let id = try fixture.succeed(People.kim, newCase()).id
        let text = String(repeating: "t", count: CaseLimits.textBytesMax)
        for _ in 0..<40 { try fixture.succeed(People.boss, .note(text), on: id) }
        let page = try fixture.store.read { reader throws(StoreError) in
            try reader.entries(of: id, limit: 1_000, includeStaff: true)
        }
        let bytes = page.reduce(0) { $0 + $1.encodedBytes.count }
        #expect(bytes <= StoreLimits.readPageBytesMax)
        #expect(page.count > 25)
    }
}
