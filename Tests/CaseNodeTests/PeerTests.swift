import CaseProtocol
import ClusterPrimitives
import Foundation
import NIOCore
import RPC
import RaftCore
import Testing

@testable import CaseNode

@Suite struct PeerOutboxTests {
    /// Goal: nothing is lost, repeated or turned around below the limits; frames keep theirs.
    /// Method: random messages and takes; what comes out, decoded, is what went in.
    @Test(arguments: UInt64(1)...16)
    func whatFitsComesOutInOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var outbox = PeerOutbox()
        var given: [PeerBatch.Item] = []
        var taken: [PeerBatch.Item] = []
        func take() throws {
            guard let frame = outbox.takeFrame() else { return }
            let items = try Self.decode(frame)
            #expect(!items.isEmpty)
            #expect(frame.count <= PeerLimits.frameBytesMax + 16 || items.count == 1)
            taken += items
        }
        for number in 0..<400 {
            let bytes = Int.random(in: 0...40_000, using: &random)
            let item = Self.item(UInt32(number % 5), commit: UInt64(number), bytes: bytes)
            outbox.add(PeerBatch.encode(item.message, group: item.group), isBulk: bytes > 0)
            given.append(item)
            if Int.random(in: 0..<20, using: &random) == 0 { try take() }
        }
        while !outbox.isEmpty { try take() }
        #expect(taken == given, "SIM_SEED=\(seed)")
        #expect(outbox.bytes == 0 && outbox.dropped == 0)
    }

    @Test func aFloodOfEntriesLeavesRoomForHeartbeats() {
        var outbox = PeerOutbox()
        let large = [UInt8](repeating: 1, count: 1 << 20)
        var count = 0
        while outbox.add(large, isBulk: true) { count += 1 }
        #expect(count == PeerLimits.outboxBytesMax / large.count)
        #expect(outbox.dropped == 1)
        let tookHeartbeat = outbox.add([1], isBulk: false)
        let whole = [UInt8](repeating: 1, count: PeerLimits.outboxReserveBytes)
        let tookMore = outbox.add(whole, isBulk: false)
        #expect(tookHeartbeat && !tookMore)
        outbox.clear()
        #expect(outbox.isEmpty && outbox.bytes == 0 && outbox.dropped == UInt64(count) + 3)
        let frame = outbox.takeFrame()
        #expect(frame == nil)
    }

    /// A peer may send anything.
    @Test(arguments: UInt64(1)...16)
    func anyBytesAreReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sound = Self.item(3, commit: 9, bytes: 40)
        let bytes = PeerBatch.encode(sound.message, group: sound.group)
        #expect(try PeerBatch.decode(bytes) == [sound])
        for _ in 0..<2_000 {
            var damaged = bytes
            let position = Int.random(in: 0..<damaged.count, using: &random)
            damaged[position] = UInt8.random(in: 0...255, using: &random)
            if Bool.random(using: &random) { damaged.removeLast(position % 7) }
            _ = try? PeerBatch.decode(damaged)
        }
    }

    private static func item(_ group: UInt32, commit: UInt64, bytes: Int) -> PeerBatch.Item {
        let entry = Entry(
            term: Term(1),
            index: LogIndex(1),
            payload: [UInt8](repeating: 5, count: bytes)
        )
        return PeerBatch.Item(
            group: GroupID(rawValue: group),
            message: Message(
                bytes > 0 ? .append : .heartbeat,
                from: NodeID(1),
                to: NodeID(2),
                term: Term(1),
                commit: LogIndex(commit),
                entries: bytes > 0 ? [entry] : []
            )
        )
    }

    /// The one field of a frame: its tag, its length, the messages.
    private static func decode(_ frame: [UInt8]) throws -> [PeerBatch.Item] {
        var reader = ByteReader(frame)
        #expect(try reader.byte() == 0x12)
        let items = try PeerBatch.decode(try reader.data())
        try reader.finish()
        return items
    }
}

