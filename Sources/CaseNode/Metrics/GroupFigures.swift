import CaseModel
import ClusterPrimitives
import RaftCore
import Synchronization

/// What one replica of this node looks like, for metrics and for `casectl cluster top`.
struct GroupFigures: Sendable {
    var status: RaftStatus
    var isReady: Bool
    var silentMilliseconds: Int64?
    var checkpointIndex: LogIndex
    var uncoveredMilliseconds: Int64
    /// Its SQLite file; the store's own log stands beside it.
    var storePath: String
    /// By status, from new; empty of the system group.
    var cases: [UInt64]

    /// `system` or `shard-3`.
    var label: String { Self.label(status.group) }

    /// Entries that each other member lacks; nothing but on the leader.
    var lags: [(node: NodeID, entries: UInt64)] {
        status.progress.filter { $0.id != status.id }.map { member in
            let match = min(member.progress.match, status.lastIndex)
            return (member.id, status.lastIndex.rawValue - match.rawValue)
        }
    }

    /// Bytes of the group's SQLite file.
    var storeBytes: UInt64 { ProcessFigures.bytes(of: storePath) }

    /// Bytes of the write-ahead log beside it.
    var storeWALBytes: UInt64 { ProcessFigures.bytes(of: storePath + "-wal") }

    static func label(_ group: GroupID) -> String {
        group.shard.map { "shard-\($0)" } ?? "system"
    }
}

extension ServiceContext {
    /// Time for replicas to say what they look like, in milliseconds: a stalled event loop costs its figures and not
    /// the page.
    static let figuresMillisecondsMax: Int64 = 1_000
    /// How often is looked whether all have answered, in milliseconds.
    private static let figuresLookMilliseconds: Int64 = 2

    /// Asks each replica of this node on its own loop; no round and no read of a store. By group.
    func figures() async throws -> [GroupFigures] {
        let box = FiguresBox()
        var wanted = 1
        let system = system.replica
        system.status { status in
            box.add(
                GroupFigures(
                    status: status,
                    isReady: system.leadership.isReady,
                    silentMilliseconds: system.silentMilliseconds,
                    checkpointIndex: system.checkpointIndex,
                    uncoveredMilliseconds: system.uncoveredMilliseconds,
                    storePath: system.machine.storePath,
                    cases: []
                )
            )
        }
        for route in shards {
            guard let replica = route.local else { continue }
            wanted += 1
            replica.status { status in
                let state = replica.machine.store.state
                box.add(
                    GroupFigures(
                        status: status,
                        isReady: replica.leadership.isReady,
                        silentMilliseconds: replica.silentMilliseconds,
                        checkpointIndex: replica.checkpointIndex,
                        uncoveredMilliseconds: replica.uncoveredMilliseconds,
                        storePath: replica.machine.storePath,
                        cases: CaseStatus.allCases.map { state.count($0) }
                    )
                )
            }
        }
        let end = SystemClock.monotonicMilliseconds() + Self.figuresMillisecondsMax
        while box.count < wanted, SystemClock.monotonicMilliseconds() < end {
            try await Task.sleep(for: .milliseconds(Self.figuresLookMilliseconds))
        }
        return box.all
    }
}

private final class FiguresBox: Sendable {
    private let figures = Mutex<[GroupFigures]>([])

    var count: Int { figures.withLock { $0.count } }

    var all: [GroupFigures] {
        figures.withLock { $0 }.sorted { $0.status.group < $1.status.group }
    }

    func add(_ one: GroupFigures) { figures.withLock { $0.append(one) } }
}
