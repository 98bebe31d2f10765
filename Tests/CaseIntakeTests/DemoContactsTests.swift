import CaseIntake
import ClusterPrimitives
import Testing

/// The contacts that the product ships for demonstrations are read as their names say.
struct DemoContactsTests {
    struct Expectation: Sendable, CustomStringConvertible {
        var file: String
        var title: String
        var sender: String
        var recipient: String
        var language: String?
        var automatic = IncomingContact.AutomaticKind.none
        var textEnd: String
        var description: String { file }
    }

    static let mails: [Expectation] = [
        .init(
            file: "01-broadband-outage.eml",
            title: "No broadband since yesterday evening",
            sender: "Maria Lindqvist",
            recipient: "support@example.com",
            language: "en",
            textEnd: "Kind regards\nMaria Lindqvist"
        ),
        .init(
            file: "02-fraga-om-faktura.eml",
            title: "Fråga om faktura 3045581",
            sender: "Åsa Öberg",
            recipient: "faktura@example.com",
            language: "sv",
            textEnd: "Vänliga hälsningar\nÅsa Öberg\nKundnummer 5127-330"
        ),
        .init(
            file: "03-broadband-outage-reply.eml",
            title: "Re: No broadband since yesterday evening",
            sender: "Maria Lindqvist",
            recipient: "support@example.com",
            language: "en",
            textEnd: "the door code is the same as in your records.\n\nMaria"
        ),
        .init(
            file: "04-warranty-html-only.eml",
            title: "Warranty for a router bought in October",
            sender: "Whitfield, James",
            recipient: "support@example.com",
            language: "en",
            textEnd: "James Whitfield\n+44 20 7946 0018"
        ),
        .init(
            file: "05-kvitto-med-bilaga.eml",
            title: "Betalat dubbelt – kvitto bifogas",
            sender: "Johan Stål",
            recipient: "faktura@example.com",
            language: "sv",
            textEnd: "Skickat från min iPhone"
        ),
        .init(
            file: "06-vacation-auto-reply.eml",
            title: "Frånvarande: Angående er beställning",
            sender: "Karin Sjögren",
            recipient: "support@example.com",
            language: "sv",
            automatic: .autoReply,
            textEnd: "Karin Sjögren"
        ),
        .init(
            file: "07-bounce-mailbox-full.eml",
            title: "Undelivered Mail Returned to Sender",
            sender: "Mail Delivery System",
            recipient: "support@example.com",
            language: "en",
            automatic: .bounce,
            textEnd: "<per.nilsson@kund.example>: mailbox is full"
        ),
        .init(
            file: "08-fraga-om-faktura-svar.eml",
            title: "Sv: Fråga om faktura 3045581",
            sender: "Åsa Öberg",
            recipient: "faktura@example.com",
            language: "sv",
            textEnd: "dra inget där innan fakturan är rättad.\n\nÅsa"
        ),
        .init(
            file: "09-cancel-subscription-no-subject.eml",
            title: "(no subject)",
            sender: "d.moreau@mail.example",
            recipient: "support@example.com",
            language: "en",
            textEnd: "Danielle Moreau, customer 4410-119"
        ),
    ]

    @Test(arguments: mails)
    func mail(expected: Expectation) throws {
        let contact = try MailParser.parse(Fixtures.demo(expected.file))
        #expect(contact.title == expected.title)
        #expect(contact.sender.displayName == expected.sender)
        #expect(contact.recipients.first?.value == expected.recipient)
        #expect(contact.language == expected.language)
        #expect(contact.automatic == expected.automatic)
        #expect(contact.text.hasSuffix(expected.textEnd))
        #expect(contact.sentAt != nil)
        #expect(contact.details.isEmpty)
    }

    @Test func answersNameWhatTheyAnswer() throws {
        let outage = try MailParser.parse(Fixtures.demo("01-broadband-outage.eml"))
        let answer = try MailParser.parse(Fixtures.demo("03-broadband-outage-reply.eml"))
        #expect(answer.references == [outage.externalKey])
        let invoice = try MailParser.parse(Fixtures.demo("02-fraga-om-faktura.eml"))
        let further = try MailParser.parse(Fixtures.demo("08-fraga-om-faktura-svar.eml"))
        #expect(further.references == [invoice.externalKey])
        let bounce = try MailParser.parse(Fixtures.demo("07-bounce-mailbox-full.eml"))
        #expect(bounce.references == ["case-reply-1177@example.com"])
    }

    @Test func theAttachmentHasItsWholeName() throws {
        let contact = try MailParser.parse(Fixtures.demo("05-kvitto-med-bilaga.eml"))
        #expect(
            contact.attachments.map(\.fileName) == [
                "kvitto betalning 27 februari återbetalning.png"
            ]
        )
    }

    @Test func mailbox() throws {
        var splitter = MboxSplitter()
        let items =
            splitter.append(try Fixtures.demo("10-weekend-mailbox.mbox")) + splitter.finish()
        let contacts = try items.map { item in
            guard case .message(let bytes) = item else { throw IntakeError.noSender }
            return try MailParser.parse(bytes)
        }
        #expect(
            contacts.map(\.externalKey) == [
                "w1@post.example", "w2@mail.example", "w3@leverantor.example",
            ]
        )
        #expect(contacts.map(\.automatic) == [.none, .none, .list])
        #expect(contacts.first?.title == "Långsamt på kvällarna")
        #expect(contacts.first?.text.contains("\n\nFrån måndag") == false)
        #expect(contacts.first?.text.contains("\n\nFrom måndag till onsdag") == true)
    }

    @Test func chats() throws {
        let first = try ChatParser.parse(Fixtures.demo("11-chat-move-house.json"))
        #expect(first.sender.address.value == "priya.nair@mail.example")
        #expect(first.sender.isVerified)
        #expect(first.language == "en")
        #expect(first.text.contains("[12:04:02] Priya Nair (visitor): Storgatan 18 B in Lund."))
        let second = try ChatParser.parse(
            Fixtures.demo("12-chatt-router-lampa.json"),
            countryCode: "46"
        )
        #expect(second.sender.address == ContactAddress(kind: .phone, value: "+46701740605"))
        #expect(second.title == "Röd lampa på routern")
        #expect(second.text.hasPrefix("[12:20:00] Lars (visitor): Hej"))
    }

    @Test func calls() throws {
        let first = try CallParser.parse(Fixtures.demo("13-call-technician-appointment.json"))
        #expect(
            first.sender
                == ContactSender(
                    displayName: "Brf Eken",
                    address: ContactAddress(kind: .phone, value: "+46846500425"),
                    isVerified: false
                )
        )
        #expect(first.title == "Technician did not come")
        let second = try CallParser.parse(
            Fixtures.demo("14-samtal-dolt-nummer.json"),
            countryCode: "46"
        )
        #expect(second.sender.displayName == "Withheld number")
        #expect(second.recipients.map(\.value) == ["+46846500400"])
        #expect(second.language == "sv")
    }
}
