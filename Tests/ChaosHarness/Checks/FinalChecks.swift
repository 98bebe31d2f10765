import CaseClient
import Foundation

/// What is asked of the healed cluster as a whole, whatever the workloads were.
struct FinalChecks: Sendable {
    let stage: Stage

    init(_ stage: Stage) { self.stage = stage }

    func violations() async throws -> [Violation] {
        try await replicas() + chains()
    }

    /// How long replicas may take to apply the same, once everything is healed.
    static let levelLimit = Duration.seconds(60)

    /// Rows of all replicas of each shard are the same, once they have applied the same.
    private func replicas() async throws -> [Violation] {
        let clock = ContinuousClock()
        let end = clock.now + Self.levelLimit
        var found: [UInt32: [UInt64: ShardChecksum]] = [:]
        repeat {
            found = [:]
            for slot in stage.cluster.slots {
                let admin = try stage.client("admin", first: slot.index, alone: true)
                let rows = try await stage.insist("checksums of node \(slot.nodeID)") {
                    () async throws(CaseClientError) in try await admin.checksums()
                }
                for row in rows { found[row.shard, default: [:]][slot.nodeID] = row }
            }
            if Self.isLevel(found) { return Self.unequal(found) }
            await stage.cluster.pause(ChaosCluster.pollInterval)
        } while clock.now < end
        return [
            Violation(
                check: "replicas equal",
                subject: "all shards",
                message: "replicas did not come to the same index in \(Self.levelLimit)"
            )
        ]
    }

    static func isLevel(_ found: [UInt32: [UInt64: ShardChecksum]]) -> Bool {
        found.values.allSatisfy { Set($0.values.map(\.appliedIndex)).count == 1 }
    }

    static func unequal(_ found: [UInt32: [UInt64: ShardChecksum]]) -> [Violation] {
        found.sorted { $0.key < $1.key }.compactMap { shard, rows in
            guard Set(rows.values.map(\.checksum)).count > 1 else { return nil }
            let lines = rows.sorted { $0.key < $1.key }.map { node, row in
                "node \(node): \(row.checksum.prefix(4).map { String($0, radix: 16) }.joined())"
            }
            return Violation(
                check: "replicas equal",
                subject: "shard \(shard)",
                message: "rows differ at the same index",
                operations: lines
            )
        }
    }

    /// Every case's audit chain is whole.
    private func chains() async throws -> [Violation] {
        let client = try stage.client(People.supervisor)
        var query = CaseQuery()
        query.statuses = CaseStatus.allCases.filter { $0 != .unspecified }
        query.pageSize = 500
        var violations: [Violation] = []
        repeat {
            let page = try await stage.insist("a list") {
                [query] () async throws(CaseClientError) in
                try await client.list(query)
            }
            for found in page.cases {
                let answer = try await stage.insist("the chain of \(found.id)") {
                    () async throws(CaseClientError) in try await client.verify(found.id)
                }
                guard !answer.valid else { continue }
                violations.append(
                    Violation(
                        check: "audit chain",
                        subject: "case \(found.id)",
                        message: "broken at version \(answer.brokenVersion)"
                    )
                )
            }
            query.pageToken = page.nextPageToken
        } while !query.pageToken.isEmpty
        return violations
    }
}
