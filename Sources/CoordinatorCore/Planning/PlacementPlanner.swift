import CaseModel
import ClusterPrimitives

/// Says where replicas belong when members come and go; the groups' leaders move them there.
///
/// It remembers nothing that matters: what is left to do follows from the replicated state, so that
/// the next coordinator goes on where this one ended.
struct PlacementPlanner: Sendable {
    /// The one thing that is ever proposed: all targets that should change.
    private static let key = 0

    private let epoch: Epoch
    private var slots = WorkSlots<Int>(limit: 1)
    private var changes: [ShardTarget] = []
    /// Of the map that `changes` was derived from.
    private var mapVersion: UInt64?

    init(epoch: Epoch) { self.epoch = epoch }

    mutating func tick(
        _ state: SystemState,
        _ attempts: inout UInt64
    ) -> [CoordinatorEffect] {
        slots.tick()
        if state.mapVersion != mapVersion {
            changes = Placement.changes(state)
            mapVersion = state.mapVersion
        }
        if changes.isEmpty {
            slots.retain { _ in false }
        } else {
            slots.want(Self.key)
        }
        return slots.start(&attempts).map { _, attempt in
            .propose(
                .placeShards(changes, epoch: epoch),
                Errand(epoch: epoch, planner: .placement, attempt: attempt)
            )
        }
    }

    mutating func recorded(_ attempt: UInt64, _ answer: ProposalAnswer) {
        _ = answer == .applied ? slots.finish(attempt) : slots.fail(attempt)
    }
}
