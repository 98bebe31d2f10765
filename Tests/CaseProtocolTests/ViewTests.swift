import CaseModel
import CaseProtocol
import ClusterPrimitives
import SwiftProtobuf
import Testing

@Suite struct ViewTests {
    private static let mark = "INTERNAL-MARK"
    private static let other = CaseID(tick: 9, shard: ShardID(1), sequence: 2)

    /// A case with a mark wherever staff write for each other.
    private func marked(_ status: CaseStatus = .parked) -> CaseRecord {
        let mark = Self.mark
        var record = CaseRecord(
            id: Fixture.caseID,
            requester: Requester(principal: Fixture.requester.id, name: "Rolf"),
            queue: QueueID("billing"),
            team: TeamID("first"),
            at: Timestamp(rawValue: 1_000)
        )
        record.status = status
        record.tags = [mark]
        record.fields = [NamedValue(mark, mark)]
        record.links = [
            CaseLink(kind: .relatedTo, other: Self.other),
            CaseLink(kind: .followUpOf, other: Fixture.caseID),
        ]
        record.escalation = Escalation(
            by: PrincipalID(mark),
            reason: mark,
            target: .queue(QueueID(mark))
        )
        record.parkedReason = mark
        record.pendingReason = .external(party: mark, reason: mark)
        record.dueAt = Timestamp(rawValue: 77)
        record.owner = PrincipalID("anna")
        return record
    }

    @Test(arguments: CaseStatus.allCases)
    func aRequesterGetsNothingThatStaffWroteForEachOther(status: CaseStatus) throws {
        let shown = PBCase(marked(status), forStaff: false)
        #expect(!(try shown.jsonString()).contains(Self.mark))
        #expect(shown.tags.isEmpty && shown.fields.isEmpty)
        #expect(shown.links.map(\.caseID) == [Fixture.caseID.description])
        #expect(!shown.hasEscalation && !shown.hasExternalWait && shown.parkedReason.isEmpty)
        #expect(shown.dueAt == (status == .resolved ? 77 : 0))
        #expect(shown.owner == "anna" && shown.status == PBCaseStatus(status))
    }

    @Test func staffGetAllOfIt() {
        let mark = Self.mark
        let shown = PBCase(marked(), forStaff: true)
        #expect(shown.tags == [mark] && shown.fields.map(\.value) == [mark])
        #expect(shown.links.count == 2 && shown.dueAt == 77)
        #expect(shown.escalation.by == mark && shown.escalation.target.queue == mark)
        #expect(shown.parkedReason == mark)
        #expect(shown.externalWait.party == mark && shown.externalWait.reason == mark)
    }

    private func entry(_ event: CaseEvent) -> PBEntry {
        PBEntry(
            event,
            EntryContext(
                number: 3,
                version: 2,
                at: Timestamp(rawValue: 50),
                actor: PrincipalID("anna"),
                role: .agent,
                isStaffOnly: event.isStaffOnly,
                hasRaw: true
            )
        )
    }

    @Test func anEntryCarriesItsContext() {
        let found = entry(.noteAdded(text: "n", interaction: nil))
        #expect(found.number == 3 && found.version == 2 && found.at == 50)
        #expect(found.actor == "anna" && found.role == .agent)
        #expect(found.staffOnly && found.hasRaw_p)
    }

