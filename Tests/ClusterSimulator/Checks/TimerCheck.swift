import CaseModel
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RaftCore

/// Timers act neither early nor twice: computed anew from the commands as they are committed, each looked
/// at once, by whichever replica applies it first.
final class TimerCheck {
    /// How late a timer may be where all is well: elections and refusals of clocks that differ included.
    private static let latenessMax = TimeSpan(milliseconds: 10_000)
    /// After so long a coordinator asks a shard that told it nothing.
    private static let recheckTime = TimeSpan(
        milliseconds: Int64(PlannerLimits.recheckTicks) * PlannerLimits.tickMillisecondsMax
    )

    private unowned let world: World
    private var seen: [ShardID: LogIndex] = [:]
    /// When a resolved case may be closed, and a parked one resumed.
    private var due: [CaseID: Timestamp] = [:]
    private var closedAt: [CaseID: Timestamp] = [:]
    private var archived: Set<CaseID> = []
    private var creates: [SHA256Digest: CaseID] = [:]
    private var epochs: [ShardID: Epoch] = [:]
    private var times: [ShardID: Timestamp] = [:]

    init(_ world: World) { self.world = world }

    /// Whether the coordinator has nothing left to do.
    var isSettled: Bool { due.isEmpty && closedAt.keys.allSatisfy { archived.contains($0) } }

    /// What should have been done by now, where nothing has stood in the way since `calm`; nil if all was.
    /// A night is on record; what fell due may have been told to a coordinator that no longer hears, and
    /// then it is the next question that finds it.
    func late(at now: Timestamp, calm: Timestamp) -> String? {
        let archivedBy = TimeSpan(milliseconds: world.options.nightSeconds * 1_000)
        for (id, time) in closedAt.sorted(by: { $0.key < $1.key }) where !archived.contains(id) {
            guard max(time, calm) + archivedBy + Self.latenessMax < now else { continue }
            return "case \(id) closed at \(time), and the night after is over"
        }
        for (id, time) in due.sorted(by: { $0.key < $1.key }) {
            guard max(time, calm) + Self.recheckTime + Self.latenessMax < now else { continue }
            return "case \(id) was due at \(time)"
        }
        return nil
    }

    /// What the coordinator has left to do, for people.
    var unsettled: String {
        let waiting = due.sorted { $0.key < $1.key }.map { "case \($0.key) due at \($0.value)" }
        let closed = closedAt.keys.sorted().filter { !archived.contains($0) }
        return (waiting + closed.map { "case \($0) closed" }).prefix(3).joined(separator: ", ")
    }

    /// One entry was applied.
    func applied(_ shard: ShardID, _ result: AppliedResult, _ entry: Entry) {
        guard result.index > seen[shard] ?? .zero else { return }
        seen[shard] = result.index
        guard case .answered(let answer, let remembered) = result.outcome else { return }
        let command: StampedShardCommand
        do throws(DecodingFault) {
            command = try StampedShardCommand(decoding: entry.payload)
        } catch {
            return world.fail("shard \(shard): entry \(entry.index) does not decode: \(error)")
        }
        if remembered, !result.changes.isEmpty {
            world.fail("shard \(shard): a remembered command changed something")
        }
        for item in result.changes {
            if item.at < times[shard] ?? .zero { world.fail("shard \(shard): its time falls") }
            times[shard] = item.at
        }
        if answer == .refused(.staleEpoch) {
            world.coverage[.epochFenced] += 1
        } else if let epoch = command.command.epoch {
            if let highest = epochs[shard], epoch < highest {
                world.fail("shard \(shard) obeys epoch \(epoch) after \(highest)")
            }
            epochs[shard] = epoch
        }
        if case .onCase(let inner, let scope) = command.command {
            onCase(inner, scope, result)
        } else {
            for item in result.changes { byTimer(item, command.command) }
        }
    }

    private func onCase(
        _ command: CaseCommand,
        _ scope: IdempotencyScope,
        _ result: AppliedResult
    ) {
        for item in result.changes {
            if item.action == .create {
                if let other = creates[scope.digest], other != item.caseID {
                    world.fail("one key made two cases, \(other) and \(item.caseID)")
                }
                creates[scope.digest] = item.caseID
            }
            switch command.action {
            case .proposeSolution where item.dueAt != nil:
                due[item.caseID] = item.at + command.reopenWindow
            case .park(_, let until): due[item.caseID] = until
            default:
                let status = item.after.status
                if status != .resolved, status != .parked { due[item.caseID] = nil }
            }
            // Named by the commands that set it.
            if let said = item.dueAt, said != due[item.caseID] {
                world.fail("case \(item.caseID) says it is due at another time than it should")
            }
            if item.after.status == .closed { closedAt[item.caseID] = item.at }
            if item.after.status == .deleted {
                world.coverage[.caseDeleted] += 1
                closedAt[item.caseID] = nil
            }
        }
    }

    private func byTimer(_ item: FeedItem, _ command: ShardCommand) {
        switch (item.action, command) {
        case (.closeByTimer, .sweep(_, let asOf, _)):
            world.coverage[.closedByTimer] += 1
            check(item, asOf)
            closedAt[item.caseID] = item.at
        case (.resume, .sweep(_, let asOf, _)):
            world.coverage[.resumedByTimer] += 1
            check(item, asOf)
        case (.release, .ownerGone):
            world.coverage[.ownerLeft] += 1
            // It may have been parked: it waits for an owner now.
            due[item.caseID] = nil
        case (.archive, .archivePage(_, _, let boundary, _)):
            world.coverage[.archived] += 1
            if !archived.insert(item.caseID).inserted {
                world.fail("case \(item.caseID) is archived twice")
            }
            if let closed = closedAt[item.caseID], closed >= boundary {
                world.fail("case \(item.caseID) closed at \(closed) is archived by \(boundary)")
            }
        default: break
        }
    }

    private func check(_ item: FeedItem, _ asOf: Timestamp) {
        guard let time = due.removeValue(forKey: item.caseID) else {
            return world.fail("the timer acts on case \(item.caseID) without a reason, or twice")
        }
        if item.at < time || asOf < time {
            world.fail("the timer acts on case \(item.caseID) at \(item.at), due at \(time)")
        }
    }
}

extension ShardCommand {
    /// The coordinator's, in the commands that it sends.
    fileprivate var epoch: Epoch? {
        switch self {
        case .sweep(let epoch, _, _), .beginNight(let epoch, _, _),
            .archivePage(let epoch, _, _, _), .ownerGone(let epoch, _, _), .ownerBack(let epoch, _):
            epoch
        case .onCase, .claim, .recordClaim: nil
        }
    }
}
