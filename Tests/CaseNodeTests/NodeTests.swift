import CaseProtocol
import ClusterPrimitives
import Foundation
import RPC
import Testing

@testable import CaseNode

@Suite(.timeLimit(.minutes(2))) struct NodeTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    private var path: String { temporary.path + "/data" }

    @Test func whatWasAcceptedIsThereAfterARestart() async throws {
        var node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        let receipt = try await node.create("the line is dead", token: supervisor, key: "k-1")
        try await node.stop()

        node = try await RunningNode.start(path)
        let again = try await node.create("the line is dead", token: supervisor, key: "k-1")
        #expect(again == receipt, "the key finds its first result")
        let get = PBGetRequest.with { $0.caseID = receipt.caseID }
        let found: PBCase = try await node.call("Cases/Get", get, token: supervisor)
        #expect(found.id == receipt.caseID && found.status == .new && found.version == 1)
        let error = await #expect(throws: Refused.self) {
            _ = try await node.create("something else", token: supervisor, key: "k-1")
        }
        #expect(error?.code == .alreadyExists && error?.detail.kind == "key-reused")
        try await node.stop()
    }

    @Test func aRequesterSeesNothingOfWhatStaffKeepToThemselves() async throws {
        let node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        let requester = try await node.add("rolf", .requester)
        let mark = "INTERNAL-MARK"
        let receipt = try await node.create("hello", token: requester)
        let id = receipt.caseID
        _ = try await node.execute(id, .note(.with { $0.text = mark }), token: supervisor)
        _ = try await node.execute(id, .addTag(.with { $0.text = mark }), token: supervisor)
        let field = PBNamedValue.with {
            $0.name = mark
            $0.value = mark
        }
        _ = try await node.execute(id, .update(.with { $0.fields = [field] }), token: supervisor)
        _ = try await node.execute(id, .assignToMe(.init()), token: supervisor)
        _ = try await node.execute(id, .park(.with { $0.reason = mark }), token: supervisor)

        let get = PBGetRequest.with { $0.caseID = id }
        let shown: PBCase = try await node.call("Cases/Get", get, token: requester)
        #expect(!(try shown.jsonString()).contains(mark))
        let list: PBListResponse = try await node.call(
            "Cases/List",
            PBListRequest(),
            token: requester
        )
        #expect(list.cases.map(\.id) == [id])
        #expect(!(try list.jsonString()).contains(mark))
        let staff: PBCase = try await node.call("Cases/Get", get, token: supervisor)
        #expect(staff.tags == [mark] && staff.parkedReason == mark && staff.fields == [field])

        let ask = PBHistoryRequest.with { $0.caseID = id }
        let seen: PBHistoryResponse = try await node.call("Cases/History", ask, token: requester)
        #expect(!(try seen.jsonString()).contains(mark))
        try await node.stop()
    }

    @Test func aHistoryOfHiddenAndLargeEntriesIsReadToItsEnd() async throws {
        let node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        let requester = try await node.add("rolf", .requester)
        let id = try await node.create("hello", token: requester).caseID
        let long = String(repeating: "x", count: 250 * 1_024)
        for number in 0..<16 {
            _ = try await node.execute(
                id,
                .addTag(.with { $0.text = "tag-\(number)" }),
                token: supervisor
            )
            _ = try await node.execute(id, .comment(.with { $0.text = long }), token: requester)
        }
        for (token, size, comments) in [
            (requester, UInt32(1), 16), (requester, 500, 16), (supervisor, 3, 16),
            (supervisor, 500, 16),
        ] {
            var numbers: [UInt64] = []
            var found = 0
            var more = true
            while more {
                let ask = PBHistoryRequest.with {
                    $0.caseID = id
                    $0.afterNumber = numbers.last ?? 0
                    $0.pageSize = size
                }
                let page: PBHistoryResponse = try await node.call(
                    "Cases/History",
                    ask,
                    token: token
                )
                #expect(page.entries.count <= Int(size))
                try #require(!page.entries.isEmpty || !page.more)
                numbers += page.entries.map(\.number)
                found += page.entries.count { $0.kind == .comment }
                more = page.more
            }
            #expect(found == comments, "page size \(size)")
            #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        }
        try await node.stop()
    }

    @Test func listsOfAllShardsComeInPages() async throws {
        let node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        var ids: Set<String> = []
        for number in 0..<23 {
            ids.insert(try await node.create("case \(number)", token: supervisor).caseID)
        }
        for order in [PBListOrder.unspecified, .created, .queue] {
            var seen: [String] = []
            var token = ""
            repeat {
                let ask = PBListRequest.with {
                    $0.order = order
                    $0.pageSize = 5
                    $0.pageToken = token
                }
                let page: PBListResponse = try await node.call("Cases/List", ask, token: supervisor)
                seen += page.cases.map(\.id)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(Set(seen) == ids && seen.count == ids.count, "\(order)")
            if order == .created { #expect(seen == seen.sorted()) }
        }
        let ask = PBListRequest.with {
            $0.order = .queue
            $0.statuses = [.open]
        }
        let error = await #expect(throws: Refused.self) {
            _ = try await node.call("Cases/List", ask, token: supervisor, PBListResponse.self)
        }
        #expect(error?.code == .invalidArgument && error?.detail.field == "statuses")
        try await node.stop()
    }

    @Test func whatTheLogCannotTakeIsRefusedAndTheNodeGoesOn() async throws {
        let node = try await RunningNode.start(path) { $0.logSegmentBytes = 64 << 10 }
        let supervisor = try await node.add("sanna", .supervisor)
        let error = await #expect(throws: Refused.self) {
            _ = try await node.create(String(repeating: "x", count: 5_000), token: supervisor)
        }
        #expect(error?.code == .invalidArgument && error?.detail.kind == "too-large")
        #expect(error?.detail.refused == false)
        _ = try await node.create("short", token: supervisor)
        try await node.stop()
    }

    @Test func aFullDiskRefusesWritesReadsOnAndRecovers() async throws {
        let faults = FileFaults()
        let files = FaultyFileSystem(faults)
        let node = try await RunningNode.start(path, files: files) { configuration in
            configuration.logSegmentBytes = 128 << 10
            // No checkpoint makes room.
            configuration.checkpointEntries = 1_000_000
            configuration.checkpointMilliseconds = 86_400_000
        }
        let supervisor = try await node.add("sanna", .supervisor)
        let first = try await node.create("hello", token: supervisor)
        faults.set { $0.isFull = true }
        let text = String(repeating: "x", count: 2_000)
        var refused: Refused?
        for number in 0..<500 {
            do {
                _ = try await node.create(text, token: supervisor, key: "k-\(number)", seconds: 2)
            } catch let error as Refused where error.code == .deadlineExceeded {
                continue  // It waits in the log's queue: its outcome is open.
            } catch let error as Refused {
                refused = error
                break
            }
        }
        #expect(refused?.code == .resourceExhausted && refused?.detail.kind == "disk-full")
        let get = PBGetRequest.with { $0.caseID = first.caseID }
        let found: PBCase = try await node.call("Cases/Get", get, token: supervisor)
        #expect(found.id == first.caseID, "reads go on")
        faults.set { $0.isFull = false }
        var accepted: PBReceipt?
        let end = ContinuousClock.now + .seconds(30)
        while accepted == nil, ContinuousClock.now < end {
            do {
                accepted = try await node.create("again", token: supervisor, key: "again")
            } catch let error as Refused where error.detail.kind == "disk-full" {
                await Task.yield()
            }
        }
        #expect(accepted != nil)
        try await node.stop()
    }

    @Test func aWatchResumesWhereItStopped() async throws {
        let node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        let one = try await node.create("one", token: supervisor).caseID
        let stream = try node.watch(.with { $0.fromStart = true }, token: supervisor)
        var reader = stream.messages.makeAsyncIterator()
        var token = ""
        var seen: [String] = []
        while seen.isEmpty, let bytes = try await reader.next() {
            let event = try PBWatchEvent(serializedBytes: bytes)
            token = event.resumeToken
            if !event.heartbeat { seen.append(event.caseID) }
        }
        #expect(seen == [one])
        stream.cancel()
        let two = try await node.create("two", token: supervisor).caseID
        let three = try await node.create("three", token: supervisor).caseID
        let resumed = try node.watch(.with { $0.resumeToken = token }, token: supervisor)
        var rest: Set<String> = []
        var again = resumed.messages.makeAsyncIterator()
        while rest.count < 2, let bytes = try await again.next() {
            let event = try PBWatchEvent(serializedBytes: bytes)
            if !event.heartbeat { rest.insert(event.caseID) }
        }
        #expect(rest == [two, three])
        resumed.cancel()
        try await node.stop()
    }

    @Test func aTokenThatWasRevokedEndsItsWatch() async throws {
        let node = try await RunningNode.start(path)
        let supervisor = try await node.add("sanna", .supervisor)
        let other = try await node.add("olle", .supervisor)
        let stream = try node.watch(PBWatchRequest(), token: other)
        var reader = stream.messages.makeAsyncIterator()
        _ = try await reader.next()
        let remove = PBNameRequest.with { $0.name = "olle" }
        _ = try await node.call(
            "Directory/RemovePrincipal",
            remove,
            token: try node.adminToken(),
            PBDirectoryReceipt.self
        )
        _ = try await node.create("one", token: supervisor)
        var status: RPCStatus?
        do {
            while let bytes = try await reader.next() {
                #expect(try PBWatchEvent(serializedBytes: bytes).heartbeat)
            }
        } catch let error as RPCStatus { status = error }
        #expect(status?.code == .unauthenticated)
        try await node.stop()
    }

    @Test func aPortThatIsTakenIsAnError() async throws {
        let node = try await RunningNode.start(path)
        let port = try #require(RPCTarget(node.node.address)).port
        let error = await #expect(throws: RPCStatus.self) {
            _ = try await RunningNode.start(temporary.path + "/other") { $0.listenPort = port }
        }
        #expect(error?.message.contains("\(port)") == true)
        // Nothing was made: the same start at another port is the first one.
        #expect(!FileManager.default.fileExists(atPath: temporary.path + "/other"))
        let second = try await RunningNode.start(temporary.path + "/other")
        try await second.stop()
        try await node.stop()
    }

    @Test func aStartThatWasCutShortIsTakenUpAgain() async throws {
        let node = try await RunningNode.start(path)
        let token = try node.adminToken()
        try await node.stop()
        // As if the power had gone between the founding and its mark.
        try FileManager.default.removeItem(atPath: path + "/founded")
        let again = try await RunningNode.start(path)
        #expect(try again.adminToken() == token)
        #expect(FileManager.default.fileExists(atPath: path + "/founded"))
        _ = try await again.add("sanna", .supervisor)
        try await again.stop()
    }

    @Test func withoutItsLogAFoundedNodeDoesNotStart() async throws {
        let node = try await RunningNode.start(path)
        try await node.stop()
        try FileManager.default.removeItem(atPath: path + "/log")
        await #expect(throws: (any Error).self) { _ = try await RunningNode.start(path) }
        try FileManager.default.removeItem(atPath: path + "/founded")
        let error = await #expect(throws: RecoveryError.self) {
            _ = try await RunningNode.start(path)
        }
        guard case .storeAheadOfLog = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func callsWithoutAKnownTokenAreRefused() async throws {
        let node = try await RunningNode.start(path)
        for token in ["x", "cct_" + String(repeating: "0", count: 64)] {
            let error = await #expect(throws: Refused.self) {
                _ = try await node.create("hello", token: token)
            }
            #expect(error?.code == .unauthenticated && error?.detail.kind == "unauthenticated")
        }
        try await node.stop()
    }
}
