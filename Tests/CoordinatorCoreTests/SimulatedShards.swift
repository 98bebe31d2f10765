import CaseModel
import ClusterPrimitives

@testable import CoordinatorCore

/// A shard as the coordinator sees it: cases that become due, closed ones, owners, and the epoch it
/// obeys.
struct SimulatedShard {
    struct Case {
        var dueAt: Timestamp
        var closedAt: Timestamp?
        /// By the boundary of the night that archived it.
        var archivedBefore: Timestamp?
        /// When it was made, and when its close was applied, by the simulation's own clock.
        var closedAtTrueTime: Int64?
    }

    var cases: [Case] = []
    var epoch = Epoch(incarnation: 0, term: .zero)
    var night: (number: UInt64, boundary: Timestamp)?
    var gone: [PrincipalID: Bool] = [:]
    var faults: [String] = []
    var sweeps = 0
    var emptySweeps = 0

    var firstDue: Timestamp? { cases.filter { $0.closedAt == nil }.map(\.dueAt).min() }

    /// As the store does it, page by page.
    mutating func apply(
        _ command: ShardCommand,
        now: Timestamp,
        trueTime: Int64,
        pageMax: Int
    ) -> ShardResult {
        let from = command.epoch
        guard from >= epoch else { return .refused(.staleEpoch) }
        epoch = from
        switch command {
        case .sweep(_, let asOf, _):
            guard asOf <= now else { return .refused(.notDue(dueAt: asOf)) }
            sweeps += 1
            let page = cases.indices.filter {
                cases[$0].closedAt == nil && cases[$0].dueAt <= asOf
            }.prefix(pageMax)
            if page.isEmpty { emptySweeps += 1 }
            for position in page {
                if cases[position].dueAt > now { faults.append("closed early") }
                cases[position].closedAt = now
                cases[position].closedAtTrueTime = trueTime
            }
            let more = !page.isEmpty && (firstDue.map { $0 <= asOf } ?? false)
            return .swept(count: UInt32(page.count), more: more, nextDueAt: firstDue)
        case .beginNight(_, let number, let boundary):
            if number > night?.number ?? 0 {
                if boundary <= night?.boundary ?? .zero { faults.append("boundary fell") }
                night = (number, boundary)
            }
            return .swept(count: 0, more: true, nextDueAt: firstDue)
        case .archivePage(_, let number, let boundary, _):
            return archive(number, boundary, pageMax)
        case .ownerGone(_, let principal, _):
            gone[principal] = true
            return .swept(count: 0, more: false, nextDueAt: firstDue)
        case .ownerBack(_, let principal):
            gone[principal] = nil
            return .swept(count: 0, more: false, nextDueAt: firstDue)
        case .onCase, .claim, .recordClaim:
            faults.append("not a coordinator's command")
            return .refused(.notFound)
        }
    }

    private mutating func archive(
        _ number: UInt64,
        _ boundary: Timestamp,
        _ pageMax: Int
    ) -> ShardResult {
        guard let night, number == night.number, boundary == night.boundary else {
            return number < night?.number ?? 0
                ? .swept(count: 0, more: false, nextDueAt: firstDue)
                : .refused(.invalid(field: "night", reason: "has not begun"))
        }
        let left = cases.indices.filter { position in
            guard let closedAt = cases[position].closedAt else { return false }
            return closedAt < boundary && cases[position].archivedBefore == nil
        }
        for position in left.prefix(pageMax) { cases[position].archivedBefore = boundary }
        return .swept(
            count: UInt32(min(left.count, pageMax)),
            more: left.count > pageMax,
            nextDueAt: firstDue
        )
    }
}

extension ShardCommand {
    var epoch: Epoch {
        switch self {
        case .sweep(let epoch, _, _), .beginNight(let epoch, _, _),
            .archivePage(let epoch, _, _, _), .ownerGone(let epoch, _, _),
            .ownerBack(let epoch, _):
            epoch
        case .onCase, .claim, .recordClaim: Epoch(incarnation: 0, term: .zero)
        }
    }
}
