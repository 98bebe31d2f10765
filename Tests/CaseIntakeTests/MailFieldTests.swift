import CaseIntake
import ClusterPrimitives
import Testing

/// Single fields of mails, as right, wrong and hostile as they come.
struct MailFieldTests {
    @Test(arguments: [
        ("Anna <Anna@Example.COM>", "Anna", "anna@example.com"),
        ("anna@example.com (Anna A)", "Anna A", "anna@example.com"),
        ("Svensson, Anna <a@b.se>", "Svensson, Anna", "a@b.se"),
        ("=?utf-8?Q?Svensson=2C_=C3=85sa?= <a@b.se>", "Svensson, Åsa", "a@b.se"),
        ("\"=?UTF-8?B?w4VzYQ==?=\" <a@b.se>", "Åsa", "a@b.se"),
        ("=?utf-8?Q?a=22b?= <a@b.se>", "a\"b", "a@b.se"),
        ("=?UTF-8?B?w4VzYSA=?=\n =?UTF-8?B?w5ZiZXJn?= <a@b.se>", "Åsa Öberg", "a@b.se"),
        ("\"Anna\" <a@b.se", "Anna", "a@b.se"),
        ("\"Anna, B\" a@b.se", "Anna B", "a@b.se"),
        ("[mailto:x@y.se]", "x@y.se", "x@y.se"),
        ("Team: a@b.se, c@d.se;", "a@b.se", "a@b.se"),
        ("<@r1,@r2:a@b.se>", "a@b.se", "a@b.se"),
        ("anna@räksmörgås.se", "anna@räksmörgås.se", "anna@räksmörgås.se"),
        ("MAILER-DAEMON (Mail Delivery System)", "mailer-daemon", "mailer-daemon"),
        ("\u{202E}Anna\u{7} <a@b.se>", "Anna", "a@b.se"),
    ])
    func senders(from: String, name: String, address: String) throws {
        let contact = try MailParser.parse(Fixtures.simple(from: from))
        #expect(contact.sender.displayName == name)
        #expect(contact.sender.address == ContactAddress(kind: .email, value: address))
        #expect(!contact.sender.isVerified)
    }

    @Test(arguments: [
        ("From: <>\nSender: s@x.se\nReply-To: r@x.se\n\n", "s@x.se"),
        ("From: Anna\nReply-To: r@x.se\n\n", "r@x.se"),
        ("From:\nReturn-Path: <p@x.se>\n\n", "p@x.se"),
        ("broken line\nFROM : f@x.se\n\n", "f@x.se"),
        ("\n\nFrom: f@x.se", "f@x.se"),
        ("From a@b Mon Mar  2 08:15:30 2026\nFrom: f@x.se", "f@x.se"),
        ("\u{FEFF}From: f@x.se\r\n\r\ntext", "f@x.se"),
        ("Subject: x\r\nFrom:\r\n f@x.se\r\n", "f@x.se"),
    ])
    func fallbacks(text: String, address: String) throws {
        #expect(try MailParser.parse(Array(text.utf8)).sender.address.value == address)
    }

    @Test(arguments: [
        "", "\n", "Subject: x\n\nFrom: a@b.se", "From:\n\n", "From: <>\n",
        "From: @\nSender: Anna B\n",
        "From\n: a@b.se\n", "To: a@b.se\n\n",
    ])
    func withoutSenderIsRefused(text: String) {
        #expect(throws: IntakeError.noSender) { try MailParser.parse(Array(text.utf8)) }
    }

    @Test func recipientsChooseTheQueueInOrder() throws {
        let contact = try MailParser.parse(
            Fixtures.mail(
                """
                Delivered-To: Inbox@Example.com
                X-Original-To: faktura@example.com
                From: a@b.se
                To: "Support" <support@example.com>, undisclosed-recipients:;
                Cc: FAKTURA@example.com, root, c@d.se

                """
            )
        )
        let expected = [
            "faktura@example.com", "inbox@example.com", "support@example.com", "c@d.se",
        ]
        #expect(contact.recipients.map(\.value) == expected)
    }

