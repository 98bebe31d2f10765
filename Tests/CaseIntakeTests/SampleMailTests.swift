import CaseIntake
import Testing

/// What real mail programs sent, each read to the end.
@Suite(.enabled(if: Fixtures.hasSamples, "needs the sample mails that CASECLUSTER_SHARED names"))
struct SampleMailTests {
    struct Expectation: Sendable, CustomStringConvertible {
        var file: String
        /// The beginning of the title.
        var title: String
        var name: String
        var address: String
        var key: String?
        var sentAt: String?
        var description: String { file }
    }

    static let expectations: [Expectation] = [
        .init(
            file: "mail_malformed_2.eml",
            title: "Delivery failure (abh@netpar.com.br)",
            name: "postmaster@netpar.com.br",
            address: "postmaster@netpar.com.br",
            key: "B0950073156@apus.netpar.com.br",
            sentAt: "2016-08-22T09:23:36.000Z"
        ),
        .init(
            file: "mail_test_12.eml",
            title: "代开各地增值税发票",
            name: "张先生",
            address: "baoguan@hotmail.com",
            sentAt: "2018-05-13T04:32:22.000Z"
        ),
        .init(
            file: "mail_test_14.eml",
            title: "Test",
            name: "example@example.com",
            address: "example@example.com",
            sentAt: "2019-04-24T08:05:02.000Z"
        ),
        .init(
            file: "mail_test_17.eml",
            title: "Transferencia Interbancaria Banca en Línea",
            name: "notificaccion-clientes@bbva.mx",
            address: "notificaccion-clientes@bbva.mx",
            key: "202210102011.29AKBWwn005317@vps-051e4cda.vps.ovh.net",
            sentAt: "2022-10-10T20:11:32.000Z"
        ),
        .init(
            file: "mail_test_18.eml",
            title: "Test for Comma and Name Bugs",
            name: "LastßlName, FirstName",
            address: "comma.name@example.com",
            sentAt: "2025-11-03T17:23:00.000Z"
        ),
        .init(
            file: "mail_test_9.eml",
            title: "我把镜头拉近些，你们看看",
            name: "xwfcpggy",
            address: "zyb@sgis.com.cn",
            key: "5AF385F77A53C2509D46E44914A76433@ljhw",
            sentAt: "2016-12-26T05:33:31.000Z"
        ),
        .init(
            file: "reply_android.eml",
            title: "Re: Test",
            name: "Sergey Obykhov",
            address: "bob@example.com",
            key: "CAEAsyCZ-sCHxZtoKyM3JmT5gSYpZd5GwY-cVNiV8H329zgJT4g@mail.gmail.com",
            sentAt: "2012-04-02T14:22:10.000Z"
        ),
        .init(
            file: "reply_outlook.eml",
            title: "Test",
            name: "me@example.com",
            address: "me@example.com"
        ),
    ]

    @Test(arguments: expectations)
    func isReadWhole(expected: Expectation) throws {
        let bytes = try Fixtures.sample(expected.file)
        let contact = try MailParser.parse(bytes)
        #expect(contact.title.hasPrefix(expected.title))
        #expect(contact.sender.displayName == expected.name)
        #expect(contact.sender.address == ContactAddress(kind: .email, value: expected.address))
        #expect(contact.externalKey == expected.key ?? "sha256:\(contact.rawDigest)")
        #expect(contact.sentAt?.description == expected.sentAt)
        #expect(contact.rawByteCount == bytes.count)
    }

    /// None is refused, none has an unreadable character, and each has a text to show.
    @Test func allBecomeContacts() throws {
        let samples = try Fixtures.allSamples()
        #expect(samples.count >= 13)
        for (name, bytes) in samples {
            let contact = try MailParser.parse(bytes)
            #expect(!contact.fullText.isEmpty, "\(name)")
            #expect(!contact.recipients.isEmpty, "\(name)")
            #expect(
                !contact.title.contains("\u{FFFD}") && !contact.fullText.contains("\u{FFFD}"),
                "\(name)"
            )
        }
    }

    @Test(arguments: ["gmail", "outlook", "hotmail", "yahoo", "android", "thunderbird", "iphone"])
    func repliesLoseTheirHistory(client: String) throws {
        let contact = try MailParser.parse(Fixtures.sample("reply_\(client).eml"))
        #expect(contact.text == (client == "iphone" ? "Hello\n\nSent from my iPhone" : "Hello"))
        #expect(contact.fullText.count > contact.text.count)
    }

    /// UTF-8 that calls itself GB2312, and an address with a letter outside ASCII.
    @Test func chineseUnderAFalseName() throws {
        let contact = try MailParser.parse(Fixtures.sample("mail_test_12.eml"))
        #expect(contact.text.hasPrefix("你好！我公司可代开各类增值税发票"))
        #expect(contact.recipients.map(\.value) == ["danglüe@email.com", "root@localhost"])
    }

    /// HTML alone, in GBK that calls itself GB2312.
    @Test func chinesePage() throws {
        let contact = try MailParser.parse(Fixtures.sample("mail_test_9.eml"))
        #expect(contact.text.hasPrefix("http://go2buy.com.cn/ 9065\n\n13:33:39 13:33:39\n\n我把镜头"))
        // The subject comes in two encoded words, the first of them padded; the page ends with it.
        #expect(contact.title.count == 30)
        #expect(contact.text.hasSuffix(contact.title))
        #expect(contact.recipients.first?.value == "sherlock@dada.com")
        #expect(contact.recipients.count == 21)
    }

    @Test func deliveryReport() throws {
        let contact = try MailParser.parse(Fixtures.sample("mail_malformed_2.eml"))
        #expect(contact.automatic == .bounce)
        #expect(contact.text.contains("User's mailbox quota exceeded"))
        #expect(contact.references == ["004801d1fc84$01c934ac$b247f0b7$@infospacemail.com"])
        #expect(
            contact.attachments.map(\.mediaType) == [
                "message/delivery-status", "message/rfc822-headers",
            ]
        )
        #expect(contact.attachments.first?.fileName == "DSN57BAC498.txt")
    }

    @Test func mixedTextsAreAllKept() throws {
        let contact = try MailParser.parse(Fixtures.sample("mail_test_14.eml"))
        #expect(contact.fullText == "HTML here\n\nPlaintext here.")
        #expect(contact.attachments.map(\.mediaType) == ["image/png"])
        #expect(contact.attachments.map(\.byteCount) == [8])
    }

    /// An empty plain part beside the HTML that has the words.
    @Test func emptyAlternativeIsNotChosen() throws {
        let contact = try MailParser.parse(Fixtures.sample("mail_test_17.eml"))
        #expect(contact.text == "Test")
    }
}
