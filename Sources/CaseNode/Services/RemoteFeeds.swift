import CaseStore
import ClusterPrimitives
import NIOCore
import Synchronization

/// Looks after the feeds of shards that this node does not hold, while somebody here watches.
///
/// Why asking and not being told: a node that is told would have to be told again after every change of
/// leaders, members and links. One small question a shard, however many watch.
final class RemoteFeeds: Sendable {
    /// Between two looks at each shard, in milliseconds: what a person does not notice.
    static let milliseconds: Int64 = 200

    private struct State {
        var isLooking = false
        /// Where each feed ended when it was last asked.
        var ends: [ShardID: UInt64] = [:]
    }

    private let context: ServiceContext
    private let state = Mutex(State())

    init(context: ServiceContext) { self.context = context }

    /// Looks from now on, for as long as `isWatched` says so; `changed` hears of feeds that grew.
    func look(
        while isWatched: @escaping @Sendable () -> Bool,
        changed: @escaping @Sendable (ShardID) -> Void
    ) {
        let isFirst = state.withLock { state in
            defer { state.isLooking = true }
            return !state.isLooking
        }
        if isFirst { next(isWatched, changed) }
    }

    private func next(
        _ isWatched: @escaping @Sendable () -> Bool,
        _ changed: @escaping @Sendable (ShardID) -> Void
    ) {
        let goesOn = state.withLock { state in
            state.isLooking = isWatched()
            return state.isLooking
        }
        guard goesOn else { return }
        for shard in context.shards where !shard.readsHere { ask(shard, changed) }
        let eventLoop = context.system.replica.eventLoop
        eventLoop.scheduleTask(in: .milliseconds(Self.milliseconds)) { [weak self] in
            self?.next(isWatched, changed)
        }
    }

    private func ask(
        _ shard: GroupRoute<ShardMachine>,
        _ changed: @escaping @Sendable (ShardID) -> Void
    ) {
        let deadline = NIODeadline.now() + .milliseconds(Self.milliseconds)
        shard.ask(ShardQuestion.feedBounds.encodedBytes, by: deadline) { [self] result in
            guard case .success(let bytes) = result, let end = FeedBounds(answer: bytes)?.last
            else { return }  // The next look may find somebody.
            let hasGrown = state.withLock { state in
                defer { state.ends[shard.shard] = end }
                return state.ends[shard.shard] != end
            }
            if hasGrown { changed(shard.shard) }
        }
    }
}

extension FeedBounds {
    /// Nil for an answer in a form of a newer program.
    init?(answer bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do throws(DecodingFault) {
            self.init(floor: try reader.unsigned(), last: try reader.unsigned())
        } catch {
            return nil
        }
    }
}
