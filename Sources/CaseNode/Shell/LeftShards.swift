import ClusterPrimitives
import Glibc

/// Which shards this node has given away, as files in its store's directory.
///
/// - `leaving-NNNN` from the decision until log and store have nothing of the shard any more: a start that finds
///   it finishes the work.
/// - `left-NNNN` for ever: a founder that had a replica once must not begin the shard again as one of its first
///   voters, having forgotten what it voted and acknowledged. If the shard comes back, it comes as to a newcomer.
struct LeftShards: Sendable {
    let directory: DataDirectory

    private func path(_ word: String, _ shard: ShardID) -> String {
        let name = directory.shardStoreName(shard)
        return "\(directory.storePath)/\(word)-\(name.suffix(4))"
    }

    /// The node had a replica and gave it away, now or once.
    func hasLeft(_ shard: ShardID) -> Bool { access(path("left", shard), F_OK) == 0 }

    /// What is there of the shard is to go.
    func isLeaving(_ shard: ShardID) -> Bool { access(path("leaving", shard), F_OK) == 0 }

    /// Decided, durably.
    func begin(_ shard: ShardID) throws(DataDirectoryError) {
        try DataDirectory.writeDurably([], to: path("left", shard), mode: 0o644)
        try DataDirectory.writeDurably([], to: path("leaving", shard), mode: 0o644)
    }

    /// Nothing of it is left.
    func finish(_ shard: ShardID) throws(DataDirectoryError) {
        try DataDirectory.removeDurably(path("leaving", shard))
    }
}
