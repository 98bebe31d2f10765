import CaseModel
import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

@testable import CaseNode

/// Groups of replicas with real logs and stores, in one process.
@Suite(.timeLimit(.minutes(2)), .serialized) struct ReplicaGroupTests {
    /// Copies and cuts as soon as there is something to copy or cut.
    private static let eager = GroupNode.Options(checkpointEntries: 20, retainedBytes: 500)

    private func stamp() -> ContinuousClock.Instant { ContinuousClock.now }

    @Test func aGroupElectsReplicatesAndFailsOver() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        for _ in 0..<40 { _ = try await group.claim() }
        try await group.expectEqual([1, 2, 3])
        let leader = await group.board.leader()
        try group.stop(leader)
        let begin = stamp()
        _ = try await group.claim()
        let pause = stamp() - begin
        #expect(pause < .seconds(2), "\(pause) without a leader")
        try group.start(leader)
        try await group.expectEqual([1, 2, 3])
        try group.close()
    }

    /// Neither what passes time for it nor its ports keep a replica that has stopped.
    @Test func aReplicaThatStoppedIsLetGo() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let follower = try await self.follower(of: group)
        weak let gone = try group.node(follower).host
        #expect(gone != nil)
        try group.stop(follower)
        let deadline = ContinuousClock.now + .seconds(20)
        while gone != nil, ContinuousClock.now < deadline { await Task.yield() }
        #expect(gone == nil)
        _ = try await group.claim()
        try group.close()
    }

    @Test func aFollowerThatWasAwayCatchesUpByTheLog() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let follower = try await self.follower(of: group)
        group.transport.cut(follower)
        for _ in 0..<100 { _ = try await group.claim() }
        group.transport.mend(follower)
        try await group.expectEqual([1, 2, 3])
        #expect(group.transport.snapshots == 0)
        try group.close()
    }

    @Test func aFollowerThatTheLogCanNotHelpGetsASnapshot() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3], options: Self.eager)
        _ = try await group.claim()
        let follower = try await self.follower(of: group)
        group.transport.cut(follower)
        try await outrun(group)
        group.transport.mend(follower)
        try await group.expectEqual([1, 2, 3])
        #expect(group.transport.snapshots > 0)
        // What was installed is what a restart finds.
        try group.stop(follower)
        _ = try await group.claim()
        try group.start(follower)
        try await group.expectEqual([1, 2, 3])
        try group.close()
    }

    @Test func oneNodeWithDataBecomesThreeWithoutStopping() async throws {
        let group = try ReplicaGroup(founders: [1])
        for _ in 0..<30 { _ = try await group.claim() }
        try group.start(NodeID(2))
        try group.start(NodeID(3))
        for id in [NodeID(2), NodeID(3)] {
            let joined = try await group.change(
                ConfigurationChange(transition: .single, steps: [.init(.addLearner, id)])
            )
            #expect(joined.learners.contains(id))
            try await group.waitUntil(id, hasApplied: try await group.claim())
            let leader = await group.board.leader()
            while try await group.status(leader).isCaughtUp(id) != true {}
        }
        let steps = [NodeID(2), NodeID(3)].map { ConfigurationChange.Step(.addVoter, $0) }
        let joint = try await group.change(
            ConfigurationChange(transition: .jointAutoLeave, steps: steps)
        )
        #expect(joint.isJoint && joint.autoLeave)
        try await group.expectEqual([1, 2, 3])
        let three = Configuration(voters: (1...3).map { NodeID(UInt64($0)) })
        #expect(try await group.status(NodeID(2)).configuration == three)
        // A change that does not fit is refused, and has no effect.
        let leave = await #expect(throws: ReplicaFailure.self) {
            _ = try await group.change(.leaveJoint)
        }
        guard case .unfitChange = leave else { throw ReplicaFailure.stopping }

        // All stop, and find their membership in their stores, whatever they were founded with.
        for id in three.members { try group.stop(id) }
        for id in three.members { try group.start(id) }
        try await group.expectEqual([1, 2, 3])
        try group.stop(NodeID(1))
        try await group.expectEqual([2, 3])
        #expect(try await group.status(NodeID(3)).configuration == three)
        try group.close()
    }

    @Test func aLostNodeIsReplacedByANewOne() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3], options: Self.eager)
        for _ in 0..<60 { _ = try await group.claim() }
        let lost = try await self.follower(of: group)
        try group.stop(lost)
        try group.start(NodeID(4))
        _ = try await group.change(
            ConfigurationChange(transition: .single, steps: [.init(.addLearner, NodeID(4))])
        )
        try await group.waitUntil(NodeID(4), hasApplied: try await group.claim())
        _ = try await group.change(
            ConfigurationChange(
                transition: .jointAutoLeave,
                steps: [.init(.addVoter, NodeID(4)), .init(.remove, lost)]
            )
        )
        let rest = [1, 2, 3, 4].filter { $0 != lost.rawValue }
        try await group.expectEqual(rest)
        let expected = Configuration(voters: rest.map { NodeID($0) })
        #expect(try await group.status(NodeID(4)).configuration == expected)
        try group.close()
    }

    @Test func whatAnIsolatedLeaderWroteIsReplaced() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let old = await group.board.leader()
        let host = try group.node(old).host
        group.transport.cut(old)
        let outcome = Locked<ReplicaHost<ShardMachine>.Outcome?>(nil)
        host.propose(
            .claim(
                key: "lost",
                channel: PrincipalID("channel:mail"),
                contentHash: SHA256Digest(hashing: [1])
            )
        ) { result in outcome.withLock { $0 = result } }
        // It may hold the claim, and is still alone with it.
        let new = await group.board.leader(besides: old)
        #expect(new != old)
        // Its own silence tells it: it steps down by itself, and what it took has no known outcome.
        while outcome.withLock({ $0 }) == nil { _ = try await group.status(old) }
        #expect(outcome.withLock { $0 } == .failure(.outcomeUnknown))
        for _ in 0..<5 {
            let outcome = await withCheckedContinuation { continuation in
                group.nodes[new]?.host.propose(
                    .claim(
                        key: "kept",
                        channel: PrincipalID("channel:mail"),
                        contentHash: SHA256Digest(hashing: [2])
                    )
                ) { continuation.resume(returning: $0) }
            }
            guard case .success = outcome else { throw ReplicaFailure.outcomeUnknown }
        }
        group.transport.mend(old)
        try await group.expectEqual([1, 2, 3])
        let claims = try group.node(old).host.machine.read { reader throws(StoreError) in
            (
                try reader.claim(key: "lost", channel: PrincipalID("channel:mail")),
                try reader.claim(key: "kept", channel: PrincipalID("channel:mail"))
            )
        }
        #expect(claims.0 == nil && claims.1 != nil)
        try group.stop(old)
        try group.start(old)
        try await group.expectEqual([1, 2, 3])
        try group.close()
    }

    @Test func aLeaderWhoseDiskIsFullGivesWay() async throws {
        let faults = [1, 2, 3].map { (NodeID($0), FileFaults()) }
        let options = GroupNode.Options(
            segmentBytes: 256 << 10,
            faults: Dictionary(uniqueKeysWithValues: faults)
        )
        let group = try ReplicaGroup(founders: [1, 2, 3], options: options)
        _ = try await group.claim()
        let old = await group.board.leader()
        options.faults[old]?.set { $0.isFull = true }
        let log = try group.node(old).log
        // Until its log needs another segment; then another node takes over, and the group writes on.
        for _ in 0..<2_000 where !log.isFull { _ = try await group.claim(size: 900) }
        #expect(log.isFull)
        #expect(await group.board.leader(besides: old) != old)
        for _ in 0..<20 { _ = try await group.claim(size: 900) }
        options.faults[old]?.set { $0.isFull = false }
        // A node's idle timer tries again.
        log.tick()
        try await group.expectEqual([1, 2, 3])
        try group.close()
    }

    @Test func aFollowersStoreIsReadAtTheLeadersIndex() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        for round in 0..<20 {
            let written = try await group.claim()
            let leader = try group.node(await group.board.leader())
            let index = try await withCheckedContinuation { continuation in
                leader.host.readIndex { continuation.resume(returning: $0) }
            }.get()
            #expect(index >= written, "round \(round)")
            let follower = try await self.follower(of: group)
            try await group.waitUntil(follower, hasApplied: index)
            #expect(try group.node(follower).host.machine.applied.index >= written)
            // Asked itself, it names the leader and holds up nothing.
            let refused = await withCheckedContinuation { continuation in
                group.nodes[follower]?.host.readIndex { continuation.resume(returning: $0) }
            }
            #expect(refused == .failure(.notLeader(leader: leader.id)))
        }
        try group.close()
    }

    /// Else two of them often stand at once, and split the vote.
    @Test func afterACommonStartTheFirstLeads() async throws {
        for _ in 0..<8 {
            let group = try ReplicaGroup(founders: [1, 2, 3])
            #expect(await group.board.leader() == NodeID(1))
            try group.close()
        }
    }

    /// It hears the leader as before, and must not take what it hears for what it has.
    @Test func aFollowerWhoseDiskHangsSaysHowOldItIs() async throws {
        let faults = [1, 2, 3].map { (NodeID($0), FileFaults()) }
        let options = GroupNode.Options(faults: Dictionary(uniqueKeysWithValues: faults))
        let group = try ReplicaGroup(founders: [1, 2, 3], options: options)
        _ = try await group.claim()
        let follower = try await self.follower(of: group)
        let host = try group.node(follower).host
        let stall = StalledSyncs()
        options.faults[follower]?.set { $0.stall = stall }
        // More than a store lets entries gather.
        let old: Int64 = 2_500
        let isOld = try await self.write(to: group) { host.ageMilliseconds ?? 0 >= old }
        #expect(isOld, "says \(host.ageMilliseconds ?? -1) ms")
        #expect(try #require(host.silentMilliseconds) < old)
        options.faults[follower]?.set { $0.stall = nil }
        stall.end()
        let isYoung = try await self.write(to: group) { host.ageMilliseconds ?? .max < old }
        #expect(isYoung, "still says \(host.ageMilliseconds ?? -1) ms")
        try group.close()
    }

    /// Writes until something holds, for twenty seconds at most.
    private func write(to group: ReplicaGroup, until holds: () -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(20)
        while !holds(), ContinuousClock.now < end { _ = try await group.claim() }
        return holds()
    }

    @Test func leadershipIsHandedOver() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let old = await group.board.leader()
        let next = try await self.follower(of: group)
        let begin = stamp()
        let failure = await withCheckedContinuation { continuation in
            group.nodes[old]?.host.transferLeadership(to: next) {
                continuation.resume(returning: $0)
            }
        }
        #expect(failure == nil)
        #expect(await group.board.leader(besides: old) == next)
        #expect(stamp() - begin < .milliseconds(1_500), "longer than an election")
        let stranger = await withCheckedContinuation { continuation in
            group.nodes[next]?.host.transferLeadership(to: NodeID(9)) {
                continuation.resume(returning: $0)
            }
        }
        guard case .unfitChange = stranger else { throw ReplicaFailure.stopping }
        try group.node(next).host.handOver()
        #expect(await group.board.leader(besides: next) != next)
        try await group.expectEqual([1, 2, 3])
        try group.close()
    }

    @Test func withoutAQuorumCommandsEndAsSurelyNotProposed() async throws {
        let group = try ReplicaGroup(founders: [1, 2, 3])
        _ = try await group.claim()
        let leader = await group.board.leader()
        for id in [1, 2, 3].map({ NodeID($0) }) where id != leader { try group.stop(id) }
        let host = try group.node(leader).host
        var failures: [ReplicaFailure] = []
        // The first ones may be in the log already; then it knows that it leads no more.
        while failures.last != .notLeader(leader: nil) {
            let outcome = await withCheckedContinuation { continuation in
                host.propose(
                    .claim(
                        key: "k\(failures.count)",
                        channel: PrincipalID("channel:mail"),
                        contentHash: SHA256Digest(hashing: [1])
                    )
                ) { continuation.resume(returning: $0) }
            }
            guard case .failure(let failure) = outcome else { throw ReplicaFailure.stopping }
            failures.append(failure)
        }
        #expect(failures.dropLast().allSatisfy { $0 == .outcomeUnknown })
        try group.close()
    }

    // MARK: Helpers

    private func follower(of group: ReplicaGroup) async throws -> NodeID {
        let leader = await group.board.leader()
        return try #require(group.nodes.keys.sorted().first { $0 != leader })
    }

    /// Goes on until the leader's log begins behind what a silent follower has.
    private func outrun(_ group: ReplicaGroup) async throws {
        let leader = try group.node(await group.board.leader())
        let start = leader.host.machine.applied.index
        while true {
            for _ in 0..<30 { _ = try await group.claim() }
            let log = try leader.log.withLog { $0.firstIndex(GroupNode.group) }
            if log > LogIndex(start.rawValue + 5) { return }
        }
    }
}