    @Test(arguments: [
        ("Subject: =?UTF-8?Q?F=C3=B6rs=C3=A4ndelse?=", "Försändelse"),
        ("Subject: =?utf-8?B?w6U=?= =?utf-8?B?w6Q=?=", "åä"),
        ("Subject: =?utf-8?B?w6U=?= x =?utf-8?B?w6Q=?=", "å x ä"),
        ("Subject: =?utf-8?Q?=C3?= =?utf-8?Q?=A5?=", "å"),
        ("Subject: =?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "日本語"),
        ("Subject: =?no-such-set?Q?ok=E5?=", "okå"),
        ("Subject: =?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("Subject: =?utf-8?Q?not closed", "=?utf-8?Q?not closed"),
        ("Subject: raw Försändelse", "raw Försändelse"),
        ("Subject: folded\n\tover\n  lines", "folded over lines"),
        ("Subject:   ", "(no subject)"),
        ("X-Other: x", "(no subject)"),
        ("Subject: a\u{0}b\u{7}c", "abc"),
    ])
    func subjects(header: String, title: String) throws {
        #expect(try MailParser.parse(Fixtures.simple(header)).title == title)
    }

    @Test func rawLatinSubject() throws {
        let bytes = Array(latin: "From: a@b.se\nSubject: Räkning på väg\n\nHej då, Åsa")
        let contact = try MailParser.parse(bytes)
        #expect(contact.title == "Räkning på väg")
        #expect(contact.text == "Hej då, Åsa")
    }

    @Test(arguments: [
        ("Mon, 2 Mar 2026 08:15:30 +0100", "2026-03-02T07:15:30.000Z"),
        ("2 Mar 26 08:15 GMT", "2026-03-02T08:15:00.000Z"),
        ("Mon, 2 Mar 2026 08:15:30 -0730 (comment (nested))", "2026-03-02T15:45:30.000Z"),
        ("Mon Mar  2 08:15:30 2026", "2026-03-02T08:15:30.000Z"),
        ("Thu, 29 Feb 2024 23:59:60 EST", "2024-03-01T04:59:59.000Z"),
        ("02-Mar-2026 08:15:30 +0000", "2026-03-02T08:15:30.000Z"),
        ("2026-03-02T08:15:30.5+01:00", "2026-03-02T07:15:30.500Z"),
        ("Thu, 29 Feb 2026 10:00:00 +0000", nil),
        ("Mon, 2 Mar 2026 25:15:30 +0100", nil),
        ("yesterday", nil),
        ("", nil),
    ])
    func dates(text: String, expected: String?) throws {
        let contact = try MailParser.parse(Fixtures.simple("Date: \(text)"))
        #expect(contact.sentAt?.description == expected)
    }

    @Test func threading() throws {
        let contact = try MailParser.parse(
            Fixtures.simple(
                """
                Message-ID:
                 <Own@x>
                References: <root@x> (comment) <a@x>
                \t<b@x><broken
                 id@x>
                In-Reply-To: Anna's message of today <a@x> <last@x> <Own@x>
                """
            )
        )
        #expect(contact.externalKey == "Own@x")
        #expect(contact.references == ["root@x", "a@x", "b@x", "brokenid@x", "last@x"])
    }

    /// Without a believable id of its own a mail is known by its bytes.
    @Test(arguments: [
        "X: y", "Message-ID: <>", "Message-ID: two words", "Message-ID: <sha256:00>",
        "Message-ID: <å>",
    ])
    func keyIsTheDigest(header: String) throws {
        let bytes = Fixtures.simple(header)
        let contact = try MailParser.parse(bytes)
        #expect(contact.externalKey == "sha256:\(SHA256Digest(hashing: bytes))")
    }

    @Test func manyReferencesKeepRootAndNewest() throws {
        let ids = (0..<500).map { "<\($0)@x>" }.joined(separator: "\n ")
        let contact = try MailParser.parse(Fixtures.simple("References: \(ids)"))
        #expect(contact.references.count == IntakeLimits.referencesMax)
        #expect(contact.references.first == "0@x")
        #expect(contact.references[1] == "401@x")
        #expect(contact.references.last == "499@x")
    }

    @Test func caseInTheSubject() throws {
        let id = CaseID(tick: 3_000_000_000, shard: ShardID(7), sequence: 12)
        for subject in [
            "Re: [Case \(id)] x", "SV: [ärende #\("\(id)".lowercased())]", "[x] [case: \(id)]",
        ] {
            let contact = try MailParser.parse(Fixtures.simple("Subject: \(subject)"))
            #expect(contact.caseIDHint == id, "\(subject)")
        }
        var wrong = Array("\(id)")
        wrong[3] = wrong[3] == "0" ? "1" : "0"
        for subject in ["[Case \(String(wrong))]", "[Case 12]", "Case \(id)", "[Case"] {
            let contact = try MailParser.parse(Fixtures.simple("Subject: \(subject)"))
            #expect(contact.caseIDHint == nil, "\(subject)")
        }
    }

    @Test(arguments: [
        ("Auto-Submitted: auto-replied", IncomingContact.AutomaticKind.autoReply),
        ("Auto-Submitted: auto-generated (cron)", .autoReply),
        ("Auto-Submitted: no", .none),
        ("X-Auto-Response-Suppress: All", .autoReply),
        ("X-Auto-Response-Suppress: None", .none),
        ("X-Autoreply: yes", .autoReply),
        ("Precedence: auto_reply", .autoReply),
        ("Precedence: bulk", .list),
        ("Precedence: LIST", .list),
        ("List-Id: <news.example.com>", .list),
        ("Return-Path: <>", .autoReply),
        ("Return-Path: <a@b.se>", .none),
        ("X-Failed-Recipients: a@b.se", .bounce),
        ("Content-Type: multipart/report; boundary=b; report-type=delivery-status", .bounce),
        (
            "Content-Type: multipart/report; boundary=b; report-type=disposition-notification",
            .autoReply
        ),
        ("Subject: Out of office", .none),
    ])
    func automatic(header: String, kind: IncomingContact.AutomaticKind) throws {
        let bytes = Fixtures.simple(header, body: "--b\n\ntext\n--b--\n")
        #expect(try MailParser.parse(bytes).automatic == kind)
    }

    @Test func nullPathFromAMailSystemIsABounce() throws {
        let bytes = Fixtures.simple("Return-Path: <>", from: "MAILER-DAEMON@example.com")
        #expect(try MailParser.parse(bytes).automatic == .bounce)
    }

    @Test(arguments: [
        ("Hej, jag har inte fått min faktura och undrar varför.", "sv"),
        ("Hello, I have not received the invoice and would like to know why.", "en"),
        ("12345", nil),
    ])
    func language(text: String, expected: String?) throws {
        #expect(try MailParser.parse(Fixtures.simple(body: text)).language == expected)
    }
}
