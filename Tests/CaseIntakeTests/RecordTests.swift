import CaseIntake
import ClusterPrimitives
import Testing

enum RecordSamples {
    static let chat = """
        {"chatID": "c-81", "widget": "webb-support", "locale": "sv-SE",
         "startedAt": "2026-03-02T08:15:30Z", "endedAt": "2026-03-02T09:20:00+01:00",
         "visitor": {"id": "v1", "name": "Anna Öberg", "email": "Anna@Example.com",
                     "phone": "070-123 45 67", "verified": true},
         "messages": [
           {"at": "2026-03-02T08:15:31Z", "from": "visitor", "text": "Hej!\\nVar är paketet?"},
           {"at": "2026-03-02T08:15:40.250Z", "from": "bot", "name": "Botten",
            "text": "Ett ögonblick"}
         ]}
        """
    static let call = """
        {"callID": "9f1", "direction": "inbound", "callerNumber": "+46 (0)70-123 45 67",
         "dialledNumber": "0771-22 33 44", "agent": "erik", "startedAt": "2026-03-02T08:15:30Z",
         "endedAt": "2026-03-02T08:19:30Z", "durationSeconds": 240,
         "summary": "Wants a new router.",
         "transcript": "Caller: Hello", "recording": "https://recordings.example.com/9f1.ogg"}
        """
}

