import CaseModel
import CaseProtocol
import ClusterPrimitives
import NIOCore
import ReplicaDriver
import Testing

@testable import CaseNode

@Suite struct RouteTests {
    /// What another node is told must not lose whether a command may have been carried out.
    @Test(arguments: [
        ReplicaFailure.notLeader(leader: nil), .notLeader(leader: NodeID(3)),
        .overloaded(inFlight: 7, limit: 5), .tooLarge(bytes: 9, limit: 8), .diskFull,
        .outcomeUnknown, .stopping,
    ])
    func failuresTravel(failure: ReplicaFailure) {
        #expect(ReplicaFailure(failure.wire) == failure)
    }

    /// A reason of a newer program leaves the outcome open.
    @Test func anUnknownReasonLeavesTheOutcomeOpen() {
        var wire = ReplicaFailure.diskFull.wire
        wire.kind = .UNRECOGNIZED(99)
        #expect(ReplicaFailure(wire) == .outcomeUnknown)
        wire.kind = .unspecified
        #expect(ReplicaFailure(wire) == .outcomeUnknown)
    }

    /// A leader that stands still takes a command and answers nothing; another one leads, and the caller is free to
    /// repeat it long before its deadline.
    @Test(.timeLimit(.minutes(1)))
    func whatWasSentToALeaderOfBeforeIsGivenUp() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let old = await group.board.leader()
        let own = try #require([1, 2, 3].map { NodeID($0) }.first { $0 != old })
        let host = try group.node(own).host
        let (asked, ask) = AsyncStream.makeStream(of: NodeID.self)
        let route = GroupRoute(
            GroupNode.group,
            replica: host,
            node: own,
            eventLoop: host.eventLoop,
            peers: SilentPeers(asked: ask),
            voters: { [1, 2, 3].map { NodeID($0) } }
        )
        async let outcome = withCheckedContinuation { continuation in
            route.propose(
                .claim(
                    key: "k",
                    channel: PrincipalID("channel:mail"),
                    contentHash: SHA256Digest(hashing: [1])
                ),
                within: .minutes(10)
            ) { continuation.resume(returning: $0) }
        }
        for await node in asked {
            #expect(node == old)
            break
        }
        group.transport.cut(old)
        #expect(await outcome == .failure(.outcomeUnknown))
        try group.close()
    }
}

/// Takes everything and answers nothing.
private struct SilentPeers: GroupAsking {
    let asked: AsyncStream<NodeID>.Continuation

    func propose(
        _ command: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) {
        asked.yield(node)
    }

    func readIndex(
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    ) {}

    func read(
        _ question: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {}
}
