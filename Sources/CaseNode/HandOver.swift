import ClusterPrimitives
import Logging

/// The first step of a stop: has other nodes take over every group that this one leads, the coordinator's among
/// them, and waits until that has come about. Calls are served meanwhile.
struct HandOver {
    /// How long it may take, in milliseconds: several tries of an election timeout each. Whoever is not rid of a
    /// group by then leaves it to the others' election, as a killed node would.
    static let millisecondsMax: Int64 = 3_000
    /// How often is looked whether it has come about, in milliseconds: a fraction of what it takes.
    static let lookMilliseconds: Int64 = 5

    let context: ServiceContext

    func run(_ logger: Logger) async {
        let began = SystemClock.monotonicMilliseconds()
        for shard in context.shards { shard.local?.resign() }
        context.system.replica.resign()
        while !isOver, SystemClock.monotonicMilliseconds() - began < Self.millisecondsMax {
            do {
                try await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
            } catch {
                break  // Whoever waits for the stop has lost patience.
            }
        }
        let left = ledHere
        if left == 0 {
            logger.info(
                "others lead what this node led",
                metadata: ["ms": "\(SystemClock.monotonicMilliseconds() - began)"]
            )
        } else {
            logger.notice("not everything could be handed over", metadata: ["groups": "\(left)"])
        }
    }

    /// Every group has a leader that this node knows, which is another one: so that its callers can be told.
    private var isOver: Bool {
        let leaders = context.shards.compactMap { $0.local?.leadership.leader }
        let known = context.shards.count { $0.local != nil }
        let system = context.system.replica.leadership.leader
        return leaders.count == known && ledHere == 0 && system != nil
    }

    private var ledHere: Int {
        let node = context.node
        return context.shards.count { $0.local?.leadership.leader == node }
            + (context.system.replica.leadership.leader == node ? 1 : 0)
    }
}
