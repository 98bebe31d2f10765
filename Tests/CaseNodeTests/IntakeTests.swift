import CaseProtocol
import Foundation
import Testing

@testable import CaseNode

@Suite(.timeLimit(.minutes(2))) struct IntakeTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    private func mail(_ id: String, answering: String? = nil, _ text: String) -> Data {
        let reference = answering.map { "In-Reply-To: <\($0)>\r\nReferences: <\($0)>\r\n" } ?? ""
        let mail =
            "From: Rolf <rolf@example.com>\r\nTo: help@example.com\r\nSubject: The line\r\n"
            + "Message-ID: <\(id)>\r\n\(reference)\r\n\(text)\r\n"
        return Data(mail.utf8)
    }

    private func submit(
        _ node: RunningNode,
        _ mail: Data,
        _ token: String
    ) async throws -> PBSubmitResponse {
        try await node.call("Intake/Submit", PBSubmitRequest.with { $0.mail = mail }, token: token)
    }

    private func found(_ node: RunningNode, _ id: String, _ token: String) async throws -> PBCase {
        try await node.call("Cases/Get", PBGetRequest.with { $0.caseID = id }, token: token)
    }

    /// With one shard every key's home is every case's shard: no step may find another step's result.
    @Test(arguments: [1, 8])
    func eachContactDoesItsThingOnce(shards: Int) async throws {
        let node = try await RunningNode.start(temporary.path + "/data") { $0.shardCount = shards }
        let channel = try await node.add("mailbox", .intake)
        let supervisor = try await node.add("sanna", .supervisor)

        let first = try await submit(node, mail("1@x", "it is dead"), channel)
        #expect(first.outcome == .created && !first.duplicate)
        let answer = mail("2@x", answering: "1@x", "still dead")
        let second = try await submit(node, answer, channel)
        #expect(second.outcome == .commented && second.caseID == first.caseID)
        let version = try await found(node, first.caseID, supervisor).version

        let again = try await submit(node, mail("1@x", "it is dead"), channel)
        #expect(again.outcome == .created && again.duplicate && again.caseID == first.caseID)
        let answered = try await submit(node, answer, channel)
        #expect(answered.outcome == .commented && answered.duplicate)
        #expect(try await found(node, first.caseID, supervisor).version == version)

        _ = try await node.execute(first.caseID, .assignToMe(.init()), token: supervisor)
        _ = try await node.execute(
            first.caseID,
            .close(.with { $0.text = "done" }),
            token: supervisor
        )
        let late = mail("3@x", answering: "2@x", "dead again")
        let third = try await submit(node, late, channel)
        #expect(third.outcome == .followUp && third.caseID != first.caseID)
        let old = try await found(node, first.caseID, supervisor)
        #expect(old.links.map(\.caseID) == [third.caseID], "the ended case learns of its follow-up")
        let followUp = try await found(node, third.caseID, supervisor)
        #expect(followUp.links.map(\.caseID) == [first.caseID])
        let repeated = try await submit(node, late, channel)
        #expect(repeated.outcome == .followUp && repeated.duplicate)
        #expect(repeated.caseID == third.caseID)
        #expect(try await found(node, first.caseID, supervisor).version == old.version)
        // The answer that came before the end is still known as what it was.
        let old2 = try await submit(node, answer, channel)
        #expect(old2.outcome == .commented && old2.duplicate && old2.caseID == first.caseID)
        try await node.stop()
    }

    @Test func twoMailsWithOneKeyAreTwoContacts() async throws {
        let node = try await RunningNode.start(temporary.path + "/data")
        let channel = try await node.add("mailbox", .intake)
        let one = try await submit(node, mail("same@x", "one"), channel)
        let two = try await submit(node, mail("same@x", "two"), channel)
        #expect(one.caseID != two.caseID && !two.duplicate)
        #expect(two.externalKey.hasPrefix("same@x#"))
        let again = try await submit(node, mail("same@x", "two"), channel)
        #expect(again.duplicate && again.caseID == two.caseID)
        try await node.stop()
    }

    @Test func onlyChannelsAndThoseAboveHandIn() async throws {
        let node = try await RunningNode.start(temporary.path + "/data")
        let requester = try await node.add("rolf", .requester)
        let error = await #expect(throws: Refused.self) {
            _ = try await submit(node, mail("1@x", "hello"), requester)
        }
        #expect(error?.code == .permissionDenied && error?.detail.kind == "wrong-role")
        try await node.stop()
    }
}