@Suite(.timeLimit(.minutes(1))) struct PeerLinkTests {
    private typealias Identity = PeerRig.Identity

    /// Sends until the other side has one: what is sent before a link stands is dropped.
    private func deliver(_ sender: PeerRig, to receiver: PeerRig, commit: UInt64) async -> Message?
    {
        let ticking = Task {
            while !Task.isCancelled {
                sender.send(to: receiver.identity.node, commit: commit)
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        defer { ticking.cancel() }
        for await message in receiver.receiver.messages
        where message.commit == LogIndex(commit) {
            return message
        }
        return nil
    }

    @Test func messagesGoBothWaysAndAgainAfterARestart() async throws {
        let one = try await PeerRig.start(Identity(node: 1))
        var two = try await PeerRig.start(Identity(node: 2))
        one.links.update([NodeID(1): one.address, NodeID(2): two.address])
        two.links.update([NodeID(1): one.address])
        #expect(await deliver(one, to: two, commit: 1)?.from == NodeID(1))
        #expect(await deliver(two, to: one, commit: 2)?.from == NodeID(2))
        #expect(one.links.isAlive(NodeID(2)) && !one.links.isAlive(NodeID(3)))
        let port = two.server.port
        await two.stop()
        two = try await PeerRig.start(Identity(node: 2), port: port)
        #expect(await deliver(one, to: two, commit: 3) != nil)
        // A new address is followed; the one that left is forgotten.
        let moved = try await PeerRig.start(Identity(node: 2))
        one.links.update([NodeID(2): moved.address])
        #expect(await deliver(one, to: moved, commit: 4) != nil)
        one.links.update([:])
        #expect(!one.links.knows(NodeID(2)) && !one.links.isAlive(NodeID(2)))
        for rig in [one, two, moved] { await rig.stop() }
    }

    @Test func certificatesNameNodes() async throws {
        let authority = try PeerAuthority()
        let one = try await PeerRig.start(try authority.identity(1))
        let two = try await PeerRig.start(try authority.identity(2))
        one.links.update([NodeID(2): two.address])
        #expect(await deliver(one, to: two, commit: 1) != nil)
        for rig in [one, two] { await rig.stop() }
    }

    /// What the receiving side must refuse: the link's failure is its own status.
    @Test func strangersAreRefused() async throws {
        let authority = try PeerAuthority()
        let two = try await PeerRig.start(try authority.identity(2)) { $0 != NodeID(5) }
        let plain = try await PeerRig.start(Identity(node: 2))
        func refusal(
            _ identity: Identity,
            from: UInt64,
            cluster: UInt8 = 7,
            to: UInt64 = 2
        ) async throws
            -> RPCStatusCode?
        {
            let isTLS = identity.client != nil
            let target = isTLS ? two : plain
            let handshake = PeerHandshake(
                cluster: Array(repeating: cluster, count: 16),
                node: NodeID(from),
                token: "testing",
                requiresCertificate: isTLS
            )
            let client = RPCClient(
                RPCClient.Configuration(
                    targets: [
                        RPCTarget(
                            host: "127.0.0.1",
                            port: target.server.port,
                            serverName: isTLS ? "node-2.testing" : nil
                        )
                    ],
                    tls: identity.client
                ),
                group: NIOSingletons.posixEventLoopGroup
            )
            let call = client.stream(PeerService.path("Link"))
            let frame = PBPeerFrame.with { $0.hello = handshake.hello(to: NodeID(to)) }
            let bytes = try MessageCoding.encode(frame)
            var found: RPCStatusCode?
            do {
                // A handshake that has failed already is found here.
                try await call.writer.send(bytes)
                for try await _ in call.messages { break }
            } catch {
                found = error.code
            }
            call.cancel()
            await client.shutdown(within: .zero)
            return found
        }
        #expect(try await refusal(try authority.identity(1), from: 1) == nil)
        #expect(try await refusal(try authority.identity(1), from: 3) == .permissionDenied)
        #expect(try await refusal(try authority.identity(5), from: 5) == .permissionDenied)
        let other = try authority.identity(1, named: "node-1.elsewhere")
        #expect(try await refusal(other, from: 1) == .permissionDenied)
        let foreign = try PeerAuthority().identity(1)
        #expect(try await refusal(foreign, from: 1) == .unavailable)
        #expect(try await refusal(Identity(node: 1), from: 1) == nil)
        #expect(try await refusal(Identity(node: 1), from: 1, cluster: 8) == .failedPrecondition)
        #expect(try await refusal(Identity(node: 1), from: 1, to: 3) == .failedPrecondition)
        #expect(try await refusal(Identity(node: 1), from: 2) == .invalidArgument)
        for rig in [two, plain] { await rig.stop() }
    }

    /// A forged sender, another receiver, a kind that does not travel: counted, never handed on.
    @Test func onlyASendersOwnMessagesCount() async throws {
        let one = try await PeerRig.start(Identity(node: 1))
        let two = try await PeerRig.start(Identity(node: 2))
        one.links.update([NodeID(2): two.address])
        #expect(await deliver(one, to: two, commit: 1) != nil)
        let forged = Message(.vote, from: NodeID(3), to: NodeID(2), term: Term(9))
        let passedOn = Message(.readIndex, from: NodeID(1), to: NodeID(2), term: Term(9))
        one.links.send([forged, passedOn], group: .system)
        let sound = Message(.heartbeat, from: NodeID(1), to: NodeID(2), term: Term(9))
        one.links.send([sound], group: GroupID(rawValue: 77))
        #expect(await deliver(one, to: two, commit: 2)?.term == Term(1))
        #expect(two.service.strayMessages == 3)
        for rig in [one, two] { await rig.stop() }
    }

    @Test func aSnapshotArrivesWholeOrNotAtAll() async throws {
        let temporary = try TemporaryDirectory()
        let source = temporary.path + "/source"
        let target = temporary.path + "/target"
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<700_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        try Data(bytes).write(to: URL(filePath: source))
        let one = try await PeerRig.start(Identity(node: 1))
        let two = try await PeerRig.start(Identity(node: 2), snapshotPath: target)
        one.links.update([NodeID(2): two.address])
        #expect(await deliver(one, to: two, commit: 1) != nil)
        let id = SnapshotID(index: LogIndex(5), term: Term(1))
        let message = Message(
            .snapshot,
            from: NodeID(1),
            to: NodeID(2),
            term: Term(1),
            snapshot: Snapshot(
                id: id,
                configuration: Configuration(voters: [NodeID(1), NodeID(2)])
            )
        )
        func send(_ path: String) async -> Bool {
            await withCheckedContinuation { continuation in
                one.links.sendSnapshot(message, group: .system, path: path) {
                    continuation.resume(returning: $0)
                }
            }
        }
        #expect(await send(source))
        #expect(two.receiver.snapshots == [message])
        #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
        // Nothing to send, and a receiver that is busy.
        #expect(await !send(temporary.path + "/missing"))
        #expect(two.receiver.beginSnapshot() != nil)
        #expect(await !send(source))
        two.receiver.abandonSnapshot()
        #expect(await send(source))
        #expect(two.receiver.snapshots.count == 2)
        for rig in [one, two] { await rig.stop() }
    }
}