struct RecordTests {
    @Test func chat() throws {
        let contact = try ChatParser.parse(Array(RecordSamples.chat.utf8), countryCode: "46")
        #expect(contact.channel == .chat)
        #expect(contact.externalKey == "chat:c-81")
        #expect(contact.sender.displayName == "Anna Öberg")
        #expect(contact.sender.address == ContactAddress(kind: .email, value: "anna@example.com"))
        #expect(contact.sender.isVerified)
        #expect(contact.recipients == [ContactAddress(kind: .widget, value: "webb-support")])
        #expect(contact.title == "(no subject)")
        #expect(
            contact.text == """
                [08:15:31] Anna Öberg (visitor): Hej!
                Var är paketet?
                [08:15:40] Botten (bot): Ett ögonblick
                """
        )
        #expect(contact.language == "sv")
        #expect(contact.sentAt?.description == "2026-03-02T08:15:30.000Z")
        #expect(contact.details.map(\.name) == ["widget", "locale", "startedAt", "endedAt"])
    }

    @Test func namelessVisitorIsKnownByTheChat() throws {
        let text = """
            {"chatID": "c1", "widget": "w", "startedAt": "2026-03-02T08:15:30Z", "visitor": {},
             "messages": [{"at": "2026-03-02T08:15:31Z", "from": "visitor", "text": "hi"}]}
            """
        let contact = try ChatParser.parse(Array(text.utf8))
        #expect(contact.sender.address == ContactAddress(kind: .visitor, value: "chat:c1"))
        #expect(!contact.sender.isVerified)
    }

    @Test func call() throws {
        let contact = try CallParser.parse(Array(RecordSamples.call.utf8), countryCode: "46")
        #expect(contact.externalKey == "call:9f1")
        #expect(contact.sender.address == ContactAddress(kind: .phone, value: "+46701234567"))
        #expect(contact.recipients == [ContactAddress(kind: .phone, value: "+46771223344")])
        #expect(contact.text == "Wants a new router.\n\nCaller: Hello")
        #expect(
            contact.details.map { "\($0.name)=\($0.value)" } == [
                "direction=inbound", "startedAt=2026-03-02T08:15:30.000Z",
                "endedAt=2026-03-02T08:19:30.000Z", "durationSeconds=240", "agent=erik",
                "recording=https://recordings.example.com/9f1.ogg",
            ]
        )
    }

    @Test func outboundCallsCustomerIsTheDialled() throws {
        let text = """
            {"callID": "1", "direction": "outbound", "callerNumber": "+46771223344",
             "dialledNumber": "+46701234567", "startedAt": "2026-03-02T08:15:30Z"}
            """
        let contact = try CallParser.parse(Array(text.utf8))
        #expect(contact.sender.address.value == "+46701234567")
        #expect(contact.recipients.map(\.value) == ["+46771223344"])
        #expect(contact.text == "(no text)")
        #expect(contact.fullText.isEmpty)
    }

    @Test func withheldNumberIsAContactAllTheSame() throws {
        let text = """
            {"callID": "1", "direction": "inbound", "callerNumber": "anonymous",
             "dialledNumber": "+46771223344", "startedAt": "2026-03-02T08:15:30Z"}
            """
        let contact = try CallParser.parse(Array(text.utf8))
        #expect(contact.sender.address == ContactAddress(kind: .visitor, value: "call:1"))
        #expect(contact.sender.displayName == "Withheld number")
    }

    /// A piece of a good chat replaced by a bad one, and the field that the refusal names.
    @Test(arguments: [
        ("\"chatID\": \"c-81\", ", "", "chatID: missing"),
        ("\"c-81\"", "\"c 81\"", "chatID: must be 1 to 320 visible ASCII characters"),
        ("\"webb-support\"", "\" \"", "widget: must not be blank"),
        (
            "2026-03-02T08:15:30Z", "2026-03-02",
            "startedAt: must be a time with its zone, such as 2026-03-02T08:15:30Z"
        ),
        (
            "2026-03-02T09:20:00+01:00", "2026-03-02T08:20:00+01:00",
            "endedAt: must not be before startedAt"
        ),
        ("\"visitor\": {", "\"guest\": {", "visitor: missing"),
        ("Anna@Example.com", "Anna", "visitor.email: must be a mail address"),
        ("070-123 45 67", "call me", "visitor.phone: must be a number like +46701234567"),
        ("\"verified\": true", "\"verified\": \"yes\"", "visitor.verified: must be true or false"),
        (
            "2026-03-02T08:15:40.250Z", "08:15",
            "messages[1].at: must be a time with its zone, such as 2026-03-02T08:15:30Z"
        ),
        (
            "\"from\": \"bot\"", "\"from\": \"cat\"",
            "messages[1].from: has a value that is not known"
        ),
        (",\n    \"text\": \"Ett ögonblick\"", "", "messages[1].text: missing"),
        ("\"Ett ögonblick\"", "7", "messages[1].text: must be a text"),
        ("\"Ett ögonblick\"", "null", "messages[1].text: missing"),
    ])
    func chatErrorsNameTheField(old: String, new: String, expected: String) {
        let bytes = Array(RecordSamples.chat.replacing(old, with: new).utf8)
        #expect { try ChatParser.parse(bytes, countryCode: "46") } throws: {
            "\($0)" == expected
        }
    }

    @Test(arguments: [
        ("\"inbound\"", "\"sideways\"", "direction: has a value that is not known"),
        ("+46 (0)70-123 45 67", "+46", "callerNumber: must be a telephone number"),
        ("0771-22 33 44", "", "dialledNumber: missing"),
        ("240", "-1", "durationSeconds: must be 0 to 604800"),
        ("240", "\"240\"", "durationSeconds: must be a number"),
        (
            "https://recordings", "javascript:recordings",
            "recording: must be a URL (https, http or s3) of at most 2048 bytes"
        ),
        ("08:19:30Z", "08:10:30Z", "endedAt: must not be before startedAt"),
    ])
    func callErrorsNameTheField(old: String, new: String, expected: String) {
        let bytes = Array(RecordSamples.call.replacing(old, with: new).utf8)
        #expect { try CallParser.parse(bytes, countryCode: "46") } throws: {
            "\($0)" == expected
        }
    }

    @Test(arguments: ["", "[]", "7", "{", "not json", "{\"chatID\": \"a\"} x"])
    func whatIsNoObject(text: String) {
        #expect(throws: IntakeError.notJSON) { try ChatParser.parse(Array(text.utf8)) }
    }

    @Test func sizesAreLimited() {
        let bytes = [UInt8](repeating: 32, count: IntakeLimits.recordBytesMax + 1)
        #expect(throws: IntakeError.tooLarge(bytes: 1_048_577, limit: 1_048_576)) {
            try CallParser.parse(bytes)
        }
        let nested = Array(String(repeating: "[", count: 500_000).utf8)
        #expect(throws: IntakeError.notJSON) { try ChatParser.parse(nested) }
    }
}
