import CaseModel
import CaseStore
import ClusterPrimitives
import Foundation

/// What shards remember of coordinators, in the files of nodes that were stopped.
///
/// A shard obeys no coordinator older than one that it has obeyed. Every coordinator speaks to every shard, at
/// each night at the latest; so each shard must have kept the epoch of one that is no older than whoever led the
/// system group a few nights before the end. A shard that remembers less would obey whom it must not.
struct FencingCheck: Sendable {
    /// The system group's term after healing, nights before the nodes were stopped.
    let term: Term

    func violations(node: UInt64, epochs: [ShardID: Epoch]) -> [Violation] {
        epochs.sorted { $0.key.rawValue < $1.key.rawValue }.compactMap { shard, epoch in
            guard epoch.term < term else { return nil }
            return Violation(
                check: "coordinators are fenced",
                subject: "node \(node), shard \(shard)",
                message:
                    "it remembers the epoch \(epoch), and should remember one of term \(term) or later"
            )
        }
    }

    /// Reads the epochs out of a stopped node's files.
    static func epochs(
        dataDirectory: String,
        shards: Int
    ) throws -> [ShardID: Epoch] {
        var found: [ShardID: Epoch] = [:]
        for number in 0..<shards {
            let shard = ShardID(UInt16(number))
            let digits = String(number + 10_000).dropFirst()
            let location = StoreLocation(
                directory: dataDirectory + "/store",
                name: "shard-\(digits)"
            )
            // Not every node has every shard; to open one that is not there would make it.
            guard FileManager.default.fileExists(atPath: location.path) else { continue }
            found[shard] = try ShardStore(at: location, shard: shard).state.epoch
        }
        return found
    }
}
