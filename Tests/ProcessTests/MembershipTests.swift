import CaseClient
import ClusterPrimitives
import Foundation
import Testing

/// Real nodes that join, and that take the place of others, while clients go on.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct MembershipTests {
    /// Attempts of a call in these tests: who tries three times sees nothing of a join.
    private static let attempts = 3
    private static let workers = 32

    private func load(
        _ cluster: GrowingCluster,
        _ ids: [UInt64] = []
    ) async throws -> CommentLoad {
        try await CommentLoad.prepare(
            admin: try cluster.admin(),
            CommentLoad.Size(workers: Self.workers)
        ) {
            try cluster.client(ids, token: $0, attempts: Self.attempts)
        }
    }

    @Test func oneNodeWithDataBecomesThreeUnderLoad() async throws {
        let cluster = try await GrowingCluster.start(arguments: KillTests.smallArguments)
        let load = try await load(cluster)
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 500)
        let admin = try cluster.admin()
        try await cluster.admit(2, admin)
        try await cluster.start(2)
        let second = try await cluster.waitUntilDone(2, admin)
        // Of two nodes one votes: the loss of the other stops nothing.
        #expect(second.waitsForThird)
        #expect(second.groups.allSatisfy { $0.role == .learner })
        try await cluster.admit(3, admin)
        try await cluster.start(3)
        for id in UInt64(2)...3 {
            let done = try await cluster.waitUntilDone(id, admin)
            #expect(done.groups.count == 17)
            #expect(done.groups.allSatisfy { $0.role == .voter })
        }
        await load.advance(by: 500)
        load.stop()
        await running.value
        #expect(load.total.retried == 0, "an error reached a client that tries three times")
        let verdict = try await load.verify()
        #expect(verdict.isClean, "\(verdict)")
        for id in UInt64(1)...3 {
            let own = try cluster.admin([id])
            let status = try await own.clusterStatus()
            #expect(status.nodes.map(\.nodeID) == [1, 2, 3])
            #expect(status.groups.allSatisfy { $0.voters == [1, 2, 3] && $0.learners.isEmpty })
            await own.shutdown()
        }
        #expect(try await cluster.areEqual([1, 2, 3], replicas: 3))
        await admin.shutdown()
        // Now the loss of the first one is survived as well.
        let token = try cluster.adminToken
        try await cluster.kill(1)
        try await cluster.start(1, afterUsing: [2, 3], token)
        #expect(try await cluster.stopAll() == [0, 0, 0])
    }

    /// Killed in the middle, the joining node and the coordinator go on where they were.
    @Test(arguments: [UInt64(1)])
    func aJoinSurvivesKills(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let cluster = try await GrowingCluster.start(arguments: KillTests.smallArguments)
        let load = try await load(cluster)
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 300)
        let admin = try cluster.admin()
        for id in UInt64(2)...3 {
            try await cluster.admit(id, admin)
            try await cluster.start(id)
        }
        for victim in [UInt64(2), 1, 3, 1] {
            await load.advance(by: Int.random(in: 1...60, using: &random))
            try await cluster.kill(victim)
            try await cluster.start(victim)
        }
        for id in UInt64(2)...3 { _ = try await cluster.waitUntilDone(id, admin) }
        await load.advance(by: 300)
        load.stop()
        await running.value
        await admin.shutdown()
        let verdict = try await load.verify()
        #expect(verdict.isClean, "MEMBERSHIP_SEED=\(seed) \(verdict)")
        #expect(try await cluster.areEqual([1, 2, 3], replicas: 3), "MEMBERSHIP_SEED=\(seed)")
        #expect(try await cluster.stopAll() == [0, 0, 0])
    }

    /// Goal: a node whose disk is lost is replaced while clients go on, and neither its old disk nor an empty
    /// one comes back under its id.
    @Test func aLostNodeIsReplacedUnderLoad() async throws {
        let cluster = try await GrowingCluster.start(arguments: KillTests.smallArguments)
        let admin = try cluster.admin()
        for id in UInt64(2)...3 {
            try await cluster.admit(id, admin)
            try await cluster.start(id)
        }
        for id in UInt64(2)...3 { _ = try await cluster.waitUntilDone(id, admin) }
        let load = try await load(cluster)
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 300)
        try await cluster.kill(2)
        let disk = cluster.dataDirectory(2)
        try FileManager.default.moveItem(atPath: disk, toPath: disk + ".kept")
        await load.advance(by: 300)
        try await cluster.admit(4, replacing: 2, admin)
        // Its votes are gone with its disk: as long as it is a member it may not come back without them.
        let wiped = try #require(try await cluster.startRefused(2))
        #expect(wiped.errors.contains("node 2 has taken part in this cluster"), "\(wiped)")
        try await cluster.start(4)
        // With the lost one there is no quorum without the coordinator: it goes on when it is back.
        let coordinator = try await admin.clusterStatus().coordinator
        try await cluster.kill(coordinator)
        try await cluster.start(coordinator)
        let progress = try await cluster.waitUntilDone(4, admin)
        #expect(progress.replacing == 0)
        #expect(progress.groups.allSatisfy { $0.role == .voter })
        await load.advance(by: 300)
        load.stop()
        await running.value
        let verdict = try await load.verify()
        #expect(verdict.isClean, "\(verdict)")
        let status = try await admin.clusterStatus()
        #expect(status.nodes.map(\.nodeID) == [1, 3, 4])
        #expect(status.groups.allSatisfy { $0.voters == [1, 3, 4] && $0.learners.isEmpty })
        #expect(try await cluster.areEqual([1, 3, 4], replicas: 3))
        // Its old disk: told that it was removed, it says so and ends.
        try FileManager.default.removeItem(atPath: disk)
        try FileManager.default.moveItem(atPath: disk + ".kept", toPath: disk)
        if let refused = try await cluster.startRefused(2) {
            #expect(refused.status == 77, "\(refused)")
        } else {
            #expect(try await cluster.exit(2) == 77)
        }
        let gone = await refusal { () async throws(CaseClientError) in
            try await admin.nodeProgress(2)
        }
        #expect(gone?.code == .notFound)
        await admin.shutdown()
        #expect(try await cluster.stopAll() == [0, 0, 0])
    }

    /// Five nodes, three replicas of each shard: every call is answered by every node.
    @Test func fiveNodesHoldThreeReplicasAndAnswerForAll() async throws {
        let cluster = try await GrowingCluster.five(
            arguments: ["--shards", "2", "--log-segment-bytes", "262144"]
        )
        let load = try await load(cluster)
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: 300)
        let admin = try cluster.admin()
        for id in UInt64(1)...5 { _ = try await cluster.waitUntilDone(id, admin) }
        let map = try await admin.clusterStatus().groups.map(\.voters)
        #expect(map[0] == [1, 2, 3, 4, 5])
        #expect(map.dropFirst().allSatisfy { $0.count == 3 })
        await admin.shutdown()
        for id in UInt64(1)...5 {
            let admin = try cluster.admin([id])
            let status = try await admin.clusterStatus()
            #expect(status.groups.map(\.voters) == map)
            let held = status.groups.filter(\.held).map(\.group)
            #expect(
                held == [0, 1, 2].filter { $0 == 0 || status.groups[Int($0)].voters.contains(id) }
            )
            // What it gave away again is gone from its disk; only asking tells when.
            for group in status.groups.dropFirst() where !group.voters.contains(id) {
                while cluster.hasStore(id, shard: group.group - 1) {
                    _ = try await admin.clusterStatus()
                }
            }
            await admin.shutdown()
            try await everythingIsAnswered(by: id, cluster)
        }
        // No shard loses more than one of its three.
        let victims = try #require(Self.apart(map.dropFirst()))
        for id in victims { try await cluster.kill(id) }
        await load.advance(by: 300)
        for id in UInt64(1)...5 where !victims.contains(id) {
            try await everythingIsAnswered(by: id, cluster)
        }
        for id in victims { try await cluster.start(id) }
        await load.advance(by: 300)
        load.stop()
        await running.value
        let verdict = try await load.verify()
        #expect(verdict.isClean, "\(verdict)")
        #expect(try await cluster.areEqual([1, 2, 3, 4, 5], replicas: 3))
        #expect(try await cluster.stopAll() == [0, 0, 0, 0, 0])
    }

    /// Two nodes of which no shard has both.
    private static func apart(_ shards: ArraySlice<[UInt64]>) -> [UInt64]? {
        for first in UInt64(1)...4 {
            for second in (first + 1)...5
            where !shards.contains(where: { $0.contains(first) && $0.contains(second) }) {
                return [first, second]
            }
        }
        return nil
    }

    /// Every kind of call on cases of both shards, through one node.
    private func everythingIsAnswered(by id: UInt64, _ cluster: GrowingCluster) async throws {
        let admin = try cluster.admin([id])
        var supervisor = Principal()
        supervisor.name = "sam-\(id)"
        supervisor.role = .supervisor
        supervisor.teams = ["default"]
        _ = try await admin.put(supervisor)
        let token = try await admin.issueToken(for: supervisor.name).secret
        var mailbox = Principal()
        mailbox.name = "mail-\(id)"
        mailbox.role = .intake
        _ = try await admin.put(mailbox)
        let mail = try await admin.issueToken(for: mailbox.name).secret
        await admin.shutdown()
        let client = try cluster.client([id], token: token)
        var events = try client.watch(includesHeartbeats: true).makeAsyncIterator()
        // The first word says where the stream begins: what comes after it is seen.
        #expect(try await events.next()?.heartbeat == true)
        var ids: Set<String> = []
        for number in 0..<8 {
            var new = NewCase()
            new.message = "case \(number) through node \(id)"
            new.requester.name = "Anna"
            let receipt = try await client.create(new)
            ids.insert(receipt.caseID)
            _ = try await client.execute(.comment("more of \(number)"), on: receipt.caseID)
            #expect(try await client.get(receipt.caseID).version == 2)
            let history = try await client.history(receipt.caseID)
            #expect(history.entries.contains { $0.text == "more of \(number)" })
            #expect(try await client.verify(receipt.caseID).valid)
        }
        var listed: Set<String> = []
        for try await record in client.cases() { listed.insert(record.id) }
        #expect(ids.isSubset(of: listed))
        var seen: Set<String> = []
        while !ids.isSubset(of: seen), let event = try await events.next() {
            seen.insert(event.caseID)
        }
        #expect(ids.isSubset(of: seen))
        await client.shutdown()
        let channel = try cluster.client([id], token: mail)
        for number in 0..<4 {
            let text = """
                From: anna@example.com\r
                To: support@example.com\r
                Message-ID: <\(id)-\(number)@example.com>\r
                Subject: node \(id)\r
                \r
                The door is stuck.\r

                """
            let first = try await channel.submit(.mail(Array(text.utf8)))
            let again = try await channel.submit(.mail(Array(text.utf8)))
            #expect(first.caseID == again.caseID && again.duplicate)
        }
        await channel.shutdown()
    }
}
