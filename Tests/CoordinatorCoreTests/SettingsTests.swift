import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct SettingsTests {
    @Test func theTableAndItsDefaults() {
        let rendered = ClusterSettings().rendered.map { "\($0.name)=\($0.value)" }
        #expect(
            rendered == [
                "reopen-window=7d", "night=02:00", "zone=Etc/UTC", "key-retention=1d",
                "feed-retention=7d", "default-queue=default", "country-code=",
            ]
        )
        let descriptions = ClusterSettings.descriptions
        #expect(descriptions.map { "\($0.name)=\($0.defaultValue)" } == rendered)
        #expect(descriptions.allSatisfy { !$0.form.isEmpty && !$0.purpose.isEmpty })
    }

    @Test func setAndReset() throws {
        var cluster = TestCluster.founded()
        cluster.must(
            .setSettings([
                NamedValue("reopen-window", "10s"), NamedValue("night", "every 5s"),
                NamedValue("zone", "Europe/Stockholm"), NamedValue("key-retention", "48h"),
                NamedValue("feed-retention", "1h"), NamedValue("country-code", "46"),
            ])
        )
        let settings = cluster.state.settings
        #expect(settings.reopenWindow == .seconds(10))
        #expect(settings.night == .every(seconds: 5))
        #expect(settings.zone == "Europe/Stockholm")
        #expect(settings.keyRetention == .days(2))
        #expect(settings.value(of: "feed-retention") == "1h")
        #expect(settings.countryCode == "46")
        #expect(settings.value(of: "nothing") == nil)
        #expect(try ClusterSettings(decoding: settings.encodedBytes) == settings)
        #expect(try cluster.reloaded().settings == settings)
        cluster.must(.setSettings([NamedValue("night", "")]))
        #expect(cluster.state.settings.night == .daily(minute: 120))
        #expect(cluster.state.settings.reopenWindow == .seconds(10))
    }

    @Test(arguments: [
        ("reopen-window", "0s"), ("reopen-window", "366d"), ("reopen-window", "soon"),
        ("reopen-window", "-1s"), ("night", "24:00"), ("night", "2:00"), ("night", "02:60"),
        ("night", "every 0s"), ("night", "every 1500ms"), ("night", "every 8d"),
        ("night", "every"), ("night", "0a:00"), ("zone", "../etc/passwd"), ("zone", "/etc"),
        ("zone", "Europe/Sto ckholm"), ("key-retention", "23h"), ("feed-retention", "91d"),
        ("default-queue", "a b"), ("country-code", "046"), ("country-code", "4a"),
        ("country-code", "1234"),
    ])
    func badValuesNameTheSetting(name: String, value: String) {
        var cluster = TestCluster.founded()
        let pairs = [NamedValue("reopen-window", "10s"), NamedValue(name, value)]
        let refusal = cluster.apply(.setSettings(pairs)).refusal
        guard case .invalid(let field, let reason) = refusal else {
            Issue.record("\(name)=\(value): \(String(describing: refusal))")
            return
        }
        #expect(field == name && reason.hasPrefix("takes "))
        #expect(cluster.state.settings == ClusterSettings())
    }

    @Test func unknownNamesAndQueues() {
        var cluster = TestCluster.founded()
        let name = cluster.apply(.setSettings([NamedValue("nihgt", "02:00")])).refusal
        #expect(name == .notFound(field: "setting", id: "nihgt"))
        let queue = cluster.apply(.setSettings([NamedValue("default-queue", "x")])).refusal
        #expect(queue == .notFound(field: "default-queue", id: "x"))
        let many = [NamedValue](repeating: NamedValue("night", ""), count: 65)
        #expect(
            cluster.apply(.setSettings(many)).refusal == .tooMany(field: "settings", limit: 64)
        )
    }

    @Test func anotherDefaultQueueTakesWhatNobodyClaims() {
        var cluster = TestCluster.founded()
        cluster.must(
            .putQueue(WorkQueue(id: QueueID("inbox"), team: TeamID("default"))),
            .setSettings([NamedValue("default-queue", "inbox")]),
            .removeQueue(QueueID("default"))
        )
        let facts = cluster.state.queueFacts(forRecipients: [], channel: .email)
        #expect(facts?.id.rawValue == "inbox")
        let back = cluster.apply(.setSettings([NamedValue("default-queue", "")])).refusal
        #expect(back == .notFound(field: "default-queue", id: "default"))
    }

    @Test func schedulesReadWhatTheyWrite() {
        for minute in 0..<1_440 {
            let schedule = NightSchedule.daily(minute: minute)
            #expect(NightSchedule(schedule.description) == schedule)
        }
        for seconds in [1, 5, 60, 90, 3_600, 86_400, 604_800] as [Int64] {
            let schedule = NightSchedule.every(seconds: seconds)
            #expect(NightSchedule(schedule.description) == schedule)
        }
    }
}

