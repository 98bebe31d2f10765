import CaseClient
import Foundation
import SwiftProtobuf
import Testing

/// Commands that are each sent again under their key, and remembered for more of that later.
final class Script {
    private struct Line {
        let client: CaseClient
        let action: CaseAction
        let caseID: String
        let key: String
        let receipt: CaseReceipt
    }

    private var lines: [Line] = []
    private var creations: [(client: CaseClient, new: NewCase, receipt: CaseReceipt)] = []

    /// The kinds of actions done so far, by their names in the protocol.
    var kinds: Set<String> {
        Set(
            lines.compactMap { line in
                guard let wire = Mirror(reflecting: line.action).children.first?.value else {
                    return nil
                }
                return Mirror(reflecting: wire).children.first?.label
            }
        )
    }

    var count: Int { lines.count + creations.count }

    /// Makes a case, twice, and asks for another one under the same key.
    func create(_ new: NewCase, by client: CaseClient) async throws -> String {
        var new = new
        new.idempotencyKey = client.makeKey()
        let receipt = try await client.create(new)
        #expect(try await client.create(new) == receipt)
        var other = new
        other.message += "!"
        let error = await refusal { () async throws(CaseClientError) in
            try await client.create(other)
        }
        #expect(error?.kind == "key-reused" && error?.code == .alreadyExists)
        creations.append((client, new, receipt))
        return receipt.caseID
    }

    /// Does an action, twice, and asks for another one under the same key.
    @discardableResult
    func act(
        _ client: CaseClient,
        _ action: CaseAction,
        on caseID: String,
        to status: CaseStatus
    ) async throws -> CaseReceipt {
        let options = CaseCallOptions(idempotencyKey: client.makeKey())
        let receipt = try await client.execute(action, on: caseID, options: options)
        #expect(receipt.status == status, "\(action)")
        let again = try await client.execute(action, on: caseID, options: options)
        #expect(again == receipt, "\(action)")
        let error = await refusal { () async throws(CaseClientError) in
            try await client.execute(.addTag("other"), on: caseID, options: options)
        }
        #expect(error?.kind == "key-reused", "\(action): \(String(describing: error))")
        lines.append(
            Line(
                client: client,
                action: action,
                caseID: caseID,
                key: options.idempotencyKey ?? "",
                receipt: receipt
            )
        )
        return receipt
    }

    /// Sends everything once more: each answer is what it was, whatever the cases are now.
    func repeatAll() async throws {
        for line in lines {
            let again = try await line.client.execute(
                line.action,
                on: line.caseID,
                options: CaseCallOptions(idempotencyKey: line.key)
            )
            #expect(again == line.receipt, "\(line.action)")
        }
        for creation in creations {
            #expect(try await creation.client.create(creation.new) == creation.receipt)
        }
    }
}

/// Follows one case until it stands where it should. The suite's time limit ends what never comes.
func events(
    of caseID: String,
    until status: CaseStatus,
    version: UInt64 = 0,
    by client: CaseClient
) async throws -> [WatchEvent] {
    var request = WatchRequest()
    request.fromStart = true
    request.caseID = caseID
    var events: [WatchEvent] = []
    for try await event in try client.watch(request) {
        events.append(event)
        if event.status == status, event.version > version { break }
    }
    return events
}
