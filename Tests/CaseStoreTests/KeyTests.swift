import CaseModel
import ClusterPrimitives
import Testing

@testable import CaseStore

/// Exactly once: keys, their expiry by replicated time, contacts' keys and claims.
@Suite struct KeyTests {
    @Test func aRepeatedKeyAnswersAsAtFirstAndDoesNothing() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let note = command(People.boss, .note("once"), on: made.id)
        fixture.log.add(note, key: "k")
        let first = try fixture.applyPending()
        // The same later, after more has happened to the case.
        try fixture.succeed(People.boss, .note("another"), on: made.id)
        fixture.log.now = noon + .seconds(3_600)
        fixture.log.add(note, key: "k")
        let second = try fixture.applyPending()
        guard case .answered(let answer, false) = first[0].outcome,
            case .answered(let again, true) = second[0].outcome
        else {
            Issue.record("\(first) \(second)")
            return
        }
        #expect(answer == again)
        #expect(second[0].changes.isEmpty)
        #expect(try fixture.record(made.id).version == 3)
    }

    @Test func aRepeatedCreateGivesTheSameCase() throws {
        let fixture = try ShardFixture()
        let first = try fixture.act(People.kim, newCase(), key: "create")
        let again = try fixture.act(People.kim, newCase(), key: "create")
        #expect(first == again)
        #expect(fixture.store.state.count(.new) == 1)
    }

    @Test func aRefusalIsRemembered() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        let refused = try fixture.act(People.anna, .accept, on: made.id, key: "early")
        guard case .refused = refused else {
            Issue.record("\(refused)")
            return
        }
        try fixture.succeed(People.boss, .assign(People.facts(People.anna)), on: made.id)
        // It would be accepted now; its answer was given.
        #expect(try fixture.act(People.anna, .accept, on: made.id, key: "early") == refused)
        #expect(try fixture.record(made.id).status == .assigned)
    }

    @Test func anotherContentUnderAKeyIsRefused() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        try fixture.act(People.boss, .note("a"), on: made.id, key: "k")
        let other = try fixture.act(People.boss, .note("b"), on: made.id, key: "k")
        #expect(other == .refused(.keyReused))
        // The first content still answers.
        let again = try fixture.act(People.boss, .note("a"), on: made.id, key: "k")
        guard case .accepted = again else {
            Issue.record("\(again)")
            return
        }
        #expect(try fixture.record(made.id).version == 2)
    }

    @Test func aKeyBelongsToItsPrincipalAndMethod() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        for actor in [People.anna, People.bo] {
            try fixture.act(actor, .note("n"), on: made.id, key: "k")
        }
        try fixture.act(People.anna, .addTag("t"), on: made.id, key: "k")
        #expect(try fixture.record(made.id).version == 4)
    }

    @Test func aKeyExpiresByReplicatedTimeAlone() throws {
        let fixture = try ShardFixture()
        let made = try fixture.succeed(People.kim, newCase())
        try fixture.act(People.boss, .note("n"), on: made.id, key: "k")
        fixture.log.now = noon + .days(1) + .seconds(-1)
        try fixture.act(People.boss, .note("n"), on: made.id, key: "k")
        #expect(try fixture.record(made.id).version == 2)
        // A leader whose clock is behind brings nothing back, one that is ahead ends it.
        fixture.log.now = noon + .days(1) + StoreLimits.keySlack
        try fixture.act(People.boss, .note("n"), on: made.id, key: "k")
        #expect(try fixture.record(made.id).version == 3)
        // The new one counts from its own time.
        fixture.log.now = noon + .days(2)
        try fixture.act(People.boss, .note("n"), on: made.id, key: "k")
        #expect(try fixture.record(made.id).version == 3)
    }

    @Test func expiryGoesInPages() throws {
        var retention = Retention()
        retention.keyPageMax = 4
        let fixture = try ShardFixture(retention: retention)
        let made = try fixture.succeed(People.kim, newCase())
        for number in 0..<9 {
            try fixture.act(People.boss, .note("n"), on: made.id, key: "k\(number)")
        }
        fixture.log.now = noon + .days(3)
        func count() throws -> Int {
            try fixture.store.read { reader throws(StoreError) in
                let select = try PreparedStatement(reader.db, "SELECT count(*) FROM keys")
                defer { select.reset() }
                return try select.step() ? Int(select.integer(0)) : -1
            }
        }
        var counts: [Int] = []
        for _ in 0..<4 {
            try fixture.apply(.ownerBack(epoch: firstEpoch, principal: People.bo.id))
            counts.append(try count())
        }
        #expect(counts == [6, 2, 0, 0])
    }

    @Test func aContactsKeyDoesNotExpire() throws {
        let fixture = try ShardFixture()
        let first = try fixture.act(People.mail, newCase(), key: "<m@example.org>")
        fixture.log.now = noon + .days(400)
        let again = try fixture.act(People.mail, newCase(), key: "<m@example.org>")
        #expect(first == again)
        #expect(fixture.store.state.count(.new) == 1)
    }

    @Test func digestsWithOnePrefixAreTold() throws {
        let fixture = try ShardFixture()
        let prefix: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        let digests = try (UInt8(0)..<3).map { last in
            try #require(SHA256Digest(bytes: prefix + [UInt8](repeating: last, count: 24)))
        }
        let hash = SHA256Digest(hashing: [])
        let found = try fixture.store.file.write { db throws(StoreError) in
            let table = try KeyTable(db, name: "keys")
            for (offset, digest) in digests.dropLast().enumerated() {
                try table.remember(
                    .claimed(caseID: CaseID(rawValue: UInt64(offset))),
                    digest: digest,
                    requestHash: hash,
                    at: noon,
                    index: LogIndex(UInt64(offset) + 1)
                )
            }
            return try digests.map { digest throws(StoreError) in
                try table.lookUp(digest, requestHash: hash)
            }
        }
        #expect(
            found == [
                .remembered(.claimed(caseID: CaseID(rawValue: 0))),
                .remembered(.claimed(caseID: CaseID(rawValue: 1))), .unknown,
            ]
        )
    }

    @Test func aClaimLeadsToItsCase() throws {
        let fixture = try ShardFixture()
        let channel = People.mail.id
        let hash = SHA256Digest(hashing: [1])
        let key = "<a@example.org>"
        let claim = ShardCommand.claim(key: key, channel: channel, contentHash: hash)
        #expect(try fixture.apply(claim) == .claimed(caseID: nil))
        #expect(try fixture.apply(claim) == .claimed(caseID: nil))
        let made = try fixture.succeed(People.mail, newCase())
        let other = try fixture.succeed(People.mail, newCase("Another"))
        let record = ShardCommand.recordClaim(key: key, channel: channel, caseID: made.id)
        #expect(try fixture.apply(record) == .claimed(caseID: made.id))
        // The first record stands.
        let late = ShardCommand.recordClaim(key: key, channel: channel, caseID: other.id)
        #expect(try fixture.apply(late) == .claimed(caseID: made.id))
        fixture.log.now = noon + .days(400)
        #expect(try fixture.apply(claim) == .claimed(caseID: made.id))
        let changed = ShardCommand.claim(
            key: key,
            channel: channel,
            contentHash: SHA256Digest(hashing: [2])
        )
        #expect(try fixture.apply(changed) == .refused(.keyReused))
        let unknown = ShardCommand.recordClaim(key: "<b>", channel: channel, caseID: made.id)
        #expect(try fixture.apply(unknown) == .refused(.notFound))
        let found = try fixture.store.read { reader throws(StoreError) in
            try reader.claim(key: key, channel: channel)
        }
        #expect(found?.caseID == made.id)
    }

    @Test func aClaimsKeyIsBounded() throws {
        let fixture = try ShardFixture()
        let hash = SHA256Digest(hashing: [])
        let long = String(repeating: "k", count: StoreLimits.claimKeyBytesMax + 1)
        let channel = People.mail.id
        #expect(
            try fixture.apply(.claim(key: long, channel: channel, contentHash: hash))
                == .refused(.tooLong(field: "key", limit: UInt32(StoreLimits.claimKeyBytesMax)))
        )
        #expect(
            try fixture.apply(.claim(key: "", channel: channel, contentHash: hash))
                == .refused(.missing(field: "key"))
        )
    }
}