@Suite struct NameTests {
    /// The shards compare owners as strings, which is canonical equivalence: no two ids may be
    /// equivalent.
    @Test func noTwoAllowedScalarsAreEquivalent() {
        var seen: Set<String> = []
        var count = 0
        for range in IDText.ranges {
            for value in range {
                guard let scalar = Unicode.Scalar(value) else { continue }
                count += 1
                seen.insert(String(Character(scalar)))
                // No combining mark: nothing composes across letters.
                #expect(scalar.properties.canonicalCombiningClass == .notReordered)
            }
        }
        #expect(seen.count == count)
    }

    @Test func equivalentIDsAreRefused() {
        var cluster = TestCluster.founded()
        let composed = cluster.apply(.putTeam(Team(id: TeamID("k\u{F6}")))).refusal
        #expect(composed == nil)
        let split = cluster.apply(.putTeam(Team(id: TeamID("ko\u{308}")))).refusal
        guard case .invalid(let field, _) = split else {
            Issue.record("\(String(describing: split))")
            return
        }
        #expect(field == "team.id")
        // Looked up byte for byte, so that the row named is the row there is.
        let missing = cluster.apply(.removeTeam(TeamID("ko\u{308}"))).refusal
        #expect(missing == .notFound(field: "team.id", id: "ko\u{308}"))
    }

    @Test func contactForms() {
        #expect(ContactURI.mail("Anna@Example.COM") == "mailto:anna@example.com")
        #expect(ContactURI.mail("\u{E5}@x") == "mailto:%C3%A5@x")
        #expect(ContactURI.mail("a%b@x") == "mailto:a%25b@x")
        for bad in ["", "a", "@x", "a@", "a@b@c", "a b@x", "<a@x>", "a@x\r\n", "a,b@x"] {
            #expect(ContactURI.mail(bad) == nil, "\(bad)")
        }
        #expect(ContactURI.mail(String(repeating: "a", count: 320) + "@x") == nil)
        #expect(ContactURI.phone("+46 (0)8") == nil)
        #expect(ContactURI.phone("+46 8-12.34") == "tel:+4681234")
        for bad in ["", "+", "46812345", "+0123456", "+1234", "+1234567890123456", "+46a", "4+6"] {
            #expect(ContactURI.phone(bad) == nil, "\(bad)")
        }
        #expect(ContactURI.visitor("") == nil)
        #expect(ContactURI.recipient("shop", on: .chat) == "widget:shop")
        #expect(ContactURI.recipient("shop", on: .email) == nil)
    }

    @Test(arguments: [
        "a@b", "\u{E5}%41@b", "50%@b", "+4681234567", "widget:a b", "widget:%", "visitor:\u{E5}",
        "MAILTO:A@B", "mailto:a%C3%A5@b", "TEL:+46-812345",
    ])
    func normalisingTwiceChangesNothing(text: String) throws {
        let once = try #require(ContactURI.normalized(text))
        #expect(ContactURI.normalized(once) == once)
        #expect(once.utf8.allSatisfy { $0 < 0x80 })
    }
}