    @Test func everyEventBecomesAnEntry() {
        let anna = PrincipalID("anna")
        let facts = QueueFacts(id: QueueID("b"), team: TeamID("t"))
        let message = CaseMessage(text: "m")
        let interaction = Interaction(channel: .chat, externalKey: "k")
        let new = NewCase(
            title: "t",
            requester: Requester(principal: anna),
            channel: .api,
            firstMessage: message,
            queue: facts
        )
        let at = Timestamp(rawValue: 86_400_000)
        let table:
            [(CaseEvent, PBEntryKind, text: String, field: String, from: String, to: String)] =
                [
                    (.created(new), .created, "m", "", "", ""),
                    (.commentAdded(message, byThirdParty: false), .comment, "m", "", "", ""),
                    (
                        .commentAdded(CaseMessage(text: "m", from: "x@y"), byThirdParty: true),
                        .comment, "m", "third-party", "x@y", ""
                    ),
                    (.noteAdded(text: "n", interaction: nil), .note, "n", "", "", ""),
                    (.interactionAttached(interaction, text: "i"), .interaction, "i", "", "", ""),
                    (
                        .statusChanged(from: .new, to: .open, action: .accept, reason: "r"),
                        .status,
                        "r", "status", "new", "open"
                    ),
                    (
                        .ownerChanged(from: nil, to: anna, role: .agent), .assignment, "", "owner",
                        "", "anna"
                    ),
                    (
                        .queueChanged(from: QueueID("a"), to: facts), .assignment, "", "queue", "a",
                        "b"
                    ),
                    (
                        .escalated(Escalation(by: anna, reason: "r", target: .team(TeamID("t")))),
                        .status, "r", "escalation", "", "team:t"
                    ),
                    (
                        .parked(reason: "r", until: at), .status, "r", "parked", "",
                        "1970-01-02T00:00:00.000Z"
                    ),
                    (.parked(reason: "r", until: nil), .status, "r", "parked", "", ""),
                    (.waiting(.requester), .status, "", "waiting", "", "requester"),
                    (
                        .waiting(.external(party: "p", reason: "r")), .status, "r", "waiting", "",
                        "p"
                    ),
                    (.assignedFrom(.escalated), .assignment, "", "assigned-from", "", "escalated"),
                    (.declined(by: anna), .assignment, "", "declined-by", "", "anna"),
                    (
                        .resolved(at: .zero, dueAt: at), .status, "", "resolved",
                        "1970-01-01T00:00:00.000Z", "1970-01-02T00:00:00.000Z"
                    ),
                    (.reopened, .status, "", "reopened", "", ""),
                    (
                        .fieldChanged(name: "title", from: "a", to: "b"), .field, "", "title", "a",
                        "b"
                    ),
                    (.tagChanged(tag: "t", added: true), .field, "", "tag", "", "t"),
                    (.tagChanged(tag: "t", added: false), .field, "", "tag", "t", ""),
                    (
                        .linked(CaseLink(kind: .relatedTo, other: Self.other)), .field, "",
                        "related-to", "", Self.other.description
                    ),
                    (
                        .surveySubmitted(Survey(rating: 4, text: "s")), .survey, "s", "rating", "",
                        "4"
                    ),
                    (.erased(reason: "r"), .erased, "r", "", "", ""),
                ]
        for (event, kind, text, field, from, to) in table {
            let found = entry(event)
            #expect(found.kind == kind, "\(event)")
            #expect(found.text == text && found.field == field, "\(event)")
            #expect(found.from == from && found.to == to, "\(event)")
        }
        #expect(entry(table[5].0).action == "accept")
    }

    @Test func aContactIsShownWithItsEntry() {
        let attachment = CaseModel.Attachment(
            fileName: "a.png",
            mediaType: "image/png",
            byteCount: 7,
            digest: SHA256Digest(hashing: [1])
        )
        let interaction = Interaction(
            channel: .email,
            externalKey: "id@host",
            sentAt: Timestamp(rawValue: 86_400_000),
            info: [NamedValue("from", "x@y")],
            attachments: [attachment],
            raw: [1, 2, 3]
        )
        let found = entry(
            .commentAdded(CaseMessage(text: "m", interaction: interaction), byThirdParty: false)
        )
        #expect(found.interaction.map(\.name) == ["channel", "key", "sent-at", "from"])
        #expect(found.interaction.map(\.value).first == "email")
        #expect(found.attachments.map(\.fileName) == ["a.png"])
        #expect(Array(found.attachments[0].sha256) == attachment.digest.bytes)
        #expect(found.attachments[0].byteCount == 7)
    }

    @Test func aReceiptCarriesTheKeyThatWasUsed() {
        let receipt = CaseReceipt(
            id: Fixture.caseID,
            version: 4,
            status: .open,
            owner: PrincipalID("anna"),
            at: Timestamp(rawValue: 9)
        )
        let found = PBReceipt(receipt, key: "k")
        #expect(found.caseID == Fixture.caseID.description && found.version == 4)
        #expect(found.status == .open && found.owner == "anna" && found.at == 9)
        #expect(found.idempotencyKey == "k")
    }
}
