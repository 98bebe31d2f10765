import CaseProtocol
import ClusterPrimitives
import Foundation
import Testing

@testable import CaseNode

/// A shard that was given away leaves nothing behind, however the node's life goes on, and is never begun again.
@Suite(.timeLimit(.minutes(1))) struct LeftShardsTests {
    @Test func whatWasGivenAwayIsKnownForEver() throws {
        let place = try TemporaryDirectory()
        let directory = try DataDirectory(
            path: place.path + "/data",
            newNodeID: NodeID(1),
            newClusterID: Array(repeating: 7, count: 16)
        )
        let (shard, other) = (ShardID(3), ShardID(4))
        try LeftShards(directory: directory).begin(shard)
        let again = LeftShards(directory: directory)
        #expect(again.isLeaving(shard) && again.hasLeft(shard))
        #expect(!again.isLeaving(other) && !again.hasLeft(other))
        try again.finish(shard)
        try again.finish(shard)
        #expect(!again.isLeaving(shard) && again.hasLeft(shard))
    }

    /// The node died between the decision and the end of it.
    @Test func aStartFinishesWhatWasCutShort() async throws {
        let place = try TemporaryDirectory()
        let path = place.path + "/data"
        let first = try await RunningNode.start(path)
        let token = try first.adminToken()
        try await first.stop()
        let store = path + "/store"
        for word in ["left", "leaving"] {
            try Data().write(to: URL(filePath: "\(store)/\(word)-0001"))
        }
        let second = try await RunningNode.start(path)
        let status = try await statusHoldingAll(second, token)
        // The founder begins it no more as its first voter: it would wait for a leader to bring it everything.
        #expect(status.groups.map(\.group) == [0, 1, 2])
        #expect(status.groups[1].voters == [1])
        #expect(status.groups[2].voters.isEmpty && status.groups[2].appliedIndex == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: store)
        #expect(names.contains("left-0001") && !names.contains("leaving-0001"))
        try await second.stop()
        // And so it stays: nothing of what the log once held comes back.
        let third = try await RunningNode.start(path)
        let again = try await statusHoldingAll(third, token)
        #expect(again.groups[2].voters.isEmpty && again.groups[2].appliedIndex == 0)
        try await third.stop()
    }

    /// A shard that comes back is opened beside the start, and is shown as the map has it until then.
    private func statusHoldingAll(
        _ node: RunningNode,
        _ token: String
    ) async throws -> PBStatusResponse {
        while true {
            let status: PBStatusResponse = try await node.call(
                "Cluster/Status",
                PBStatusRequest(),
                token: token
            )
            if status.groups.allSatisfy(\.held) { return status }
        }
    }

    @Test func aJoinersDirectoryRemembersThatItJoined() throws {
        let place = try TemporaryDirectory()
        for joins in [true, false] {
            let path = "\(place.path)/\(joins)"
            for start in [joins, false] {
                let directory = try DataDirectory(
                    path: path,
                    newNodeID: NodeID(2),
                    newClusterID: Array(repeating: 7, count: 16),
                    joins: start
                )
                #expect(directory.isJoiner == joins)
                directory.release()
            }
        }
    }
}
